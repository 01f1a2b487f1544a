"""The gradient of negative log-likelihood with respect to the probabilities.

    dP[b, c] = -[c = label[b]] / max(p[b, c], smallest normal) / batch

Kernels, simplest first:

    loop            row by row: zeros, then the reciprocal at the label
    indexed         zeros of the whole batch, the labels' entries by index
    ufunc           one-hot rows over whole rows, nothing indexed
    numba           ``loop`` compiled
    numba_parallel  threads share the samples
    filled          zeros for a block of rows at once, then its labels' entries
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench import wide
from einbench.gradient.losses_shared import PROBS_AND_LABELS, label_entries, one_hot
from einbench.jit.labels import refuse_bad_labels, refuse_labels
from einbench.jit.linked import Integers, Pointer, Scalar, linked
from einbench.jit.pieces import rows_of_piece
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]
prange = range  # the compiled copies see numba's


def _reference(probs: Array, labels: Array, *, reduction: str) -> Array:
    # the smallest normal number of the kernels' dtype: the wide one has smaller ones
    least = float(wide.narrow_of(probs).smallest_normal)
    dprobs = np.zeros_like(probs)
    slopes = -1 / np.maximum(label_entries(probs, labels), least)
    dprobs[np.arange(len(labels)), labels] = slopes
    return np.asarray(dprobs / len(labels)) if reduction == "mean" else dprobs


def _scale(dprobs: Array, probs: Array, labels: Array, *, reduction: str) -> Array:
    return np.abs(dprobs)


negative_log_likelihood_gradient = register(
    Operation(
        name="negative_log_likelihood_gradient",
        formula="dP[b, c] = -[c = label[b]] / max(p[b, c], smallest normal) / batch",
        inputs=PROBS_AND_LABELS,
        outputs={"dprobs": "batch classes"},
        sizes={"classes": 10},
        independent=("batch",),
        independent_options={"reduction": "sum"},
        averaged={"mean": "batch"},
        # two divisions; where no label is the result must be zero
        limit=lambda terms: 4,
        tied_limit=lambda terms: 4,
        flops=lambda s: 3 * s["batch"],
        reference=_reference,
        scale=_scale,
        reads={"probs": "batch"},  # the label's entry of each row
        options={"reduction": ("mean", "sum")},
    )
)


@negative_log_likelihood_gradient.kernel("loop")
@negative_log_likelihood_gradient.kernel("numba", compile=True)
@negative_log_likelihood_gradient.kernel("numba_parallel", compile=True, parallel=True)
def loop(probs: Array, labels: Array, reduction: str) -> Array:
    """Row by row: zeros, and minus one over the label's probability.

    A reciprocal of less than the smallest normal number may overflow: that number stands for
    all below it, and the gradient stays finite.
    """
    # reads one entry of each row, writes B*C: bound by the write
    batch, classes = probs.shape
    zero, one, count = probs.dtype.type(0), probs.dtype.type(1), probs.dtype.type(batch)
    least = probs.dtype.type(np.finfo(probs.dtype).tiny)
    # before the rows: a loop that threads share must not raise
    for b in range(batch):
        if labels[b] < 0 or labels[b] >= classes:
            raise ValueError("labels must lie in [0, classes): count classes from 0")
    dprobs = np.empty((batch, classes), probs.dtype)
    for b in prange(batch):
        for c in range(classes):
            dprobs[b, c] = zero
        prob = probs[b, labels[b]]
        # the comparison is false for NaN, which so passes
        slope = -one / (least if prob < least else prob)
        if reduction == "mean":
            slope = slope / count
        dprobs[b, labels[b]] = slope
    return dprobs


@negative_log_likelihood_gradient.kernel(
    "indexed", family="arrays", extra_elements=lambda s: s["batch"]
)
def indexed(probs: Array, labels: Array, *, reduction: str) -> Array:
    """New over ``loop``: each step over the whole batch, the labels' entries by index."""
    # writes B*C once, reads and writes one entry of each row
    refuse_bad_labels(labels, probs.shape[1])
    rows = np.arange(len(labels))
    slopes = probs[rows, labels]
    np.maximum(slopes, np.finfo(probs.dtype).smallest_normal, out=slopes)
    np.divide(-1, slopes, out=slopes)
    if reduction == "mean":
        slopes /= len(labels)
    dprobs = np.zeros(probs.shape, probs.dtype)
    dprobs[rows, labels] = slopes
    return dprobs


@negative_log_likelihood_gradient.kernel(
    "ufunc", family="arrays", extra_elements=lambda s: 2 * s["batch"] * s["classes"]
)
def ufunc(probs: Array, labels: Array, *, reduction: str) -> Array:
    """New over ``indexed``: -Y / P, one-hot rows over whole rows, so nothing is indexed."""
    # writes and reads B*C twice more than ``indexed``: one-hot rows, clipped probabilities
    refuse_bad_labels(labels, probs.shape[1])
    hot = one_hot(labels, probs)
    clipped = np.maximum(probs, np.finfo(probs.dtype).smallest_normal)
    # zero over NaN is NaN: where a row is not hot nothing is divided
    dprobs = np.divide(-1, clipped, out=np.zeros_like(clipped), where=hot != 0)
    if reduction == "mean":
        dprobs /= len(labels)
    return dprobs


@negative_log_likelihood_gradient.kernel("filled", family="simd", compile=True, parallel=True)
def filled(probs: Array, labels: Array, reduction: str, out: Array) -> None:
    """New over ``numba_parallel``: zeros for many rows at once, then the labels' entries."""
    # reads one entry of each row, writes B*C: bound by the write
    batch, classes = probs.shape
    refuse_labels(labels, classes)
    least = probs.dtype.type(np.finfo(probs.dtype).tiny)
    factor = probs.dtype.type(-1)
    if reduction == "mean":
        factor = factor / probs.dtype.type(batch)
    rows = rows_of_piece(probs, batch, classes, 2)
    fill_slopes(batch, rows, probs, labels, classes, factor, least, out)


@linked(divided=True)
def fill_slopes(
    first: int, count: int, p: Pointer, labels: Integers, classes: int,
    factor: Scalar, least: Scalar, d: Pointer,
) -> None:  # fmt: skip
    """d[b, c] = [c = label[b]] factor / max(p[b, c], least)."""
    for k in range(first * classes, (first + count) * classes):
        d[k] = 0
    for b in range(first, first + count):
        place = b * classes + labels[b]
        # the comparison is false for NaN, which so passes
        d[place] = factor / (least if p[place] < least else p[place])
