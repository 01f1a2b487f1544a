"""Randomised placement of arrays in memory, which changes times by a few percent.

The arrays of a later call have other addresses than those that a kernel was chosen with; conflicts
in a cache set and accesses across a line slow some kernels and not others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

#: larger inputs are not copied: the copy would take longer than the effect is worth
MOST_BYTES = 8 << 20
#: alignment of allocators, and the period of cache-set indices (a page)
_ALIGNMENT, _PAGE = 16, 4096


def randomise_placement(arrays: Sequence[Array], rng: np.random.Generator) -> tuple[Array, ...]:
    """Read-only copies in the same memory order, each at a random offset within a page.

    Inputs that are large together, or an array in neither C nor Fortran order, stay where they are.
    """
    if sum(array.nbytes for array in arrays) > MOST_BYTES:
        return tuple(arrays)
    return tuple(_moved(array, rng) for array in arrays)


def _moved(array: Array, rng: np.random.Generator) -> Array:
    if not (array.flags.c_contiguous or array.flags.f_contiguous):
        return array
    buffer = np.empty(array.nbytes + 2 * _PAGE, np.uint8)
    wanted = _ALIGNMENT * int(rng.integers(_PAGE // _ALIGNMENT))
    start = (wanted - buffer.ctypes.data) % _PAGE
    flat = buffer[start : start + array.nbytes].view(array.dtype)
    moved = flat.reshape(array.shape, order="C" if array.flags.c_contiguous else "F")
    moved[...] = array
    moved.flags.writeable = False
    return moved
