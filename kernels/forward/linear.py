"""The linear layer: logits or pre-activations from inputs, one row a sample.

    Z[b, u] = sum_f X[b, f] W[u, f] + bias[u]

Kernels, simplest first:

    loop            three nested loops, one product and one sum at a time
    sample_loop     one matrix-vector product per sample
    einsum          the whole batch in one call, in einsum's own C loop
    einsum_path     einsum's optimised path hands the contraction to BLAS
    matmul          the GEMM called directly, no path to look for
    numba           ``loop`` compiled, its sums split over vector lanes
    numba_parallel  threads share the samples
    tiled           blocks of sums in registers, started from the bias; packed weights
    mkl             oneMKL's GEMM, one call in every thread
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench import draws, wide
from einbench.inputs import BIASES, IMAGES, IN_SUMS, WEIGHTS, Input
from einbench.jit.claiming import counters
from einbench.jit.gemm.linear import outputs_all, packed_elements, run_serially
from einbench.jit.gemm.mkl_layer import outputs_by_mkl
from einbench.jit.linked import elements_to_line
from einbench.jit.pool_code import num_threads
from einbench.kernel import BLAS_VARIES
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]
prange = range  # the compiled copies see numba's


def _reference(inputs: Array, weights: Array, bias: Array) -> Array:
    return wide.matmul(inputs, weights.T) + bias


def _scale(outputs: Array, inputs: Array, weights: Array, bias: Array) -> Array:
    return wide.product(np.abs(inputs), np.abs(weights).T) + np.abs(bias)


def _exact(
    rng: np.random.Generator, dtype: np.dtype[Any], sizes: Mapping[str, int]
) -> dict[str, Array]:
    bound = draws.exact_bound(dtype, sizes["features"] + 1)
    batch, features, units = sizes["batch"], sizes["features"], sizes["units"]
    return {
        "inputs": draws.integers(rng, (batch, features), dtype, bound),
        "weights": draws.integers(rng, (units, features), dtype, bound),
        "bias": draws.integers(rng, (units,), dtype, bound),
    }


linear = register(
    Operation(
        name="linear",
        formula="Z[b, u] = sum_f X[b, f] W[u, f] + bias[u]",
        inputs={
            "inputs": Input("batch features", IMAGES, IN_SUMS),
            "weights": Input("units features", WEIGHTS, IN_SUMS),
            "bias": Input("units", BIASES, IN_SUMS),
        },
        outputs={"outputs": "batch units"},
        sizes={"features": 784, "units": 128},
        independent=("batch", "units"),
        terms=lambda s: s["features"] + 1,
        tied_limit=lambda terms: 4 + terms / 2,
        flops=lambda s: 2 * s["batch"] * s["features"] * s["units"],
        reference=_reference,
        scale=_scale,
        exact=_exact,
    )
)


@linear.kernel("loop")
@linear.kernel("numba", compile=True, fastmath=frozenset({"reassoc", "contract"}))
@linear.kernel(
    "numba_parallel", compile=True, parallel=True, fastmath=frozenset({"reassoc", "contract"})
)
def triple_loop(inputs: Array, weights: Array, bias: Array) -> Array:
    """Three nested loops, one product and one sum at a time."""
    # interpreted: about 100 ns an element; compiled, the inner loop becomes vector instructions
    # once ``reassoc`` lets the sum be split over lanes
    batch, features = inputs.shape
    units = weights.shape[0]
    outputs = np.empty((batch, units), inputs.dtype)
    for b in prange(batch):
        for u in range(units):
            total = inputs.dtype.type(0)
            for f in range(features):
                total += inputs[b, f] * weights[u, f]
            outputs[b, u] = total + bias[u]
    return outputs


@linear.kernel("sample_loop", family="loop")
def sample_loop(inputs: Array, weights: Array, bias: Array) -> Array:
    """New over ``loop``: the two inner loops are one matrix-vector product per sample."""
    # reads all weights again for every sample: bound by the cache they lie in
    outputs = np.empty((inputs.shape[0], weights.shape[0]), inputs.dtype)
    for b, sample in enumerate(inputs):
        outputs[b] = np.dot(weights, sample) + bias
    return outputs


@linear.kernel("einsum")
def einsum(inputs: Array, weights: Array, bias: Array) -> Array:
    """New over ``sample_loop``: the whole batch in one call, in einsum's own C loop."""
    # no BLAS: einsum without a path sums products one output at a time
    outputs = np.einsum("bf,uf->bu", inputs, weights)
    outputs += bias
    return outputs


@linear.kernel("einsum_path", family="einsum", varies=BLAS_VARIES)
def einsum_path(inputs: Array, weights: Array, bias: Array) -> Array:
    """New over ``einsum``: the optimised path hands the contraction to BLAS."""
    # looking for the path costs tens of microseconds, whatever the size
    outputs = np.einsum("bf,uf->bu", inputs, weights, optimize=True)
    outputs += bias
    return outputs


@linear.kernel("matmul", varies=BLAS_VARIES)
def matmul(inputs: Array, weights: Array, bias: Array) -> Array:
    """New over ``einsum_path``: the GEMM called directly, no path to look for."""
    # reads B*F + U*F, writes B*U, then reads and writes B*U once more for the bias
    outputs = np.matmul(inputs, weights.T)
    outputs += bias
    return outputs


@linear.kernel(
    "tiled", compile=True, parallel=True,
    extra_elements=lambda s: s["units"] * (1 + s["features"]),
)  # fmt: skip
def tiled(inputs: Array, weights: Array, bias: Array, out: Array) -> None:
    """New over ``numba_parallel``: blocks of sums in registers, started from the bias."""
    # reads B*F and writes B*U once, and the weights, packed for it, once a tile of rows
    batch, features = inputs.shape
    units = weights.shape[0]
    memory = np.empty(packed_elements(inputs, batch, units, features) + 16, inputs.dtype)
    work = memory[elements_to_line(memory) :]
    threads = 1 if run_serially(inputs, batch, units, features) else num_threads()
    state = counters(2, threads)
    outputs_all(
        threads, 1, threads, state, inputs, weights, bias, batch, units, features, work, out
    )


@linear.kernel("mkl", compile=True, parallel=True, requires=("mkl",), varies=BLAS_VARIES)
def mkl(inputs: Array, weights: Array, bias: Array, out: Array) -> None:
    """New over ``tiled``: oneMKL's products, one in every thread, added to the bias."""
    # reads B*F and writes B*U twice, and the weights once a part of the rows
    batch, features = inputs.shape
    units = weights.shape[0]
    threads = 1 if run_serially(inputs, batch, units, features) else num_threads()
    state = counters(1, threads)
    outputs_by_mkl(threads, 1, threads, state, inputs, weights, bias, batch, units, features, out)
