"""The softmax in any precision and what rounding can do to it, for all that is made of one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def softmax_rows(logits: Array) -> Array:
    """p[b, c] = exp(z[b, c] - max z[b]) / sum_k exp(z[b, k] - max z[b]), in any precision."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def softmax_scale(probs: Array, logits: Array) -> Array:
    """p (1 + gap + sum p gap): rounding of z - max is carried through the exponential."""
    gap = logits.max(axis=1, keepdims=True) - logits
    # where p is zero the product is zero, also for a gap that is infinite
    weighted = np.where(probs > 0, probs * gap, 0)
    return np.asarray(probs + weighted + probs * weighted.sum(axis=1, keepdims=True))
