"""What losses and their gradients have in common: inputs, reductions, inputs of exact results."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench import draws
from einbench.forward.softmax_shared import softmax_rows
from einbench.inputs import LABELS, PROBABILITIES, Input
from einbench.kernel import Sizes

Array = npt.NDArray[Any]

#: beyond this distance to the maximum an exponential is exactly zero, in float64 as well
_GAP = 1024

#: inputs of negative log-likelihood, and of mean squared error
PROBS_AND_LABELS = {
    "probs": Input(
        "batch classes",
        PROBABILITIES,
        {
            np.nan: "NaN where it is the label's, nothing elsewhere",
            np.inf: "minus infinity where it is the label's, in a gradient zero",
            -np.inf: "as zero where it is the label's",
        },
    ),
    "labels": Input("batch", LABELS),
}
OUTPUTS_AND_TARGETS = {
    name: Input(
        "batch classes",
        nonfinite={
            np.nan: "NaN",
            np.inf: "infinite, NaN beside the same infinity",
            -np.inf: "infinite, NaN beside the same infinity",
        },
    )
    for name in ("outputs", "targets")
}


def one_hot(labels: Array, logits: Array) -> Array:
    """Y[b, c] = 1 where labels[b] == c else 0, shaped and typed like the logits."""
    return np.equal(labels[:, None], np.arange(logits.shape[1])).astype(logits.dtype)


def label_entries(rows: Array, labels: Array) -> Array:
    """r[b, label[b]] in new memory."""
    return np.take_along_axis(rows, labels[:, None].astype(np.intp), axis=1)[:, 0]


def reduced(total: Any, summed: Array, reduction: str) -> Array:
    """The total, or the mean of so many, as an array of no dimensions; of none the mean is NaN."""
    if reduction == "mean":
        total = total / summed.size if summed.size else np.nan
    return np.asarray(total, summed.dtype)


def entropy_losses(logits: Array, labels: Array) -> Array:
    """L[b] = log sum_c exp(z[b, c] - max z[b]) + (max z[b] - z[b, label[b]]), in any precision."""
    largest = logits.max(axis=1)
    lse = np.log(np.exp(logits - largest[:, None]).sum(axis=1))
    return np.asarray(lse + (largest - label_entries(logits, labels)))


def entropy_scale(logits: Array, labels: Array) -> Array:
    """1 + gap + lse + sum p gap, for every row: what rounding can do to its loss."""
    gap = logits.max(axis=1, keepdims=True) - logits
    probs = softmax_rows(logits)
    # where p is zero the product is zero, also for a gap that is infinite
    weighted = np.where(probs > 0, probs * gap, 0).sum(axis=1)
    lse = np.log(np.exp(-gap).sum(axis=1))
    return np.asarray(1 + label_entries(gap, labels) + lse + weighted)


def exact_logits(rng: np.random.Generator, dtype: np.dtype[Any], sizes: Sizes) -> dict[str, Array]:
    """Logits whose softmax is exactly one-hot, and whose losses are whole multiples of 1024.

    Counted in units of 1024, the losses of the batch sum to less than 2^24 in float32 and 2^53
    in float64, where single losses go beyond 2^24 so that an intermediate in float32 shows.
    """
    batch, classes = sizes["batch"], sizes["classes"]
    largest_sum = 2**24 - 1 if dtype == np.float32 else 2**53 - 1
    bound = max(min(largest_sum // max(batch, 1), largest_sum // 4), 1)
    below = rng.integers(1, bound + 1, (batch, classes))
    below[np.arange(batch), rng.integers(0, classes, batch)] = 0
    largest = rng.integers(-bound, bound + 1, (batch, 1))
    return {
        "logits": (largest - below).astype(dtype) * dtype.type(_GAP),
        "labels": LABELS.draw(rng, (batch,), dtype, sizes),
    }


def exact_outputs(rng: np.random.Generator, dtype: np.dtype[Any], sizes: Sizes) -> dict[str, Array]:
    """Large whole numbers, and whole numbers so close to them that the squares sum exactly.

    The squares of the differences sum to less than 2^24 in float32 and 2^53 in float64, beyond
    which the squares of the numbers themselves lie: a kernel that subtracts those loses all digits.
    In float64 the numbers go beyond 2^24, so that an intermediate in float32 shows.
    """
    shape = (sizes["batch"], sizes["classes"])
    terms = max(shape[0] * shape[1], 1)
    largest_sum = 2**24 - 1 if dtype == np.float32 else 2**53 - 1
    bound = max(math.isqrt(largest_sum // terms), 1)
    targets = draws.integers(rng, shape, dtype, largest_sum // 4)
    differences = draws.integers(rng, shape, dtype, bound)
    if terms > largest_sum:  # not all may differ, even by one
        differences[rng.random(shape) > largest_sum / terms] = 0
    return {"outputs": targets + differences, "targets": targets}
