"""The gradient of a linear layer's weights: outer products summed over the batch.

    dW[u, f] = sum_b dZ[b, u] X[b, f]

Kernels, simplest first:

    loop            three nested loops, samples outermost
    sample_loop     one outer product per sample, added up
    broadcast       all outer products at once by broadcasting, then one sum
    einsum          products summed as they are made, in einsum's own C loop
    einsum_path     einsum's optimised path hands the contraction to BLAS
    matmul          the GEMM called directly, no path to look for
    numba           ``loop`` compiled
    numba_parallel  threads share the units, eight at a time: no two write one sum
    tiled           blocks of sums in registers, a block of rows in cache
    mkl             oneMKL's GEMM, one call in every thread
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.einsum.facts import contraction
from einbench.inputs import IMAGES, IN_SUMS, Input
from einbench.jit.claiming import counters
from einbench.jit.gemm.linear import run_serially, weights_all
from einbench.jit.gemm.mkl_layer import weights_by_mkl
from einbench.jit.gemm.partial import by_parts, partial_elements, parts_of, weights_by_parts
from einbench.jit.linked import elements_to_line
from einbench.jit.pool_code import num_threads
from einbench.kernel import BLAS_VARIES, Sizes
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]
prange = range  # the compiled copies see numba's


weight_gradient = register(
    Operation(
        name="weight_gradient",
        formula="dW[u, f] = sum_b dZ[b, u] X[b, f]",
        inputs={
            "inputs": Input("batch features", IMAGES, IN_SUMS),
            "dlogits": Input("batch units", nonfinite=IN_SUMS),
        },
        outputs={"dweights": "units features"},
        sizes={"features": 784, "units": 128},
        **contraction("batch features, batch units -> units features", "inputs", "dlogits"),
    )
)


@weight_gradient.kernel("loop")
@weight_gradient.kernel("numba", compile=True, fastmath=frozenset({"contract"}))
def triple_loop(inputs: Array, dlogits: Array) -> Array:
    """Three nested loops, the samples outermost: one product is added at a time."""
    # compiled, the inner loop runs along rows of X and dW in vector instructions without
    # ``reassoc``; all of dW is read and written for every sample: bound by the cache it lies in
    batch, features = inputs.shape
    units = dlogits.shape[1]
    dweights = np.zeros((units, features), inputs.dtype)
    for b in range(batch):
        for u in range(units):
            factor = dlogits[b, u]
            for f in range(features):
                dweights[u, f] += factor * inputs[b, f]
    return dweights


@weight_gradient.kernel(
    "sample_loop", family="loop", extra_elements=lambda s: s["units"] * s["features"]
)
def sample_loop(inputs: Array, dlogits: Array) -> Array:
    """New over ``loop``: the two inner loops are one outer product per sample, added up."""
    # reads U*F twice and writes it twice for every sample: bound by the cache it lies in
    dweights = np.zeros((dlogits.shape[1], inputs.shape[1]), inputs.dtype)
    product = np.empty_like(dweights)
    for sample, factors in zip(inputs, dlogits, strict=True):
        np.multiply(factors[:, None], sample, out=product)
        dweights += product
    return dweights


@weight_gradient.kernel(
    "broadcast", extra_elements=lambda s: s["batch"] * s["units"] * s["features"]
)
def broadcast(inputs: Array, dlogits: Array) -> Array:
    """New over ``sample_loop``: every outer product at once by broadcasting, then one sum."""
    # writes B*U*F and reads it again: 48 GB in float64 at batch 60,000
    return np.asarray((inputs[:, None, :] * dlogits[:, :, None]).sum(axis=0))


@weight_gradient.kernel("einsum")
def einsum(inputs: Array, dlogits: Array) -> Array:
    """New over ``broadcast``: products are summed as they are made, in einsum's own C loop."""
    # reads B*F + B*U, writes U*F; no BLAS
    return np.einsum("bu,bf->uf", dlogits, inputs)


@weight_gradient.kernel("einsum_path", family="einsum", varies=BLAS_VARIES)
def einsum_path(inputs: Array, dlogits: Array) -> Array:
    """New over ``einsum``: the optimised path hands the contraction to BLAS."""
    # looking for the path costs tens of microseconds, whatever the size
    return np.einsum("bu,bf->uf", dlogits, inputs, optimize=True)


@weight_gradient.kernel("matmul", varies=BLAS_VARIES)
def matmul(inputs: Array, dlogits: Array) -> Array:
    """New over ``einsum_path``: the GEMM called directly, no path to look for."""
    # reads B*F + B*U, writes U*F; BLAS reads the transpose as it lies
    return np.matmul(dlogits.T, inputs)


@weight_gradient.kernel(
    "numba_parallel", compile=True, parallel=True, fastmath=frozenset({"contract"})
)
def unit_blocks(inputs: Array, dlogits: Array) -> Array:
    """New over ``numba``: threads take eight units each; no two add to the same sum."""
    # the eight rows of dW stay in first-level cache while all samples are read; X is read
    # once per block instead of once
    batch, features = inputs.shape
    units = dlogits.shape[1]
    dweights = np.empty((units, features), inputs.dtype)
    zero = inputs.dtype.type(0)
    for block in prange((units + 7) // 8):
        start, stop = 8 * block, min(8 * block + 8, units)
        for u in range(start, stop):
            for f in range(features):
                dweights[u, f] = zero
        for b in range(batch):
            for u in range(start, stop):
                factor = dlogits[b, u]
                for f in range(features):
                    dweights[u, f] += factor * inputs[b, f]
    return dweights


def _sums_of_parts(s: Sizes) -> float:
    return parts_of(int(s["batch"])) * s["units"] * s["features"]


@weight_gradient.kernel("tiled", compile=True, parallel=True, extra_elements=_sums_of_parts)
def tiled(inputs: Array, dlogits: Array, out: Array) -> None:
    """New over ``numba_parallel``: blocks of sums in registers, a block of rows in cache."""
    # reads B*F and B*U once where rows are many, sums of parts two to four times U*F
    (batch, features), units = inputs.shape, dlogits.shape[1]
    zeros = np.zeros(48, inputs.dtype)
    threads = 1 if run_serially(inputs, batch, units, features) else num_threads()
    state = counters(2, threads)
    if not by_parts(inputs, batch):
        weights_all(threads, 1, threads, state, inputs, dlogits, batch, units, features, zeros, out)
    else:
        memory = np.empty(partial_elements(inputs, batch, units, features) + 16, inputs.dtype)
        work = memory[elements_to_line(memory) :]
        weights_by_parts(
            threads, 1, threads, state, inputs, dlogits, batch, units, features, zeros, work, out
        )


@weight_gradient.kernel("mkl", compile=True, parallel=True, requires=("mkl",), varies=BLAS_VARIES)
def mkl(inputs: Array, dlogits: Array, out: Array) -> None:
    """New over ``tiled``: oneMKL's products, one in every thread."""
    # reads B*F once and B*U once a thread
    (batch, features), units = inputs.shape, dlogits.shape[1]
    threads = 1 if run_serially(inputs, batch, units, features) else num_threads()
    state = counters(1, threads)
    weights_by_mkl(threads, 1, threads, state, inputs, dlogits, batch, units, features, out)
