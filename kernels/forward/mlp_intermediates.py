"""The network 784-128-128-10 (ReLU, ReLU, softmax): all six arrays of it.

    y1 = X W1^T + b1;
    o1 = relu(y1);
    y2 = o1 W2^T + b2;
    o2 = relu(y2);
    y3 = o2 W3^T + b3;
    o3 = softmax(y3)

Kernels, simplest first:

    loop         one matrix-vector product per sample and layer
    einsum       one einsum per layer for the whole batch
    einsum_path  einsum's optimised path hands each layer to BLAS
    matmul       one GEMM per layer
    numba        sample by sample through all layers, compiled
    tiled        activations while a tile of rows is in cache, sums in registers, threads
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.forward.mlp_shared import (
    FORWARD,
    LOOSE,
    Six,
    dense,
    einsum_path_product,
    einsum_product,
    layers,
    matmul_product,
    rectify,
    reference_intermediates,
    softmax_row,
    weight_count,
)
from einbench.forward.mlp_shared_rounding import forward_rounding
from einbench.jit.claiming import counters
from einbench.jit.gemm.three_layers import RESULTS, SHARED, intermediates_all, planned, run_serially
from einbench.jit.linked import address, elements_to_line
from einbench.jit.pool_code import num_threads
from einbench.kernel import BLAS_VARIES
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]


def _scale(outputs: Six, *inputs: Array, eps: float) -> Six:
    rounding = forward_rounding(*inputs, eps=eps)
    return (
        rounding.y1, rounding.o1, rounding.y2, rounding.o2, rounding.y3, rounding.probs
    )  # fmt: skip


mlp_intermediates = register(
    Operation(
        name="mlp_intermediates",
        formula="y1 = X W1^T + b1; o1 = relu(y1); y2 = o1 W2^T + b2; o2 = relu(y2); "
        "y3 = o2 W3^T + b3; o3 = softmax(y3)",
        outputs={
            "y1": "batch hidden1",
            "o1": "batch hidden1",
            "y2": "batch hidden2",
            "o2": "batch hidden2",
            "y3": "batch classes",
            "o3": "batch classes",
        },
        reference=reference_intermediates,
        scale=_scale,
        **FORWARD,
    )
)


@mlp_intermediates.kernel("loop")
def sample_loop(
    inputs: Array, w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array
) -> Six:
    """A Python loop over samples, one matrix-vector product a layer."""
    batch, dtype = inputs.shape[0], inputs.dtype
    y1, o1 = (np.empty((batch, b1.shape[0]), dtype) for _ in range(2))
    y2, o2 = (np.empty((batch, b2.shape[0]), dtype) for _ in range(2))
    y3, o3 = (np.empty((batch, b3.shape[0]), dtype) for _ in range(2))
    for b, sample in enumerate(inputs):
        y1[b] = np.dot(w1, sample) + b1
        o1[b] = np.maximum(y1[b], 0)
        y2[b] = np.dot(w2, o1[b]) + b2
        o2[b] = np.maximum(y2[b], 0)
        y3[b] = np.dot(w3, o2[b]) + b3
        powers = np.exp(y3[b] - y3[b].max())
        o3[b] = powers / powers.sum()
    return y1, o1, y2, o2, y3, o3


@mlp_intermediates.kernel("numba", compile=True, fastmath=LOOSE)
def fused_loops(
    inputs: Array, w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array
) -> Six:
    """Sample by sample through all layers, each a pair of loops; all six rows are written."""
    batch = inputs.shape[0]
    y1 = np.empty((batch, b1.shape[0]), inputs.dtype)
    o1 = np.empty((batch, b1.shape[0]), inputs.dtype)
    y2 = np.empty((batch, b2.shape[0]), inputs.dtype)
    o2 = np.empty((batch, b2.shape[0]), inputs.dtype)
    y3 = np.empty((batch, b3.shape[0]), inputs.dtype)
    o3 = np.empty((batch, b3.shape[0]), inputs.dtype)
    for b in range(batch):
        dense(inputs[b], w1, b1, y1[b])
        rectify(y1[b], o1[b])
        dense(o1[b], w2, b2, y2[b])
        rectify(y2[b], o2[b])
        dense(o2[b], w3, b3, y3[b])
        softmax_row(y3[b], o3[b])
    return y1, o1, y2, o2, y3, o3


@mlp_intermediates.kernel("einsum")
def einsum(inputs: Array, *parameters: Array) -> Six:
    """New over ``loop``: the whole batch, one einsum a layer."""
    return layers(einsum_product, inputs, *parameters)


@mlp_intermediates.kernel("einsum_path", family="einsum", varies=BLAS_VARIES)
def einsum_path(inputs: Array, *parameters: Array) -> Six:
    """New over ``einsum``: the optimised path hands each layer to BLAS."""
    return layers(einsum_path_product, inputs, *parameters)


@mlp_intermediates.kernel("matmul", varies=BLAS_VARIES)
def matmul(inputs: Array, *parameters: Array) -> Six:
    """New over ``einsum_path``: a GEMM a layer, no path to look for."""
    return layers(matmul_product, inputs, *parameters)


@mlp_intermediates.kernel("tiled", compile=True, parallel=True, extra_elements=weight_count)
def tiled(
    inputs: Array, w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array,
    out: Six,
) -> None:  # fmt: skip
    """New over ``numba``: blocks of sums in registers, activations while a tile is in cache."""
    # reads X once and writes all six arrays
    plan = planned(inputs, (w1, b1, w2, b2, w3, b3))
    y1, o1, y2, o2, y3, o3 = out
    plan[RESULTS], plan[RESULTS + 1], plan[RESULTS + 2] = address(y1), address(o1), address(y2)
    plan[RESULTS + 3], plan[RESULTS + 4], plan[RESULTS + 5] = address(o2), address(y3), address(o3)
    memory = np.empty(plan[SHARED] + 16, inputs.dtype)
    work = memory[elements_to_line(memory) :]
    threads = 1 if run_serially(plan) else num_threads()
    state = counters(2, threads)
    intermediates_all(threads, 1, threads, state, work, plan)
