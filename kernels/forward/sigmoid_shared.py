"""The logistic sigmoid in any precision: the reference, and what its VJP draws from."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def sigmoid_values(inputs: Array) -> Array:
    """1 / (1 + exp(-z)) with small relative error on both sides, in any precision.

    With e = exp(-|z|), which cannot overflow, it is 1 / (1 + e) for z >= 0 and e / (1 + e) for
    z < 0: the small values come from a small numerator, down to the denormals, and not from a
    denominator that overflows.
    """
    powers = np.exp(-np.abs(inputs))
    return np.asarray(np.where(inputs < 0, powers, 1) / (1 + powers))
