"""What losses and their gradients have in common: labels, reductions, inputs of exact results."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench import draws
from einbench.inputs import LABELS
from einbench.kernel import Sizes

Array = npt.NDArray[Any]

#: beyond this distance to the maximum an exponential is exactly zero, in float64 as well
_GAP = 1024


def one_hot(labels: Array, logits: Array) -> Array:
    """Y[b, c] = 1 where labels[b] == c else 0, shaped and typed like the logits."""
    return np.equal(labels[:, None], np.arange(logits.shape[1])).astype(logits.dtype)


def label_probs(probs: Array, labels: Array) -> Array:
    """p[b, label[b]] in new memory."""
    return np.take_along_axis(probs, labels[:, None].astype(np.intp), axis=1)[:, 0]


def reduced(losses: Array, reduction: str) -> Array:
    """Sum or mean as an array of no dimensions; the mean of nothing is NaN, silently."""
    total = losses.sum()
    if reduction == "mean":
        total = total / len(losses) if len(losses) else np.nan
    return np.asarray(total, losses.dtype)


def exact_logits(rng: np.random.Generator, dtype: np.dtype[Any], sizes: Sizes) -> dict[str, Array]:
    """Logits whose softmax is exactly one-hot, and whose losses are whole multiples of 1024.

    Counted in units of 1024, the losses of the batch sum to less than 2^24 in float32 and 2^53
    in float64, where single losses go beyond 2^24 so that a float32 in the middle shows.
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
    which the squares of the numbers themselves lie: who subtracts those has nothing left. In
    float64 the numbers go beyond 2^24, so that a float32 in the middle shows.
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
