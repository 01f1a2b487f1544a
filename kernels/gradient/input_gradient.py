"""The gradient of a linear layer's inputs: what it passes on to the layer before.

    dX[b, f] = sum_u dZ[b, u] W[u, f]

Kernels, simplest first:

    loop            three nested loops, features innermost
    sample_loop     one vector-matrix product per sample
    einsum          the whole batch in one call, in einsum's own C loop
    einsum_path     einsum's optimised path hands the contraction to BLAS
    matmul          the GEMM called directly, no path to look for
    numba           ``loop`` compiled
    numba_parallel  threads share the samples
    tiled           blocks of sums in registers, packed weights, non-temporal stores
    mkl             oneMKL's GEMM, one call in every thread
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.einsum.facts import contraction
from einbench.inputs import IN_SUMS, WEIGHTS, Input
from einbench.jit.claiming import counters
from einbench.jit.gemm.linear import inputs_all, inputs_elements, run_serially
from einbench.jit.gemm.mkl_layer import inputs_by_mkl
from einbench.jit.linked import elements_to_line
from einbench.jit.pool_code import num_threads
from einbench.kernel import BLAS_VARIES
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]
prange = range  # the compiled copies see numba's

#: a result that no core's own cache holds is written by non-temporal stores: products do not wait
#: for those
_STREAMED_BYTES = 1 << 21


input_gradient = register(
    Operation(
        name="input_gradient",
        formula="dX[b, f] = sum_u dZ[b, u] W[u, f]",
        inputs={
            "dlogits": Input("batch units", nonfinite=IN_SUMS),
            "weights": Input("units features", WEIGHTS, IN_SUMS),
        },
        outputs={"dinputs": "batch features"},
        sizes={"features": 784, "units": 128},
        **contraction("batch units, units features -> batch features", "dlogits", "weights"),
    )
)


@input_gradient.kernel("loop")
@input_gradient.kernel("numba", compile=True, fastmath=frozenset({"contract"}))
@input_gradient.kernel(
    "numba_parallel", compile=True, parallel=True, fastmath=frozenset({"contract"})
)
def triple_loop(dlogits: Array, weights: Array) -> Array:
    """Three nested loops, the features innermost: rows of the weights are added up."""
    # compiled, the inner loop runs along rows of W and dX in vector instructions; all of W is
    # read for every sample: bound by the cache it lies in
    batch, units = dlogits.shape
    features = weights.shape[1]
    dinputs = np.empty((batch, features), dlogits.dtype)
    zero = dlogits.dtype.type(0)
    for b in prange(batch):
        for f in range(features):
            dinputs[b, f] = zero
        for u in range(units):
            factor = dlogits[b, u]
            for f in range(features):
                dinputs[b, f] += factor * weights[u, f]
    return dinputs


@input_gradient.kernel("sample_loop", family="loop")
def sample_loop(dlogits: Array, weights: Array) -> Array:
    """New over ``loop``: the two inner loops are one vector-matrix product per sample."""
    # reads all weights again for every sample: bound by the cache they lie in
    dinputs = np.empty((dlogits.shape[0], weights.shape[1]), dlogits.dtype)
    for b, row in enumerate(dlogits):
        dinputs[b] = np.dot(row, weights)
    return dinputs


@input_gradient.kernel("einsum")
def einsum(dlogits: Array, weights: Array) -> Array:
    """New over ``sample_loop``: the whole batch in one call, in einsum's own C loop."""
    # no BLAS: einsum without a path makes and adds one product at a time
    return np.einsum("bu,uf->bf", dlogits, weights)


@input_gradient.kernel("einsum_path", family="einsum", varies=BLAS_VARIES)
def einsum_path(dlogits: Array, weights: Array) -> Array:
    """New over ``einsum``: the optimised path hands the contraction to BLAS."""
    # looking for the path costs tens of microseconds, whatever the size
    return np.einsum("bu,uf->bf", dlogits, weights, optimize=True)


@input_gradient.kernel("matmul", varies=BLAS_VARIES)
def matmul(dlogits: Array, weights: Array) -> Array:
    """New over ``einsum_path``: the GEMM called directly, no path to look for."""
    # reads B*U + U*F, writes B*F
    return np.matmul(dlogits, weights)


@input_gradient.kernel(
    "tiled", compile=True, parallel=True, extra_elements=lambda s: s["units"] * s["features"]
)
def tiled(dlogits: Array, weights: Array, out: Array) -> None:
    """New over ``numba_parallel``: blocks of sums in registers, tiles by non-temporal stores."""
    # reads B*U and writes B*F once, and the weights, packed for it, once a tile of rows
    batch, units = dlogits.shape
    features = weights.shape[1]
    zeros = np.zeros(48, dlogits.dtype)
    memory = np.empty(inputs_elements(dlogits, batch, units, features) + 16, dlogits.dtype)
    work = memory[elements_to_line(memory) :]
    streamed = 1 if out.nbytes >= _STREAMED_BYTES else 0
    threads = 1 if run_serially(dlogits, batch, units, features) else num_threads()
    state = counters(2, threads)
    inputs_all(
        threads, 1, threads, state, dlogits, weights, batch, units, features, zeros, work, out,
        streamed,
    )  # fmt: skip


@input_gradient.kernel("mkl", compile=True, parallel=True, requires=("mkl",), varies=BLAS_VARIES)
def mkl(dlogits: Array, weights: Array, out: Array) -> None:
    """New over ``tiled``: oneMKL's products, one in every thread."""
    # reads B*U and writes B*F, and the weights once a part of the rows
    batch, units = dlogits.shape
    features = weights.shape[1]
    threads = 1 if run_serially(dlogits, batch, units, features) else num_threads()
    state = counters(1, threads)
    inputs_by_mkl(threads, 1, threads, state, dlogits, weights, batch, units, features, out)
