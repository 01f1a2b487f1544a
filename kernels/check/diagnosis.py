"""The pattern of errors in a wrong output, as a message that names the fault."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.check.error import Error
from einbench.check.truth import HasOutputs, Truth

Array = npt.NDArray[Any]


def describe(operation: HasOutputs, got: Sequence[Array], expected: Truth, found: Error) -> str:
    """The pattern of the wrong entries: all zeros, all NaN, float32 inside, some rows, all."""
    name, axes = list(operation.outputs.items())[found.output]
    y, reference = got[found.output], expected.outputs[found.output]
    where = f"{name}{list(found.worst)}" if found.worst else name
    value = (
        f"{where} is {_number(y[found.worst])} where {_number(reference[found.worst])} was expected"
    )
    if not y.any() and reference.any():
        return f"{name} is zero everywhere; {value}"
    if np.isnan(y).all() and not np.isnan(reference).all():
        return f"{name} is NaN everywhere; {value}"
    notes = []
    if _as_wrong_as_float32(expected, found):
        notes.append("no more accurate than float32 arithmetic inside")
    wrong = found.units_everywhere > expected.limit
    if note := _lines(wrong, axes.split()) or _count(wrong):
        notes.append(note)
    return "; ".join([*notes, value])


def _number(value: Any) -> str:
    return f"{int(value):,}" if np.asarray(value).dtype.kind in "iu" else f"{float(value):.9g}"


def _as_wrong_as_float32(expected: Truth, found: Error) -> bool:
    """Whether a float64 error is of the size that rounding to float32 on the way leaves."""
    if expected.dtype != np.float64:
        return False
    ratio = float(np.finfo(np.float32).eps / np.finfo(np.float64).eps)
    # a long sum may round each part alone; a dropped entry of many is far beyond a few units
    return 1e-3 * ratio <= found.units <= 8 * ratio


def _lines(wrong: Array, axes: list[str]) -> str:
    """Along which axis, and at which indices, everything wrong lies, if it is few of many."""
    if not wrong.any():
        return ""
    for number, axis in enumerate(axes):
        others = tuple(i for i in range(wrong.ndim) if i != number)
        hit = np.flatnonzero(wrong.any(axis=others))
        size = wrong.shape[number]
        if 0 < len(hit) <= size // 2:
            return f"wrong at {axis} {_ranges(hit)} of {size} only"
    return ""


def _count(wrong: Array) -> str:
    """How many entries are wrong, where that says more than the one that is shown."""
    if wrong.size < 2:
        return ""
    if wrong.all():
        return "wrong in every entry"
    return f"wrong in {int(wrong.sum()):,} of {wrong.size:,} entries"


def _ranges(hit: Array) -> str:
    if len(hit) > 1 and hit[-1] - hit[0] == len(hit) - 1:
        return f"{hit[0]} to {hit[-1]}"
    shown = ", ".join(str(i) for i in hit[:4])
    return f"{shown}, ... ({len(hit)} of them)" if len(hit) > 4 else shown
