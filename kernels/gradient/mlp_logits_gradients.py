"""Logits and all six gradients of the network 784-128-128-10 under summed cross-entropy.

A training step needs both: the gradients to learn from, the logits for loss and accuracy.

    z = relu(relu(X W1^T + b1) W2^T + b2) W3^T + b3;
    d3 = softmax(z) - onehot;
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

from einbench.forward.mlp_shared import einsum_product, layers, matmul_product
from einbench.gradient import mlp_shared
from einbench.gradient.mlp_shared import Seven, fused_loops
from einbench.gradient.mlp_shared_rounding import training_rounding
from einbench.jit.gemm.block import PLAIN
from einbench.jit.gemm.training import train
from einbench.jit.labels import refuse_bad_labels
from einbench.kernel import BLAS_VARIES
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]

mlp_logits_gradients = register(
    Operation(
        name="mlp_logits_gradients",
        formula="z = relu(relu(X W1^T + b1) W2^T + b2) W3^T + b3; d3 = softmax(z) - onehot; "
        "d2 = (d3 W3) [o2 > 0]; d1 = (d2 W2) [o1 > 0]; dWk = dk^T o(k-1); dbk = sum_b dk",
        outputs={"logits": "batch classes", **mlp_shared.GRADIENTS},
        reference=mlp_shared.reference,
        scale=lambda outputs, *inputs, eps: training_rounding(*inputs, eps=eps),
        **mlp_shared.TRAINING,
    )
)


@mlp_logits_gradients.kernel("loop")
def sample_loop(
    inputs: Array, w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array, labels: Array
) -> Seven:
    """A Python loop over samples: forward, back, and six outer products added up."""
    refuse_bad_labels(labels, b3.shape[0])
    logits = np.empty((inputs.shape[0], b3.shape[0]), inputs.dtype)
    dw1, dw2, dw3 = (np.zeros(w.shape, inputs.dtype) for w in (w1, w2, w3))
    db1, db2, db3 = (np.zeros(b.shape, inputs.dtype) for b in (b1, b2, b3))
    for sample, label, z in zip(inputs, labels, logits, strict=True):
        o1 = np.maximum(np.dot(w1, sample) + b1, 0)
        o2 = np.maximum(np.dot(w2, o1) + b2, 0)
        z[:] = np.dot(w3, o2) + b3
        powers = np.exp(z - z.max())
        d3 = powers / powers.sum()
        d3[label] -= 1
        d2 = np.where(o2 <= 0, 0, np.dot(d3, w3))
        d1 = np.where(o1 <= 0, 0, np.dot(d2, w2))
        for gradient, d, o in ((dw1, d1, sample), (dw2, d2, o1), (dw3, d3, o2)):
            gradient += np.outer(d, o)
        for gradient, d in ((db1, d1), (db2, d2), (db3, d3)):
            gradient += d
    return logits, dw1, db1, dw2, db2, dw3, db3


@mlp_logits_gradients.kernel("numba", compile=True)
def loops(
    inputs: Array, w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array, labels: Array
) -> Seven:
    """New over ``loop``: every product is a pair of loops, and nothing is allocated inside."""
    return fused_loops(inputs, w1, b1, w2, b2, w3, b3, labels)


@mlp_logits_gradients.kernel("einsum")
def einsum(inputs: Array, *parameters_and_labels: Array) -> Seven:
    """New over ``loop``: the whole batch, one einsum a product and one a sum."""
    # einsum's own C loops, no BLAS
    *parameters, labels = parameters_and_labels
    _, _, w2, _, w3, b3 = parameters
    refuse_bad_labels(labels, b3.shape[0])
    _, o1, _, o2, logits, d3 = layers(einsum_product, inputs, *parameters)
    d3 -= np.eye(b3.shape[0], dtype=inputs.dtype)[labels]
    d2 = np.einsum("bc,ch->bh", d3, w3)
    d2[o2 <= 0] = 0
    d1 = np.einsum("bh,hg->bg", d2, w2)
    d1[o1 <= 0] = 0
    return (
        logits,
        np.einsum("bu,bf->uf", d1, inputs), np.einsum("bu->u", d1),
        np.einsum("bu,bf->uf", d2, o1), np.einsum("bu->u", d2),
        np.einsum("bu,bf->uf", d3, o2), np.einsum("bu->u", d3),
    )  # fmt: skip


@mlp_logits_gradients.kernel("matmul", varies=BLAS_VARIES)
def matmul(inputs: Array, *parameters_and_labels: Array) -> Seven:
    """New over ``einsum``: every product is a GEMM, forward, back and for the weights."""
    *parameters, labels = parameters_and_labels
    _, _, w2, _, w3, b3 = parameters
    refuse_bad_labels(labels, b3.shape[0])
    _, o1, _, o2, logits, d3 = layers(matmul_product, inputs, *parameters)
    d3[np.arange(len(labels)), labels] -= 1
    return logits, *mlp_shared.backward(np.matmul, inputs, o1, o2, d3, w2, w3)


@mlp_logits_gradients.kernel(
    "tiled", compile=True, parallel=True, extra_elements=mlp_shared.workspace_elements
)
def tiled(
    inputs: Array, w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array, labels: Array,
    out: Seven,
) -> None:  # fmt: skip
    """New over ``numba``: blocks of sums in registers, tiles of rows in cache, on all threads."""
    # reads X twice, once forward and once for dW1, the second time from cache
    train(inputs, (w1, b1, w2, b2, w3, b3), labels, out[0], out[1:], PLAIN, 0)
