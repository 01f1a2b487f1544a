"""Logits and all six gradients of the network 784-128-128-10 under summed cross-entropy.

A training step needs both: the gradients to learn from, the logits for loss and accuracy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench import wide
from einbench.forward import mlp_forward
from einbench.gradient.mlp_shared_rounding import training_rounding
from einbench.inputs import LABELS, Input
from einbench.jit.bodies import helper
from einbench.jit.gemm.block import PLAIN
from einbench.jit.gemm.three_layers import CHUNK
from einbench.jit.gemm.training import train
from einbench.jit.labels import refuse_bad_labels
from einbench.kernel import Sizes
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]
Six = tuple[Array, Array, Array, Array, Array, Array]
Seven = tuple[Array, Array, Array, Array, Array, Array, Array]


def _backward(
    matmul: Callable[[Array, Array], Array],
    inputs: Array,
    o1: Array,
    o2: Array,
    d3: Array,
    w2: Array,
    w3: Array,
) -> Six:
    """From d3 = probs - onehot back to all gradients; a unit that is off passes nothing."""
    d2 = matmul(d3, w3)
    d2[o2 <= 0] = 0
    d1 = matmul(d2, w2)
    d1[o1 <= 0] = 0
    return (
        matmul(d1.T, inputs), d1.sum(axis=0),
        matmul(d2.T, o1), d2.sum(axis=0),
        matmul(d3.T, o2), d3.sum(axis=0),
    )  # fmt: skip


def reference(inputs: Array, *parameters_and_labels: Array) -> Seven:
    """Layer by layer as the formula says, in the dtype of the inputs, with wide products."""
    *parameters, labels = parameters_and_labels
    w1, b1, w2, b2, w3, b3 = parameters
    _, o1, _, o2, y3, d3 = mlp_forward.reference_intermediates(inputs, w1, b1, w2, b2, w3, b3)
    d3[np.arange(len(labels)), labels] -= 1
    return y3, *_backward(wide.matmul, inputs, o1, o2, d3, w2, w3)


def exact(
    rng: np.random.Generator, dtype: np.dtype[Any], sizes: Mapping[str, int]
) -> dict[str, Array]:
    """Whole numbers: probabilities are exactly 0 or 1, so d3 is -1, 0 or 1."""
    labels = rng.integers(0, sizes["classes"], sizes["batch"])
    return {**mlp_forward.exact_network(rng, dtype, sizes), "labels": labels}


INPUTS = {**mlp_forward.INPUTS, "labels": Input("batch", LABELS)}
GRADIENTS = {
    "dw1": "hidden1 features",
    "db1": "hidden1",
    "dw2": "hidden2 hidden1",
    "db2": "hidden2",
    "dw3": "classes hidden2",
    "db3": "classes",
}


def training_flops(s: Sizes) -> float:
    """Forward; back through all layers but the first; and once more for the gradients."""
    back = 4 * mlp_forward.weight_count(s) - 2 * s["features"] * s["hidden1"]
    return mlp_forward.forward_flops(s) + s["batch"] * back


def workspace_elements(s: Sizes) -> float:
    """What ``tiled`` keeps of a chunk of rows, and the packed weights."""
    kept = 2 * s["hidden1"] + 2 * s["hidden2"] + s["classes"]
    return min(s["batch"], CHUNK) * kept + mlp_forward.weight_count(s)


mlp_logits_gradients = register(
    Operation(
        name="mlp_logits_gradients",
        formula="z = relu(relu(X W1^T + b1) W2^T + b2) W3^T + b3; d3 = softmax(z) - onehot; "
        "d2 = (d3 W3) [o2 > 0]; d1 = (d2 W2) [o1 > 0]; dWk = dk^T o(k-1); dbk = sum_b dk",
        inputs=INPUTS,
        outputs={"logits": "batch classes", **GRADIENTS},
        sizes=mlp_forward.SIZES,
        terms=lambda s: s["batch"],
        limit=lambda terms: 4,
        tied_limit=lambda terms: 4,
        flops=training_flops,
        reference=reference,
        scale=lambda outputs, *inputs, eps: training_rounding(*inputs, eps=eps),
        scale_takes_eps=True,
        exact=exact,
    )
)


@mlp_logits_gradients.kernel("loop")
def sample_loop(
    inputs: Array,
    w1: Array,
    b1: Array,
    w2: Array,
    b2: Array,
    w3: Array,
    b3: Array,
    labels: Array,
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


def _dense(sample: Array, weights: Array, bias: Array, outputs: Array) -> None:
    for u in range(weights.shape[0]):
        total = sample.dtype.type(0)
        for f in range(weights.shape[1]):
            total += sample[f] * weights[u, f]
        outputs[u] = total + bias[u]


def _relu(values: Array) -> None:
    for u in range(values.shape[0]):
        values[u] = max(values[u], 0)


def _softmax_minus_onehot(logits: Array, label: int, d3: Array) -> None:
    largest = logits[0]
    for c in range(logits.shape[0]):
        largest = max(largest, logits[c])
    total = logits.dtype.type(0)
    for c in range(logits.shape[0]):
        d3[c] = np.exp(logits[c] - largest)
        total += d3[c]
    for c in range(logits.shape[0]):
        d3[c] /= total
    d3[label] -= logits.dtype.type(1)


def _back(d: Array, weights: Array, o: Array, before: Array) -> None:
    for f in range(weights.shape[1]):
        before[f] = 0
    for u in range(weights.shape[0]):
        for f in range(weights.shape[1]):
            before[f] += d[u] * weights[u, f]
    for f in range(weights.shape[1]):
        if o[f] <= 0:
            before[f] = 0


def _add_outer(d: Array, o: Array, dw: Array, db: Array) -> None:
    for u in range(d.shape[0]):
        db[u] += d[u]
        for f in range(o.shape[0]):
            dw[u, f] += d[u] * o[f]


@helper(fastmath=frozenset({"reassoc", "contract"}))
def fused_loops(
    inputs: Array,
    w1: Array,
    b1: Array,
    w2: Array,
    b2: Array,
    w3: Array,
    b3: Array,
    labels: Array,
) -> Seven:
    """Sample by sample, forward and back; every product is a pair of loops."""
    # per sample reads each weight twice and adds to each gradient once: bound by the
    # second-level cache
    classes = b3.shape[0]
    logits = np.empty((inputs.shape[0], classes), inputs.dtype)
    dw1, db1 = np.zeros(w1.shape, inputs.dtype), np.zeros(b1.shape, inputs.dtype)
    dw2, db2 = np.zeros(w2.shape, inputs.dtype), np.zeros(b2.shape, inputs.dtype)
    dw3, db3 = np.zeros(w3.shape, inputs.dtype), np.zeros(b3.shape, inputs.dtype)
    o1, d1 = np.empty(b1.shape, inputs.dtype), np.empty(b1.shape, inputs.dtype)
    o2, d2 = np.empty(b2.shape, inputs.dtype), np.empty(b2.shape, inputs.dtype)
    d3 = np.empty(b3.shape, inputs.dtype)
    for b in range(inputs.shape[0]):
        if not 0 <= labels[b] < classes:
            raise ValueError("labels must lie in [0, classes): count classes from 0")
        _dense(inputs[b], w1, b1, o1)
        _relu(o1)
        _dense(o1, w2, b2, o2)
        _relu(o2)
        _dense(o2, w3, b3, logits[b])
        _softmax_minus_onehot(logits[b], labels[b], d3)
        _back(d3, w3, o2, d2)
        _back(d2, w2, o1, d1)
        _add_outer(d1, inputs[b], dw1, db1)
        _add_outer(d2, o1, dw2, db2)
        _add_outer(d3, o2, dw3, db3)
    return logits, dw1, db1, dw2, db2, dw3, db3


@mlp_logits_gradients.kernel("numba", compile=True)
def loops(
    inputs: Array,
    w1: Array,
    b1: Array,
    w2: Array,
    b2: Array,
    w3: Array,
    b3: Array,
    labels: Array,
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
    _, o1, _, o2, logits, d3 = mlp_forward.layers(mlp_forward.einsum_product, inputs, *parameters)
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


@mlp_logits_gradients.kernel("matmul")
def matmul(inputs: Array, *parameters_and_labels: Array) -> Seven:
    """New over ``einsum``: every product is a GEMM, forward, back and for the weights."""
    *parameters, labels = parameters_and_labels
    _, _, w2, _, w3, b3 = parameters
    refuse_bad_labels(labels, b3.shape[0])
    _, o1, _, o2, logits, d3 = mlp_forward.layers(mlp_forward.matmul_product, inputs, *parameters)
    d3[np.arange(len(labels)), labels] -= 1
    return logits, *_backward(np.matmul, inputs, o1, o2, d3, w2, w3)


@mlp_logits_gradients.kernel(
    "tiled", compile=True, parallel=True, extra_elements=workspace_elements
)
def tiled(
    inputs: Array, w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array, labels: Array,
    out: Seven,
) -> None:  # fmt: skip
    """New over ``numba``: blocks of sums in registers, tiles of rows in cache, on all threads."""
    # reads X twice, once forward and once for dW1, the second time from cache
    logits, dw1, db1, dw2, db2, dw3, db3 = out
    train(inputs, w1, b1, w2, b2, w3, b3, labels, logits, dw1, db1, dw2, db2, dw3, db3, PLAIN, 0)
