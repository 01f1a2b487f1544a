"""Cross-entropy of logits and integer labels, summed or averaged over the batch.

    L = sum_b (log sum_c exp(z[b, c] - max z[b]) + (max z[b] - z[b, label[b]])), / batch

Kernels, simplest first:

    loop     row by row: maximum, sum of exponentials, distance of the label
    indexed  each step over the whole batch, the labels' entries by index
    einsum   the labels' entries as products with one-hot rows
    numba    ``loop`` compiled
    simd     a vector of rows at a time, exp and log as polynomials, threads
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.flops import EXP_FLOPS
from einbench.gradient.losses_shared import (
    entropy_losses,
    entropy_scale,
    exact_logits,
    one_hot,
    reduced,
)
from einbench.inputs import LABELS, LOGITS, Input
from einbench.jit.labels import refuse_bad_labels, refuse_labels
from einbench.jit.pieces import piece_rows, rows_of_piece
from einbench.jit.simd.softmax import cross_entropy_sums
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]


def _reference(logits: Array, labels: Array, *, reduction: str) -> Array:
    losses = entropy_losses(logits, labels)
    return reduced(losses.sum(), losses, reduction)


def _scale(loss: Array, logits: Array, labels: Array, *, reduction: str) -> Array:
    scales = entropy_scale(logits, labels)
    return reduced(scales.sum(), scales, reduction)


_NOT_FINITE = {
    np.nan: "NaN",
    np.inf: "NaN: infinity over infinity",
    -np.inf: "as if its class were not there, infinity where it is the label's",
}

cross_entropy = register(
    Operation(
        name="cross_entropy",
        formula="L = sum_b (log sum_c exp(z[b, c] - max z[b]) "
        "+ (max z[b] - z[b, label[b]])), / batch",
        inputs={
            "logits": Input("batch classes", LOGITS, _NOT_FINITE),
            "labels": Input("batch", LABELS),
        },
        outputs={"loss": ""},
        sizes={"classes": 10},
        terms=lambda s: s["classes"] + s["batch"],
        tied_limit=lambda terms: 4 + terms / 2,
        flops=lambda s: s["batch"] * (s["classes"] * (3 + EXP_FLOPS) + EXP_FLOPS + 3),
        added=("batch",),
        added_options={"reduction": "sum"},
        averaged={"mean": "batch"},
        reference=_reference,
        scale=_scale,
        exact=exact_logits,
        exact_options={"reduction": "sum"},
        options={"reduction": ("mean", "sum")},
    )
)


@cross_entropy.kernel("loop")
@cross_entropy.kernel("numba", compile=True)
def loop(logits: Array, labels: Array, reduction: str) -> Array:
    """Row by row: the maximum, the sum of the exponentials, and the label's distance."""
    # reads B*C once, writes nothing but the loss: bound by the exponential
    batch, classes = logits.shape
    total = logits.dtype.type(0)
    for b in range(batch):
        label = labels[b]
        if label < 0 or label >= classes:
            raise ValueError("labels must lie in [0, classes): count classes from 0")
        largest = logits[b, 0]
        for c in range(classes):
            largest = max(largest, logits[b, c])
        powers = logits.dtype.type(0)
        for c in range(classes):
            powers += np.exp(logits[b, c] - largest)
        # the difference first: log plus a large maximum would lose the digits of the log
        total += np.log(powers) + (largest - logits[b, label])
    if reduction == "mean":
        total = total / logits.dtype.type(batch) if batch else logits.dtype.type(np.nan)
    loss = np.empty((), logits.dtype)
    loss[()] = total
    return loss


@cross_entropy.kernel(
    "indexed", family="arrays", extra_elements=lambda s: s["batch"] * s["classes"]
)
def indexed(logits: Array, labels: Array, *, reduction: str) -> Array:
    """New over ``loop``: each step over the whole batch, the labels' entries picked by index."""
    # five passes over B*C, in one temporary
    refuse_bad_labels(labels, logits.shape[1])
    largest = logits.max(axis=1)
    powers = np.subtract(logits, largest[:, None])
    np.exp(powers, out=powers)
    losses = np.log(powers.sum(axis=1))
    losses += largest - logits[np.arange(len(labels)), labels]
    return reduced(losses.sum(), losses, reduction)


@cross_entropy.kernel("einsum", extra_elements=lambda s: 3.25 * s["batch"] * s["classes"])
def einsum(logits: Array, labels: Array, *, reduction: str) -> Array:
    """New over ``indexed``: the labels' entries are products with one-hot rows, summed."""
    # writes and reads B*C twice more than ``indexed``, for the one-hot rows
    refuse_bad_labels(labels, logits.shape[1])
    shifted = np.subtract(logits, logits.max(axis=1, keepdims=True))
    # another class may be masked by -inf, which times zero is NaN: it is put to zero instead
    hot = one_hot(labels, logits)
    gaps = np.einsum("bc,bc->b", hot, np.where(hot != 0, shifted, 0))
    np.exp(shifted, out=shifted)
    losses = np.log(np.einsum("bc->b", shifted))
    losses -= gaps
    return reduced(losses.sum(), losses, reduction)


@cross_entropy.kernel("simd", compile=True, parallel=True)
def simd(logits: Array, labels: Array, reduction: str, out: Array) -> None:
    """New over ``numba``: a vector of rows together, exp and log as polynomials of all lanes."""
    # reads B*C once; each piece of the batch has a sum of its own, added up in their order
    batch, classes = logits.shape
    refuse_labels(labels, classes)
    rows = piece_rows(classes)
    pieces = (batch + rows - 1) // rows
    sums = np.empty(pieces, logits.dtype)
    piece = rows_of_piece(logits, batch, classes, 0)
    cross_entropy_sums(batch, piece, logits, labels, classes, rows, sums)
    total = logits.dtype.type(0)
    for piece in range(pieces):
        total += sums[piece]
    if reduction == "mean":
        total = total / logits.dtype.type(batch) if batch else logits.dtype.type(np.nan)
    out[()] = total
