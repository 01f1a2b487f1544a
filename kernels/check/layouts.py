"""Memory layouts that a kernel must accept, made from any array."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.names import unknown

Array = npt.NDArray[Any]

#: axes along which an array is sliced: each doubles the memory
_MOST_SLICED = 8


def _sliced(array: Array) -> Array:
    """Every second entry along each axis, of eight at most, where others are NaN or extreme."""
    steps = tuple(2 if axis >= array.ndim - _MOST_SLICED else 1 for axis in range(array.ndim))
    return _within(array, tuple(s * n for s, n in zip(steps, array.shape, strict=True)), steps)


def _reversed(array: Array) -> Array:
    """Negative strides along every axis."""
    backwards: Any = (..., *(slice(None, None, -1) for _ in array.shape))
    return _in_order(array[backwards])[backwards]


def _readonly(array: Array) -> Array:
    """C order, and nobody may write to it: a memory-mapped file, say."""
    # of bytes, which no flag makes writeable
    return np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape)


def _locked(array: Array) -> Array:
    """C order in memory of its own that is not to be written to, though a flag would allow it."""
    held = np.array(array, order="C")
    held.flags.writeable = False
    return held


def _in_order(array: Array) -> Array:
    """C order; ascontiguousarray would give a scalar an axis."""
    return np.asarray(array, order="C")


def _in_fortran_order(array: Array) -> Array:
    return np.asarray(array, order="F")


LAYOUTS: Mapping[str, Callable[[Array], Array]] = {
    "C": _in_order,
    "F": _in_fortran_order,
    "sliced": _sliced,
    "reversed": _reversed,
    "readonly": _readonly,
}


def _within(array: Array, larger: tuple[int, ...], steps: tuple[int, ...]) -> Array:
    """Every so many entries along each axis of an array whose others are NaN or extreme."""
    poison = np.nan if array.dtype.kind == "f" else -1 if array.dtype.kind == "i" else 0
    around = np.full(larger, poison, array.dtype)
    ends = (s * n for s, n in zip(steps, array.shape, strict=True))
    # the dots: without an axis there is a view as well, and no scalar
    where: Any = (..., *(slice(0, e, s) for e, s in zip(ends, steps, strict=True)))
    view = around[where]
    view[...] = array
    return view


def _rows_apart(step: int) -> Callable[[Array], Array]:
    def laid(array: Array) -> Array:
        steps = tuple(step if axis == 0 else 1 for axis in range(array.ndim))
        larger = tuple(s * n for s, n in zip(steps, array.shape, strict=True))
        return _within(array, larger, steps)

    return laid


def _columns_of_wider(array: Array) -> Array:
    larger = tuple(n + 3 * (axis == array.ndim - 1) for axis, n in enumerate(array.shape))
    return _within(array, larger, (1,) * array.ndim)


def _backwards(axis: int) -> Callable[[Array], Array]:
    def laid(array: Array) -> Array:
        if not array.ndim:
            return _in_order(array)
        return np.flip(_in_order(np.flip(array, axis)), axis)

    return laid


def _columns_of_taller(array: Array) -> Array:
    """Fortran order with a leading dimension of its own, as BLAS has it."""
    return _columns_of_wider(array.T).T


def _unaligned(array: Array) -> Array:
    """C order, one byte beyond where its numbers are expected to begin."""
    memory = np.empty(array.nbytes + 1, np.uint8)
    view = memory[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def _same_along(axis: int) -> Callable[[Array], Array]:
    def laid(array: Array) -> Array:
        if not array.ndim:
            return _in_order(array)
        return np.broadcast_to(np.take(array, range(min(1, array.shape[axis])), axis), array.shape)

    return laid


#: what the check tries beside these: all or some of the inputs are laid out so
MORE_LAYOUTS: Mapping[str, Callable[[Array], Array]] = {
    "every second row": _rows_apart(2),
    "rows three apart": _rows_apart(3),
    "columns of a wider array": _columns_of_wider,
    "reversed rows": _backwards(0),
    "reversed columns": _backwards(-1),
    "columns of a taller array": _columns_of_taller,
    "unaligned": _unaligned,
    "locked": _locked,
    "one row for all": _same_along(0),
    "one column for all": _same_along(-1),
}


def check_layout(layout: str) -> str:
    """The layout as it is spelt.

    Raises:
        ValueError: no layout is called so.
    """
    spelt = {name.lower(): name for name in LAYOUTS}
    if not isinstance(layout, str) or layout.lower() not in spelt:
        raise ValueError(unknown("layout", layout, LAYOUTS))
    return spelt[layout.lower()]


def as_layout(array: Array, layout: str) -> Array:
    """The same numbers in another memory layout: one of `LAYOUTS` or `MORE_LAYOUTS`.

    Of those that have one row or column for all, that one's numbers.

    Raises:
        ValueError: no layout is called so.
    """
    return (MORE_LAYOUTS.get(layout) or LAYOUTS[check_layout(layout)])(array)


def read_only(array: Array) -> Array:
    """The same memory, which nobody may write to through this view."""
    view = array.view()
    view.flags.writeable = False
    return view
