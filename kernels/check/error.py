"""The size of an error, in units of what rounding could have caused.

error = max |y - reference| / rounding

Of whole numbers it is zero where they are equal, and infinite elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from einbench.check.truth import Truth

Array = npt.NDArray[Any]


class Error(NamedTuple):
    """The largest error in units of rounding, and where: output number, index, wrong entries."""

    units: float
    output: int
    worst: tuple[int, ...]
    units_everywhere: Array


def error(got: Sequence[Array], expected: Truth) -> Error:
    """The largest error of any output; infinite where finite masks differ."""
    largest, number, everywhere = -1.0, 0, np.zeros(())
    with np.errstate(all="ignore"):
        for i, (y, reference, rounding) in enumerate(
            zip(got, expected.outputs, expected.roundings, strict=True)
        ):
            if reference.dtype.kind in "iu":
                units = np.where(y == reference, 0.0, np.inf)  # a whole number is right or wrong
                most = _most(units)
            elif rounding.ndim == 0 and np.array_equal(y, reference):
                # exact, as nearly always: no need to subtract 60,000 rows
                units, most = np.zeros(()), 0.0
            else:
                units, most = _units(y, reference, rounding, nan_only=expected.nan_only)
            if most > largest:
                largest, number, everywhere = most, i, units
    if largest <= expected.limit:
        return Error(largest, number, (), everywhere)  # where it is least right is not asked
    where = np.unravel_index(int(everywhere.argmax()), everywhere.shape) if everywhere.size else ()
    return Error(largest, number, tuple(int(i) for i in where), everywhere)


def _most(units: Array) -> float:
    return float(np.maximum.reduce(units, axis=None, initial=0.0))


def _units(y: Array, reference: Array, rounding: Array, *, nan_only: bool) -> tuple[Array, float]:
    """The error of every entry, and the largest."""
    difference = np.asarray(y - reference)
    np.abs(difference, out=difference)
    units = difference / rounding
    if math.isfinite(most := _most(units)):
        return units, most
    # NaN and infinity must come where they belong, and infinity with its sign; for NaN another
    # order of the sums may give infinity
    finite = np.isfinite(reference)
    alike = np.where(finite == np.isfinite(y), 0, np.inf)
    opposite = np.isinf(reference) & np.isinf(y) & (reference != y)
    missing = np.isnan(reference) & ~np.isnan(y) & nan_only
    alike = np.where(opposite | missing, np.inf, alike)
    units = np.where(finite & np.isfinite(y), units, alike)
    units = np.where(np.isnan(units), np.where(difference == 0, 0, np.inf), units)
    return units, _most(units)
