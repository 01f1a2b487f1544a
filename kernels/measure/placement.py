"""The same arrays elsewhere in memory: where they lie changes times by a few percent.

A program that calls a kernel has its arrays at other addresses than the one that chose it had, and
small arrays that share a cache set or straddle a line make one kernel slower and not the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

#: of larger inputs a copy costs more than it tells
MOST_BYTES = 8 << 20
#: what allocators align to, and the span of addresses that caches tell apart
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
    room = np.empty(array.nbytes + 2 * _PAGE, np.uint8)
    wanted = _ALIGNMENT * int(rng.integers(_PAGE // _ALIGNMENT))
    start = (wanted - room.ctypes.data) % _PAGE
    flat = room[start : start + array.nbytes].view(array.dtype)
    moved = flat.reshape(array.shape, order="C" if array.flags.c_contiguous else "F")
    moved[...] = array
    moved.flags.writeable = False
    return moved
