"""Alignment of arrays: to cache lines, and against 4K aliasing and false sharing.

Vector instructions on an array that is not aligned to a cache line cross a line with every other
load and store: unaligned, a step's 110,000 parameters took 94 instead of 60 microseconds.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.host import cgroup

LINE_BYTES = 64
PAGE_BYTES = 4096
#: below this many bytes alignment takes longer than it saves
_LARGE_BYTES = 1 << 17


def aligned(shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """An empty array in C order, aligned to a cache line."""
    return _placed(shape, np.dtype(dtype), LINE_BYTES, 0)


def for_result(shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """The same for a result: a large one is aligned to a line, at an offset of half a page.

    Without alignment there is false sharing: two threads write to one cache line, which moves
    between their cores. A gradient of 784 by 128 weights from 32 rows took 70 instead of 45
    microseconds.

    The offset avoids 4K aliasing: a load whose address agrees in its lower 12 bits with a store in
    flight is taken to depend on it, and is repeated. Inputs begin near the beginning of a page
    (NumPy's large arrays 16 bytes after it, PyTorch's 64, those in a mapped file 128), so a result
    that begins up to 300 bytes further into its page aliases the elements that are read next. tanh
    of 60,000 rows in float64, in huge pages, took 23 instead of 6 milliseconds, and 6 at an equal
    offset or at any that differs more.
    """
    if prod(shape) * dtype.itemsize < _LARGE_BYTES:
        return np.empty(shape, dtype)
    return _placed(shape, dtype, PAGE_BYTES, PAGE_BYTES // 2)


def _placed(
    shape: tuple[int, ...], dtype: np.dtype[Any], unit: int, beyond: int
) -> npt.NDArray[Any]:
    """An empty array that begins so many bytes beyond a multiple of a unit."""
    memory = np.empty(prod(shape) * dtype.itemsize + unit, np.uint8)
    return np.ndarray(shape, dtype, memory, (beyond - memory.ctypes.data) % unit)


def total_bytes() -> int:
    """All memory of this machine, or what a container grants of it, in bytes."""
    import psutil  # as below

    return _least(int(psutil.virtual_memory().total), cgroup.memory_limit_bytes())


def available_bytes() -> int:
    """Memory that can be allocated without swapping, within a container's limit, in bytes."""
    import psutil  # takes longer to import than a kernel may to be called

    return _least(int(psutil.virtual_memory().available), cgroup.memory_left_bytes())


def _least(machines: int, containers: int | None) -> int:
    return machines if containers is None else min(machines, containers)
