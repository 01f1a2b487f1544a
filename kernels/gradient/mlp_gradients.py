"""All six gradients of the network 784-128-128-10 under summed cross-entropy.

    d3 = P - onehot;
    d2 = (d3 W3) [o2 > 0];
    d1 = (d2 W2) [o1 > 0];
    dWk = dk^T o(k-1);
    dbk = sum_b dk

Kernels, simplest first:

    loop    matrix-vector products per sample, six outer products added up
    einsum  the whole batch, one einsum per product and per sum
    matmul  every product is a GEMM
    numba   sample by sample, forward and back, compiled; nothing allocated inside
    tiled   blocks of sums in registers, tiles of rows in cache, threads
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.forward.mlp_shared import Six
from einbench.gradient import mlp_logits_gradients, mlp_shared
from einbench.gradient.mlp_shared import fused_loops
from einbench.gradient.mlp_shared_rounding import training_rounding
from einbench.jit.gemm.block import PLAIN
from einbench.jit.gemm.three_layers import chunk_rows
from einbench.jit.gemm.training import train
from einbench.kernel import BLAS_VARIES
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]

mlp_gradients = register(
    Operation(
        name="mlp_gradients",
        formula="d3 = P - onehot; d2 = (d3 W3) [o2 > 0]; d1 = (d2 W2) [o1 > 0]; "
        "dWk = dk^T o(k-1); dbk = sum_b dk",
        outputs=mlp_shared.GRADIENTS,
        reference=lambda *inputs: mlp_shared.reference(*inputs)[1:],
        scale=lambda outputs, *inputs, eps: training_rounding(*inputs, eps=eps)[1:],
        **mlp_shared.TRAINING,
    )
)


@mlp_gradients.kernel("loop")
def sample_loop(inputs: Array, *parameters_and_labels: Array) -> Six:
    """A Python loop over samples: forward, back, and six outer products added up."""
    return mlp_logits_gradients.sample_loop(inputs, *parameters_and_labels)[1:]


@mlp_gradients.kernel("einsum")
def einsum(inputs: Array, *parameters_and_labels: Array) -> Six:
    """New over ``loop``: the whole batch, one einsum a product and one a sum."""
    return mlp_logits_gradients.einsum(inputs, *parameters_and_labels)[1:]


@mlp_gradients.kernel("matmul", varies=BLAS_VARIES)
def matmul(inputs: Array, *parameters_and_labels: Array) -> Six:
    """New over ``einsum``: every product is a GEMM, forward, back and for the weights."""
    return mlp_logits_gradients.matmul(inputs, *parameters_and_labels)[1:]


@mlp_gradients.kernel("numba", compile=True)
def loops(
    inputs: Array, w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array, labels: Array
) -> Six:
    """New over ``loop``: every product is a pair of loops, and nothing is allocated inside."""
    _, dw1, db1, dw2, db2, dw3, db3 = fused_loops(inputs, w1, b1, w2, b2, w3, b3, labels)
    return dw1, db1, dw2, db2, dw3, db3


@mlp_gradients.kernel(
    "tiled", compile=True, parallel=True, extra_elements=mlp_shared.workspace_elements
)
def tiled(
    inputs: Array, w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array, labels: Array,
    out: Six,
) -> None:  # fmt: skip
    """New over ``numba``: blocks of sums in registers, tiles of rows in cache, on all threads."""
    # reads X twice, once forward and once for dW1, the second time from cache
    logits = np.empty((min(inputs.shape[0], chunk_rows(inputs)), b3.shape[0]), inputs.dtype)
    train(inputs, (w1, b1, w2, b2, w3, b3), labels, logits, out, PLAIN, 0)
