"""Memory layouts that a kernel must accept, made from any array."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.names import unknown

Array = npt.NDArray[Any]


def _sliced(array: Array) -> Array:
    """Every second entry along every axis of an array whose other entries are NaN or extreme."""
    poison = np.nan if array.dtype.kind == "f" else -1 if array.dtype.kind == "i" else 0
    padded = np.full([2 * n for n in array.shape], poison, array.dtype)
    # the dots: without an axis there is a view as well, and no scalar
    every_second: Any = (..., *(slice(0, 2 * n, 2) for n in array.shape))
    view = padded[every_second]
    view[...] = array
    return view


def _reversed(array: Array) -> Array:
    """Negative strides along every axis."""
    backwards: Any = (..., *(slice(None, None, -1) for _ in array.shape))
    return _in_order(array[backwards])[backwards]


def _readonly(array: Array) -> Array:
    """C order and read-only, as a memory-mapped file."""
    frozen = np.array(array, order="C")
    frozen.flags.writeable = False
    return frozen


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


def check_layout(layout: str) -> str:
    """The layout as it is spelt.

    Raises:
        ValueError: no layout is called so.
    """
    spelt = {name.lower(): name for name in LAYOUTS}
    if layout.lower() not in spelt:
        raise ValueError(unknown("layout", layout, LAYOUTS))
    return spelt[layout.lower()]


def as_layout(array: Array, layout: str) -> Array:
    """The same numbers in another memory layout: C, F, sliced, reversed or readonly.

    Raises:
        ValueError: no layout is called so.
    """
    return LAYOUTS[check_layout(layout)](array)


def read_only(array: Array) -> Array:
    """A read-only view."""
    view = array.view()
    view.flags.writeable = False
    return view
