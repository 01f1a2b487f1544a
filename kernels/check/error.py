"""The size of an error, in units of what rounding could have caused.

    error = max |y - reference| / (eps(dtype) * scale + terms * eta)

eta is the smallest subnormal: it keeps honest products of denormals from looking infinitely
wrong. Where scale is zero the output must be equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from einbench import wide
from einbench.operation import Operation

Array = npt.NDArray[Any]


class Truth(NamedTuple):
    """What an operation should give for some inputs, and what rounding could do to it."""

    outputs: tuple[Array, ...]
    #: eps * scale + terms * eta, shaped like the outputs or broadcasting to them
    roundings: tuple[Array, ...]
    dtype: np.dtype[Any]


class Error(NamedTuple):
    """The largest error in units of rounding, and where: output number, index, wrong entries."""

    units: float
    output: int
    worst: tuple[int, ...]
    units_everywhere: Array


def as_tuple(operation: Operation, result: Any) -> tuple[Any, ...]:
    """One output or several as a tuple."""
    return (result,) if len(operation.outputs) == 1 else tuple(result)


def truth(
    operation: Operation,
    arrays: Sequence[Array],
    options: dict[str, str],
    dtype: np.dtype[Any],
    sizes: dict[str, int],
) -> Truth:
    """The reference and its scale for these inputs."""
    with np.errstate(all="ignore"):
        wide_arrays = [wide.widen(a) for a in arrays]
        outputs = as_tuple(operation, operation.reference(*wide_arrays, **options))
        # no second copy where the wide precision is float64 itself: MNIST takes 376 MB
        in_double = [a if a.dtype.kind in "iu" else np.asarray(a, np.float64) for a in wide_arrays]
        narrow = tuple(np.asarray(o, np.float64) for o in outputs)
        more: dict[str, Any] = {**options}
        if operation.scale_takes_eps:
            more["eps"] = float(np.finfo(dtype).eps)
        single = narrow[0] if len(narrow) == 1 else narrow
        scales = as_tuple(operation, operation.scale(single, *in_double, **more))
        info = np.finfo(dtype)
        least = max(float(operation.terms(sizes)), 1.0) * float(info.smallest_subnormal)
        roundings = tuple(float(info.eps) * np.asarray(s, np.float64) + least for s in scales)
    return Truth(tuple(np.asarray(o) for o in outputs), roundings, dtype)


def exact_truth(
    operation: Operation, arrays: Sequence[Array], options: dict[str, str], dtype: np.dtype[Any]
) -> Truth:
    """The reference for whole numbers that no order of summation rounds: scale zero.

    float64 is exact for them, in float64 kernels as well: no wider precision is needed.
    """
    with np.errstate(all="ignore"):
        in_double = [
            a if a.dtype.kind in "iu" else a.astype(np.float64, copy=False) for a in arrays
        ]
        outputs = as_tuple(operation, operation.reference(*in_double, **options))
    # whole numbers that the dtype holds: nothing is lost, and comparing takes half the memory
    outputs = tuple(np.asarray(o).astype(dtype, copy=False) for o in outputs)
    least = np.array(float(np.finfo(dtype).smallest_subnormal))
    return Truth(outputs, (least,) * len(outputs), dtype)


def error(got: Sequence[Array], expected: Truth) -> Error:
    """The largest error of any output; infinite where finite masks differ."""
    largest, number, everywhere = -1.0, 0, np.zeros(())
    with np.errstate(all="ignore"):
        for i, (y, reference, rounding) in enumerate(
            zip(got, expected.outputs, expected.roundings, strict=True)
        ):
            if rounding.ndim == 0 and np.array_equal(y, reference):
                units = np.zeros(())  # exact, as nearly always: no need to subtract 60,000 rows
            else:
                units = _units(y, reference, rounding)
            most = float(units.max(initial=0.0))
            if most > largest:
                largest, number, everywhere = most, i, units
    where = np.unravel_index(int(everywhere.argmax()), everywhere.shape) if everywhere.size else ()
    return Error(largest, number, tuple(int(i) for i in where), everywhere)


def _units(y: Array, reference: Array, rounding: Array) -> Array:
    difference = np.asarray(y - reference)
    np.abs(difference, out=difference)
    units = difference / rounding
    if np.isfinite(units.max(initial=0.0)):
        return units
    # NaN and infinity count alike: what matters is that they come where they belong
    finite = np.isfinite(reference)
    alike = np.where(finite == np.isfinite(y), 0, np.inf)
    units = np.where(finite & np.isfinite(y), units, alike)
    return np.where(np.isnan(units), np.where(difference == 0, 0, np.inf), units)
