"""What the gradients of the network 784-128-128-10 under summed cross-entropy have in common.

What their operations say of themselves, reference, inputs of exact results, the way back through
the layers of a whole batch with any product, and forward and back of one sample after the other as
compiled loops.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench import wide
from einbench.forward import mlp_shared
from einbench.forward.mlp_shared import Product, Six, softmax_row
from einbench.inputs import LABELS, Input
from einbench.jit.bodies import helper
from einbench.jit.gemm.three_layers import CHUNK
from einbench.kernel import Sizes

Array = npt.NDArray[Any]
Seven = tuple[Array, Array, Array, Array, Array, Array, Array]

INPUTS = {**mlp_shared.INPUTS, "labels": Input("batch", LABELS)}
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
    back = 4 * mlp_shared.weight_count(s) - 2 * s["features"] * s["hidden1"]
    return mlp_shared.forward_flops(s) + s["batch"] * back


def workspace_elements(s: Sizes) -> float:
    """What ``tiled`` keeps of a chunk of rows, and the packed weights."""
    kept = 2 * s["hidden1"] + 2 * s["hidden2"] + s["classes"]
    return min(s["batch"], CHUNK) * kept + mlp_shared.weight_count(s)


def backward(
    matmul: Product, inputs: Array, o1: Array, o2: Array, d3: Array, w2: Array, w3: Array
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
    _, _, w2, _, w3, _ = parameters
    _, o1, _, o2, y3, d3 = mlp_shared.reference_intermediates(inputs, *parameters)
    d3[np.arange(len(labels)), labels] -= 1
    return y3, *backward(wide.matmul, inputs, o1, o2, d3, w2, w3)


def exact(rng: np.random.Generator, dtype: np.dtype[Any], sizes: Sizes) -> dict[str, Array]:
    """Whole numbers: probabilities are exactly 0 or 1, so d3 is -1, 0 or 1."""
    labels = rng.integers(0, sizes["classes"], sizes["batch"])
    return {**mlp_shared.exact_network(rng, dtype, sizes), "labels": labels}


#: arguments of `Operation` that all that goes forward and back shares
TRAINING: dict[str, Any] = {
    **mlp_shared.FORWARD,
    "inputs": INPUTS,
    "independent": (),
    "added": ("batch",),
    "terms": lambda s: s["batch"],
    "flops": training_flops,
    "exact": exact,
}


def _dense(sample: Array, weights: Array, bias: Array, outputs: Array) -> None:
    for u in range(weights.shape[0]):
        total = sample.dtype.type(0)
        for f in range(weights.shape[1]):
            total += sample[f] * weights[u, f]
        outputs[u] = total + bias[u]


def _relu(values: Array) -> None:
    for u in range(values.shape[0]):
        values[u] = max(values[u], 0)


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
    inputs: Array, w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array, labels: Array
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
        softmax_row(logits[b], d3)
        d3[labels[b]] -= inputs.dtype.type(1)
        _back(d3, w3, o2, d2)
        _back(d2, w2, o1, d1)
        _add_outer(d1, inputs[b], dw1, db1)
        _add_outer(d2, o1, dw2, db2)
        _add_outer(d3, o2, dw3, db3)
    return logits, dw1, db1, dw2, db2, dw3, db3
