"""All six gradients of the network 784-128-128-10 under summed cross-entropy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels import draws, wide
from kernels.forward import mlp
from kernels.forward.mlp_rounding import forward_rounding
from kernels.labels import refuse_bad_labels
from kernels.registry import Operation

Array = npt.NDArray[Any]
Six = tuple[Array, Array, Array, Array, Array, Array]
_ROWS = 4096


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


def _reference(
    inputs: Array,
    w1: Array,
    b1: Array,
    w2: Array,
    b2: Array,
    w3: Array,
    b3: Array,
    labels: Array,
) -> Six:
    _, o1, _, o2, _, d3 = mlp.reference_intermediates(inputs, w1, b1, w2, b2, w3, b3)
    d3[np.arange(len(labels)), labels] -= 1
    return _backward(wide.matmul, inputs, o1, o2, d3, w2, w3)


def _scale(outputs: Six, inputs: Array, *rest: Array, eps: float) -> Six:
    """Root-mean-square errors in units of eps, d the gradient at a pre-activation:

    Ed3 = Ep + |d3|;  Eg = sqrt(Ed^2 W^2) + sqrt(n) |d| |W|;
    Ed  = on Eg + ambiguous |g| / eps;
    EdW = sqrt(batch) |d|^T |o| + sqrt((Ed^2)^T o^2 + (d^2)^T Eo^2).

    The sums over the batch are taken block by block, for 60,000 rows of all that is carried
    would be more than a gigabyte.
    """
    w1, b1, w2, b2, w3, b3, labels = rest
    batch = len(labels)
    blocks = (
        _block_sums(inputs[rows], w1, b1, w2, b2, w3, b3, labels[rows], eps=eps)
        for rows in (slice(i, i + _ROWS) for i in range(0, max(batch, 1), _ROWS))
    )
    sums = next(blocks)
    for block in blocks:
        sums = [(a + c, b + d) for (a, b), (c, d) in zip(sums, block, strict=True)]
    dw1, db1, dw2, db2, dw3, db3 = (
        np.sqrt(batch) * rounded + np.sqrt(squared) for rounded, squared in sums
    )
    return dw1, db1, dw2, db2, dw3, db3


def _block_sums(
    inputs: Array,
    w1: Array,
    b1: Array,
    w2: Array,
    b2: Array,
    w3: Array,
    b3: Array,
    labels: Array,
    *,
    eps: float,
) -> list[tuple[Array, Array]]:
    """For every gradient, sum |d| |o| and the sum of squared errors over some rows."""
    forward = forward_rounding(inputs, w1, b1, w2, b2, w3, b3, eps=eps)
    o1, o2, _, d3 = forward.values
    d3[np.arange(len(labels)), labels] -= 1
    e3 = forward.probs + np.abs(d3)
    g2 = d3 @ w3
    e2 = _carried_back(d3, e3, w3, o2, g2, forward.ambiguous2, eps)
    d2 = np.where(o2 <= 0, 0, g2)
    g1 = d2 @ w2
    e1 = _carried_back(d2, e2, w2, o1, g1, forward.ambiguous1, eps)
    d1 = np.where(o1 <= 0, 0, g1)
    sums = []
    for d, e, o, eo in ((d1, e1, inputs, None), (d2, e2, o1, forward.o1), (d3, e3, o2, forward.o2)):
        squared = np.square(e).T @ np.square(o)
        if eo is not None:
            squared += np.square(d).T @ np.square(eo)
        sums.append((np.abs(d).T @ np.abs(o), squared))
        sums.append((np.abs(d).sum(axis=0), np.square(e).sum(axis=0)))
    return sums


def _carried_back(
    d: Array, e: Array, weights: Array, o: Array, g: Array, ambiguous: Array, eps: float
) -> Array:
    carried = np.sqrt(np.square(e) @ np.square(weights))
    rounded = np.sqrt(weights.shape[0]) * (np.abs(d) @ np.abs(weights))
    return np.where(o > 0, carried + rounded, 0) + np.where(ambiguous, np.abs(g) / eps, 0)


def _exact(
    rng: np.random.Generator, dtype: np.dtype[Any], sizes: Mapping[str, int]
) -> dict[str, Array]:
    # probabilities are exactly 0 or 1, so d3 is -1, 0 or 1 and every gradient a whole number
    labels = rng.integers(0, sizes["classes"], sizes["batch"])
    return {**mlp.exact_network(rng, dtype, sizes), "labels": labels}


mlp_gradients = Operation(
    name="mlp_gradients",
    formula="d3 = P - onehot; d2 = (d3 W3) [o2 > 0]; d1 = (d2 W2) [o1 > 0]; "
    "dWk = dk^T o(k-1); dbk = sum_b dk",
    inputs={**mlp.INPUTS, "labels": "batch"},
    outputs={
        "dw1": "hidden1 features",
        "db1": "hidden1",
        "dw2": "hidden2 hidden1",
        "db2": "hidden2",
        "dw3": "classes hidden2",
        "db3": "classes",
    },
    sizes=mlp.SIZES,
    terms=lambda s: s["batch"],
    limit=lambda terms: 4,
    tied_limit=lambda terms: 4,
    flops=lambda s: (
        mlp.forward_flops(s)
        + s["batch"] * (4 * mlp.weight_count(s) - 2 * s["features"] * s["hidden1"])
    ),
    reference=_reference,
    scale=_scale,
    scale_takes_eps=True,
    exact=_exact,
    draw_input={**mlp.DRAWS, "labels": draws.labels},
    dtypes={"labels": "integer"},
    nonfinite={"inputs": (np.nan, np.inf, -np.inf)},
)


@mlp_gradients.kernel("loop")
def sample_loop(
    inputs: Array,
    w1: Array,
    b1: Array,
    w2: Array,
    b2: Array,
    w3: Array,
    b3: Array,
    labels: Array,
) -> Six:
    """A Python loop over samples: forward, back, and six outer products added up."""
    refuse_bad_labels(labels, b3.shape[0])
    dw1, dw2, dw3 = (np.zeros(w.shape, inputs.dtype) for w in (w1, w2, w3))
    db1, db2, db3 = (np.zeros(b.shape, inputs.dtype) for b in (b1, b2, b3))
    for sample, label in zip(inputs, labels, strict=True):
        o1 = np.maximum(np.dot(w1, sample) + b1, 0)
        o2 = np.maximum(np.dot(w2, o1) + b2, 0)
        logits = np.dot(w3, o2) + b3
        powers = np.exp(logits - logits.max())
        d3 = powers / powers.sum()
        d3[label] -= 1
        d2 = np.where(o2 <= 0, 0, np.dot(d3, w3))
        d1 = np.where(o1 <= 0, 0, np.dot(d2, w2))
        for gradient, d, o in ((dw1, d1, sample), (dw2, d2, o1), (dw3, d3, o2)):
            gradient += np.outer(d, o)
        for gradient, d in ((db1, d1), (db2, d2), (db3, d3)):
            gradient += d
    return dw1, db1, dw2, db2, dw3, db3


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


@mlp_gradients.kernel("numba", compile=True, fastmath=frozenset({"reassoc", "contract"}))
def fused_loops(
    inputs: Array,
    w1: Array,
    b1: Array,
    w2: Array,
    b2: Array,
    w3: Array,
    b3: Array,
    labels: Array,
) -> Six:
    """New over ``loop``: every product is a pair of loops, and nothing is allocated inside."""
    # per sample reads each weight twice and adds to each gradient once: bound by the
    # second-level cache
    classes = b3.shape[0]
    dw1, db1 = np.zeros(w1.shape, inputs.dtype), np.zeros(b1.shape, inputs.dtype)
    dw2, db2 = np.zeros(w2.shape, inputs.dtype), np.zeros(b2.shape, inputs.dtype)
    dw3, db3 = np.zeros(w3.shape, inputs.dtype), np.zeros(b3.shape, inputs.dtype)
    o1, d1 = np.empty(b1.shape, inputs.dtype), np.empty(b1.shape, inputs.dtype)
    o2, d2 = np.empty(b2.shape, inputs.dtype), np.empty(b2.shape, inputs.dtype)
    logits, d3 = np.empty(b3.shape, inputs.dtype), np.empty(b3.shape, inputs.dtype)
    for b in range(inputs.shape[0]):
        if not 0 <= labels[b] < classes:
            raise ValueError("labels must lie in [0, classes)")
        _dense(inputs[b], w1, b1, o1)
        _relu(o1)
        _dense(o1, w2, b2, o2)
        _relu(o2)
        _dense(o2, w3, b3, logits)
        _softmax_minus_onehot(logits, labels[b], d3)
        _back(d3, w3, o2, d2)
        _back(d2, w2, o1, d1)
        _add_outer(d1, inputs[b], dw1, db1)
        _add_outer(d2, o1, dw2, db2)
        _add_outer(d3, o2, dw3, db3)
    return dw1, db1, dw2, db2, dw3, db3


@mlp_gradients.kernel("einsum")
def einsum(inputs: Array, *parameters_and_labels: Array) -> Six:
    """New over ``loop``: the whole batch, one einsum a product and one a sum."""
    # einsum's own C loops, no BLAS
    *parameters, labels = parameters_and_labels
    _, _, w2, _, w3, b3 = parameters
    refuse_bad_labels(labels, b3.shape[0])
    _, o1, _, o2, _, d3 = mlp.layers(mlp.einsum_product, inputs, *parameters)
    d3 -= np.eye(b3.shape[0], dtype=inputs.dtype)[labels]
    d2 = np.einsum("bc,ch->bh", d3, w3)
    d2[o2 <= 0] = 0
    d1 = np.einsum("bh,hg->bg", d2, w2)
    d1[o1 <= 0] = 0
    return (
        np.einsum("bu,bf->uf", d1, inputs), np.einsum("bu->u", d1),
        np.einsum("bu,bf->uf", d2, o1), np.einsum("bu->u", d2),
        np.einsum("bu,bf->uf", d3, o2), np.einsum("bu->u", d3),
    )  # fmt: skip


@mlp_gradients.kernel("matmul")
def matmul(inputs: Array, *parameters_and_labels: Array) -> Six:
    """New over ``einsum``: every product is a GEMM, forward, back and for the weights."""
    *parameters, labels = parameters_and_labels
    _, _, w2, _, w3, b3 = parameters
    refuse_bad_labels(labels, b3.shape[0])
    _, o1, _, o2, _, d3 = mlp.layers(mlp.matmul_product, inputs, *parameters)
    d3[np.arange(len(labels)), labels] -= 1
    return _backward(np.matmul, inputs, o1, o2, d3, w2, w3)
