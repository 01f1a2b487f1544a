"""Arrays in shared memory, with the layout of the originals: strides and flags.

The parent process creates the memory, grows it, and removes it; a worker only attaches to it.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.host.memory import LINE_BYTES, PAGE_BYTES
from einbench.units import bytes_text

Array = npt.NDArray[Any]
#: an array without its numbers, ready for JSON
Place = dict[str, Any]


def places(arrays: Sequence[Array]) -> tuple[list[Place], int]:
    """Layouts of the arrays placed one after the other, each as it is now; bytes in all."""
    found: list[Place] = []
    end = 0
    for array in arrays:
        low, high = np.lib.array_utils.byte_bounds(array) if array.size else (0, 0)
        first = array.ctypes.data - low if array.size else 0
        found.append({
            "dtype": array.dtype.str, "shape": array.shape, "strides": array.strides,
            "begin": end, "bytes": high - low, "offset": end + first,
            "writeable": array.flags.writeable, "page": low % PAGE_BYTES,
        })  # fmt: skip
        end += -(-(high - low) // LINE_BYTES) * LINE_BYTES
    return found, end


def view(place: Place, memory: Any) -> Array:
    """The array at that place, writeable."""
    dtype, shape = np.dtype(place["dtype"]), tuple(place["shape"])
    if 0 in shape:
        return np.empty(shape, dtype)
    return np.ndarray(shape, dtype, memory, place["offset"], tuple(place["strides"]))


def fill(place: Place, memory: Any, array: Array) -> None:
    """Copy an array's elements; the bytes between them become NaN, or -1."""
    if place["bytes"] > array.nbytes:
        np.frombuffer(memory, np.uint8, place["bytes"], place["begin"])[...] = 255
    view(place, memory)[...] = array


def flagged(place: Place, memory: Any) -> Array:
    """The array at that place, writeable only where the original is."""
    array = view(place, memory)
    array.flags.writeable = place["writeable"]
    return array


class Arena:
    """Named shared memory that grows; ``close`` removes it."""

    def __init__(self) -> None:
        self._memory: SharedMemory | None = None

    @property
    def name(self) -> str:
        """Name by which another process attaches to it."""
        return self._memory.name if self._memory is not None else ""

    def reserve(self, size: int) -> memoryview:
        """At least so many bytes; growing discards the contents.

        Raises:
            MemoryError: the system has no such memory left.
        """
        if self._memory is None or self._memory.size < size:
            self.close()
            self._memory = _made(max(size, 1 << 16))
        buffer = self._memory.buf
        assert buffer is not None  # noqa: S101 - it is not closed
        return buffer

    def close(self) -> None:
        """Remove it; pages stay mapped as long as a view refers to them."""
        memory, self._memory = self._memory, None
        if memory is not None:
            memory.unlink()
            with contextlib.suppress(BufferError):
                memory.close()


def _made(size: int) -> SharedMemory:
    memory = SharedMemory(create=True, size=size)
    try:
        # without this, writing to pages that cannot be allocated would raise SIGBUS
        if hasattr(os, "posix_fallocate") and (file := getattr(memory, "_fd", -1)) >= 0:
            os.posix_fallocate(file, 0, size)
    except OSError as problem:
        memory.close()
        memory.unlink()
        raise MemoryError(
            f"no {bytes_text(size)} of shared memory are left ({problem.strerror}); a container "
            "has more with --shm-size=2g"
        ) from problem
    return memory


class Attached:
    """Shared memory that a worker is attached to."""

    def __init__(self) -> None:
        self._open: dict[str, SharedMemory] = {}
        #: views still refer to it: closed when the process ends
        self._kept: list[SharedMemory] = []

    def memory(self, name: str, role: str) -> Any:
        """The bytes under that name; memory attached before in the same role is closed."""
        held = self._open.get(role)
        if held is None or held.name != name:
            if held is not None:
                try:
                    held.close()
                except BufferError:
                    self._kept.append(held)
            self._open[role] = held = _attach(name)
        return held.buf


def _attach(name: str) -> SharedMemory:
    """Attach without the resource tracker, which would remove the parent's memory at exit."""
    if sys.version_info >= (3, 13):
        return SharedMemory(name, track=False)
    register = resource_tracker.register
    resource_tracker.register = lambda *_: None
    try:
        return SharedMemory(name)
    finally:
        resource_tracker.register = register
