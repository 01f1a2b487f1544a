"""The network 784-128-128-10 (ReLU, ReLU, softmax): its probabilities.

    P = softmax(relu(relu(X W1^T + b1) W2^T + b2) W3^T + b3)

Kernels, simplest first:

    loop         one matrix-vector product per sample and layer
    einsum       one einsum per layer for the whole batch, activations in place
    einsum_path  einsum's optimised path hands each layer to BLAS
    matmul       one GEMM per layer
    numba        sample by sample through all layers, compiled; nothing kept between
    tiled        layers fused over tiles of rows in cache, sums in registers, threads
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.forward.mlp_shared import (
    FORWARD,
    LOOSE,
    Product,
    dense,
    einsum_path_product,
    einsum_product,
    matmul_product,
    rectify,
    reference_intermediates,
    softmax_row,
    weight_count,
)
from einbench.forward.mlp_shared_rounding import forward_rounding
from einbench.forward.softmax import ufunc as softmax_ufunc
from einbench.jit.claiming import counters
from einbench.jit.gemm.three_layers import (
    RESULTS,
    forward_all,
    forward_elements,
    planned,
    run_serially,
)
from einbench.jit.linked import address, elements_to_line
from einbench.jit.pool_code import num_threads
from einbench.kernel import BLAS_VARIES
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]

mlp_forward = register(
    Operation(
        name="mlp_forward",
        formula="P = softmax(relu(relu(X W1^T + b1) W2^T + b2) W3^T + b3)",
        outputs={"probs": "batch classes"},
        reference=lambda *inputs: reference_intermediates(*inputs)[-1],
        scale=lambda outputs, *inputs, eps: forward_rounding(*inputs, eps=eps).probs,
        **FORWARD,
    )
)


@mlp_forward.kernel("loop")
def sample_loop(
    inputs: Array, w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array
) -> Array:
    """A Python loop over samples, one matrix-vector product a layer."""
    probs = np.empty((inputs.shape[0], b3.shape[0]), inputs.dtype)
    for b, sample in enumerate(inputs):
        hidden = np.maximum(np.dot(w1, sample) + b1, 0)
        hidden = np.maximum(np.dot(w2, hidden) + b2, 0)
        logits = np.dot(w3, hidden) + b3
        powers = np.exp(logits - logits.max())
        probs[b] = powers / powers.sum()
    return probs


@mlp_forward.kernel("numba", compile=True, fastmath=LOOSE)
def fused_loops(
    inputs: Array, w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array
) -> Array:
    """Sample by sample through all layers, each a pair of loops; nothing is kept between."""
    # reads every weight once a sample: bound by the second-level cache that holds them
    probs = np.empty((inputs.shape[0], b3.shape[0]), inputs.dtype)
    hidden1 = np.empty(b1.shape[0], inputs.dtype)
    hidden2 = np.empty(b2.shape[0], inputs.dtype)
    logits = np.empty(b3.shape[0], inputs.dtype)
    for b in range(inputs.shape[0]):
        dense(inputs[b], w1, b1, hidden1)
        rectify(hidden1, hidden1)
        dense(hidden1, w2, b2, hidden2)
        rectify(hidden2, hidden2)
        dense(hidden2, w3, b3, logits)
        softmax_row(logits, probs[b])
    return probs


def _forward(product: Product, inputs: Array, *parameters: Array) -> Array:
    w1, b1, w2, b2, w3, b3 = parameters
    hidden = product(inputs, w1)
    hidden += b1
    np.maximum(hidden, 0, out=hidden)
    hidden = product(hidden, w2)
    hidden += b2
    np.maximum(hidden, 0, out=hidden)
    logits = product(hidden, w3)
    logits += b3
    return softmax_ufunc(logits)


@mlp_forward.kernel("einsum")
def einsum(inputs: Array, *parameters: Array) -> Array:
    """New over ``loop``: the whole batch, one einsum a layer, activations in place."""
    return _forward(einsum_product, inputs, *parameters)


@mlp_forward.kernel("einsum_path", family="einsum", varies=BLAS_VARIES)
def einsum_path(inputs: Array, *parameters: Array) -> Array:
    """New over ``einsum``: the optimised path hands each layer to BLAS."""
    return _forward(einsum_path_product, inputs, *parameters)


@mlp_forward.kernel("matmul", varies=BLAS_VARIES)
def matmul(inputs: Array, *parameters: Array) -> Array:
    """New over ``einsum_path``: a GEMM a layer, no path to look for."""
    # every hidden layer is written, read for the bias, for the ReLU, and for the next product
    return _forward(matmul_product, inputs, *parameters)


@mlp_forward.kernel("tiled", compile=True, parallel=True, extra_elements=weight_count)
def tiled(
    inputs: Array, w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array,
    out: Array,
) -> None:  # fmt: skip
    """New over ``numba``: blocks of sums in registers, tiles of rows in cache, on all threads."""
    # reads X once and writes the probabilities; a tile's hidden layers never leave the cache
    plan = planned(inputs, (w1, b1, w2, b2, w3, b3))
    plan[RESULTS] = address(out)
    memory = np.empty(forward_elements(plan) + 16, inputs.dtype)
    work = memory[elements_to_line(memory) :]
    threads = 1 if run_serially(plan) else num_threads()
    state = counters(2, threads)
    forward_all(threads, 1, threads, state, work, plan)
