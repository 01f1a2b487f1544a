"""Negative log-likelihood of probabilities and integer labels, summed or averaged.

    L = -sum_b log max(p[b, label[b]], smallest subnormal), / batch

Kernels, simplest first:

    loop     row by row: the logarithm of the label's probability
    indexed  each step over the whole batch, the labels' entries by index
    einsum   one-hot rows times logarithms
    numba    ``loop`` compiled
    simd     the labels' entries of a vector of rows, log as a polynomial, threads
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench import wide
from einbench.flops import EXP_FLOPS
from einbench.gradient.losses_shared import PROBS_AND_LABELS, label_entries, one_hot, reduced
from einbench.inputs import LABELS
from einbench.jit.labels import refuse_bad_labels, refuse_labels
from einbench.jit.pieces import piece_rows, rows_of_piece
from einbench.jit.simd.softmax import label_log_sums
from einbench.kernel import Sizes
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]


def _exact(rng: np.random.Generator, dtype: np.dtype[Any], sizes: Sizes) -> dict[str, Array]:
    """Labels that are certain, p = 1: the loss is exactly zero, unless another entry is read.

    The others are whole numbers from 2 on, in float64 beyond 2^24. log 1 = 0 is the only logarithm
    that all libraries return with the same bits.
    """
    shape = (sizes["batch"], sizes["classes"])
    labels = LABELS.draw(rng, shape[:1], dtype, sizes)
    probs = rng.integers(2, 2**24 if dtype == np.float32 else 2**53, shape).astype(dtype)
    probs[np.arange(len(labels)), labels] = 1
    return {"probs": probs, "labels": labels}


def _reference(probs: Array, labels: Array, *, reduction: str) -> Array:
    # what stands for zero is of the kernels' dtype: the wide one has smaller numbers
    least = float(wide.narrow_of(probs).smallest_subnormal)
    losses = 0 - np.log(np.maximum(label_entries(probs, labels), least))
    return reduced(losses.sum(), losses, reduction)


def _scale(loss: Array, probs: Array, labels: Array, *, reduction: str, eps: float) -> Array:
    # |log p|, without adding one: near p = 1 a logarithm loses no digits
    narrow = np.finfo(np.float32 if eps > np.finfo(np.float64).eps else np.float64)
    chosen = np.maximum(label_entries(probs, labels), float(narrow.smallest_subnormal))
    scales = np.abs(np.log(chosen))
    return reduced(scales.sum(), scales, reduction)


negative_log_likelihood = register(
    Operation(
        name="negative_log_likelihood",
        formula="L = -sum_b log max(p[b, label[b]], smallest subnormal), / batch",
        inputs=PROBS_AND_LABELS,
        outputs={"loss": ""},
        sizes={"classes": 10},
        terms=lambda s: s["batch"],
        tied_limit=lambda terms: 4 + terms / 2,
        flops=lambda s: s["batch"] * (EXP_FLOPS + 2),
        added=("batch",),
        added_options={"reduction": "sum"},
        averaged={"mean": "batch"},
        reference=_reference,
        scale=_scale,
        scale_takes_eps=True,
        exact=_exact,
        exact_options={"reduction": "sum"},
        reads={"probs": "batch"},  # the label's entry of each row
        options={"reduction": ("mean", "sum")},
    )
)


@negative_log_likelihood.kernel("loop")
@negative_log_likelihood.kernel("numba", compile=True)
def loop(probs: Array, labels: Array, reduction: str) -> Array:
    """Row by row: the logarithm of the label's probability."""
    # reads one entry of each row, and so every cache line where rows are shorter than one
    batch, classes = probs.shape
    limits = np.finfo(probs.dtype)
    # the smallest subnormal, a name that numba does not know
    least = probs.dtype.type(limits.tiny) * probs.dtype.type(limits.eps)
    total = probs.dtype.type(0)
    for b in range(batch):
        label = labels[b]
        if label < 0 or label >= classes:
            raise ValueError("labels must lie in [0, classes): count classes from 0")
        prob = probs[b, label]
        # the comparison is false for NaN, which so passes
        total -= np.log(least if prob < least else prob)
    if reduction == "mean":
        total = total / probs.dtype.type(batch) if batch else probs.dtype.type(np.nan)
    loss = np.empty((), probs.dtype)
    loss[()] = total
    return loss


@negative_log_likelihood.kernel("indexed", family="arrays", extra_elements=lambda s: s["batch"])
def indexed(probs: Array, labels: Array, *, reduction: str) -> Array:
    """New over ``loop``: each step over the whole batch, the labels' entries picked by index."""
    # reads one entry of each row, then three passes over B
    refuse_bad_labels(labels, probs.shape[1])
    losses = probs[np.arange(len(labels)), labels]
    np.maximum(losses, np.finfo(probs.dtype).smallest_subnormal, out=losses)
    np.log(losses, out=losses)
    # not the negative, which of log 1 is a zero with a sign
    np.subtract(0, losses, out=losses)
    return reduced(losses.sum(), losses, reduction)


@negative_log_likelihood.kernel("einsum", extra_elements=lambda s: 3 * s["batch"] * s["classes"])
def einsum(probs: Array, labels: Array, *, reduction: str) -> Array:
    """New over ``indexed``: -Y log p, one-hot rows times logarithms, summed by einsum."""
    # writes and reads B*C three times: one-hot rows, clipped probabilities, logarithms
    refuse_bad_labels(labels, probs.shape[1])
    hot = one_hot(labels, probs)
    logs = np.maximum(probs, np.finfo(probs.dtype).smallest_subnormal)
    # NaN times zero is NaN: where a row is not hot there is no logarithm but a zero
    logs = np.log(logs, out=np.zeros_like(logs), where=hot != 0)
    losses = 0 - np.einsum("bc,bc->b", hot, logs)
    return reduced(losses.sum(), losses, reduction)


@negative_log_likelihood.kernel("simd", compile=True, parallel=True)
def simd(probs: Array, labels: Array, reduction: str, out: Array) -> None:
    """New over ``numba``: a vector of labels' entries together, log as a polynomial."""
    # reads one entry of each row; each piece of the batch has a sum of its own
    batch, classes = probs.shape
    refuse_labels(labels, classes)
    rows = piece_rows(classes)
    pieces = (batch + rows - 1) // rows
    sums = np.empty(pieces, probs.dtype)
    piece = rows_of_piece(probs, batch, classes, 1)
    label_log_sums(batch, piece, probs, labels, classes, rows, sums)
    total = probs.dtype.type(0)
    for piece in range(pieces):
        total -= sums[piece]
    if reduction == "mean":
        total = total / probs.dtype.type(batch) if batch else probs.dtype.type(np.nan)
    out[()] = total
