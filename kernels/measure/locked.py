"""Copies of inputs in pages that nothing can write to: a kernel that tries to is ended by SIGSEGV.

They are shared by all kernels that are timed in a process, so that none may change another's.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.measure.shared import Place, fill, flagged, places

Array = npt.NDArray[Any]

#: from so many bytes on NumPy asks for huge pages
_HUGE_BYTES = 4 << 20


def locked(given: Sequence[Place], arrays: Sequence[Array]) -> list[Array]:
    """Copies with the same layout, each as far into its page as the original is.

    Those that are read-only lie in pages that are, where the system has such.
    """
    return [_copied(array, place["page"]) for place, array in zip(given, arrays, strict=True)]


def _copied(array: Array, page: int) -> Array:
    (place,), size = places([array])
    memory = _pages(size + page)
    fill(place, np.frombuffer(memory, np.uint8)[page:], array)
    copy = flagged(place, np.frombuffer(memory, np.uint8)[page:])
    if not place["writeable"]:
        _lock(memory)
    return copy


def _pages(size: int) -> mmap.mmap:
    if sys.platform == "win32":
        return mmap.mmap(-1, max(size, 1))
    memory = mmap.mmap(-1, max(size, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if size >= _HUGE_BYTES and hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def _lock(memory: mmap.mmap) -> None:
    if sys.platform == "win32":
        return
    begin = np.frombuffer(memory, np.uint8).ctypes.data
    ctypes.CDLL(None).mprotect(ctypes.c_void_p(begin), ctypes.c_size_t(len(memory)), mmap.PROT_READ)
