"""The gradient of cross-entropy with respect to the logits: softmax minus one-hot.

    dZ[b, c] = (softmax(z[b])[c] - [c = label[b]]) / batch

Kernels, simplest first:

    loop            row by row: softmax, then minus one at the label
    indexed         each step over the whole batch, the labels' entries by index
    einsum          einsum sums the rows; whole one-hot rows are subtracted
    numba           ``loop`` compiled
    numba_parallel  threads share the samples
    simd            a vector of rows at a time, exp as a polynomial of all lanes
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.flops import EXP_FLOPS
from einbench.forward.softmax_shared import softmax_rows, softmax_scale
from einbench.gradient.losses_shared import exact_logits, one_hot
from einbench.inputs import IN_ROWS, LABELS, LOGITS, Input
from einbench.jit.labels import refuse_bad_labels, refuse_labels
from einbench.jit.pieces import rows_of_piece
from einbench.jit.simd.softmax import entropy_gradients
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]
prange = range  # the compiled copies see numba's


def _reference(logits: Array, labels: Array, *, reduction: str) -> Array:
    dlogits = softmax_rows(logits) - one_hot(labels, logits)
    return np.asarray(dlogits / len(labels)) if reduction == "mean" else dlogits


def _scale(dlogits: Array, logits: Array, labels: Array, *, reduction: str) -> Array:
    scale = softmax_scale(softmax_rows(logits), logits) + one_hot(labels, logits)
    return np.asarray(scale / len(labels)) if reduction == "mean" else scale


cross_entropy_gradient = register(
    Operation(
        name="cross_entropy_gradient",
        formula="dZ[b, c] = (softmax(z[b])[c] - [c = label[b]]) / batch",
        inputs={
            "logits": Input("batch classes", LOGITS, IN_ROWS),
            "labels": Input("batch", LABELS),
        },
        outputs={"dlogits": "batch classes"},
        sizes={"classes": 10},
        independent=("batch",),
        independent_options={"reduction": "sum"},
        averaged={"mean": "batch"},
        terms=lambda s: s["classes"],
        # equal terms of a sum, added one by one, are all rounded the same way
        tied_limit=lambda terms: 4 + max(terms / 2, 2 * terms**0.5),
        flops=lambda s: s["batch"] * (s["classes"] * (4 + EXP_FLOPS) + 1),
        reference=_reference,
        scale=_scale,
        exact=exact_logits,
        exact_options={"reduction": "sum"},
        options={"reduction": ("mean", "sum")},
    )
)


@cross_entropy_gradient.kernel("loop")
@cross_entropy_gradient.kernel("numba", compile=True)
@cross_entropy_gradient.kernel("numba_parallel", compile=True, parallel=True)
def loop(logits: Array, labels: Array, reduction: str) -> Array:
    """Row by row: softmax, then minus one on the label's entry."""
    # compiled, the row stays in registers and first-level cache over its passes
    batch, classes = logits.shape
    one, count = logits.dtype.type(1), logits.dtype.type(batch)
    # before the rows: a loop that threads share must not raise
    for b in range(batch):
        if labels[b] < 0 or labels[b] >= classes:
            raise ValueError("labels must lie in [0, classes): count classes from 0")
    dlogits = np.empty((batch, classes), logits.dtype)
    for b in prange(batch):
        largest = logits[b, 0]
        for c in range(classes):
            largest = max(largest, logits[b, c])
        total = logits.dtype.type(0)
        for c in range(classes):
            dlogits[b, c] = np.exp(logits[b, c] - largest)
            total += dlogits[b, c]
        for c in range(classes):
            dlogits[b, c] /= total
        dlogits[b, labels[b]] -= one
        if reduction == "mean":
            for c in range(classes):
                dlogits[b, c] /= count
    return dlogits


@cross_entropy_gradient.kernel("indexed", family="arrays")
def indexed(logits: Array, labels: Array, *, reduction: str) -> Array:
    """New over ``loop``: each step over the whole batch, the labels' entries by index."""
    # five passes over B*C, six for the mean, in the one array of the result
    refuse_bad_labels(labels, logits.shape[1])
    dlogits = np.subtract(logits, logits.max(axis=1, keepdims=True))
    np.exp(dlogits, out=dlogits)
    dlogits /= dlogits.sum(axis=1, keepdims=True)
    dlogits[np.arange(len(labels)), labels] -= 1
    if reduction == "mean":
        dlogits /= len(labels)
    return dlogits


@cross_entropy_gradient.kernel("einsum", extra_elements=lambda s: s["batch"] * s["classes"])
def einsum(logits: Array, labels: Array, *, reduction: str) -> Array:
    """New over ``indexed``: einsum sums the rows, and whole one-hot rows are subtracted."""
    # writes and reads B*C once more than ``indexed``, for the one-hot rows
    refuse_bad_labels(labels, logits.shape[1])
    dlogits = np.subtract(logits, logits.max(axis=1, keepdims=True))
    np.exp(dlogits, out=dlogits)
    dlogits /= np.einsum("bc->b", dlogits)[:, None]
    dlogits -= one_hot(labels, logits)
    if reduction == "mean":
        dlogits /= len(labels)
    return dlogits


@cross_entropy_gradient.kernel("simd", compile=True, parallel=True)
def simd(logits: Array, labels: Array, reduction: str, out: Array) -> None:
    """New over ``numba_parallel``: a vector of rows together, exp as a polynomial of all lanes."""
    # reads B*C, writes B*C: the label's entry and the mean cost no pass of their own
    batch, classes = logits.shape
    refuse_labels(labels, classes)
    factor = logits.dtype.type(1)
    if reduction == "mean":
        factor = factor / logits.dtype.type(batch)
    rows = rows_of_piece(logits, batch, classes, 0)
    entropy_gradients(batch, rows, logits, labels, classes, out, factor)
