"""extra = peak during the call - before it - output: the memory of a kernel's temporaries."""

from __future__ import annotations

import ctypes
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np

from einbench.host import background
from einbench.measure.tracing import tracing

_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
#: resident memory varies by stacks and lazy counters: smaller differences are noise
_RESIDENT_NOISE = 1 << 20
#: prctl(2): whether a process gets huge pages
_SET_THP_DISABLE, _GET_THP_DISABLE = 41, 42
#: least change of resident memory that is taken for a call's
_RESIDENT_LEAST = 8 << 20
#: a smaller output is not distinguishable from the Python objects around it
_LEAST_OUTPUT = 4096


def peak_extra_bytes(
    call: Callable[[], object], output_bytes: int | None = None, *, traced: bool = True
) -> int | None:
    """Peak memory of one call beyond its inputs and its output, in bytes; None where unknown.

    What NumPy, Python and numba (through Python's allocator, its threads included) allocate
    is counted by tracemalloc, to about 10 kB. What other libraries allocate is seen only as
    resident memory, only on Linux, and only where a call takes 8 MiB or more: that count is
    accurate to about 1 MiB, less is reported as 0. The greater of the two is returned; None where
    neither measures the call. Not counted: memory that a library allocated before the call and
    keeps (BLAS's packing buffers), and small temporaries of such libraries beside an output that
    NumPy allocated.

    The call runs once, and slower than without tracing: make it once beforehand, so that
    compilation does not count, and take no times meanwhile. tracemalloc is stopped afterwards
    if it was not on, and not begun where other threads are at work (see `tracing`): then only
    resident memory is measured. The process's greatest resident size (VmHWM) starts anew.

    Args:
        call: takes no arguments and returns an array, or a tuple of arrays.
        output_bytes: size of what it returns; taken from that itself where None.
        traced: count with tracemalloc, which makes interpreted loops several times slower;
            without it, only resident memory is measured.
    """
    background.wait()
    with _small_pages():
        if not traced:
            return _resident_extra_bytes(call, output_bytes)
        return _traced_extra_bytes(call, output_bytes)


def _traced_extra_bytes(call: Callable[[], object], output_bytes: int | None) -> int | None:
    _trim()
    with nullcontext(True) if tracemalloc.is_tracing() else tracing() as counts:
        if not counts:
            return _resident_extra_bytes(call, output_bytes)
        resident_before = _resident_restart()
        # reading files allocates too: from here to the next reading only the call allocates
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        output = call()
        _, peak = tracemalloc.get_traced_memory()
        resident_peak = _status_bytes("VmHWM")
    out = _array_bytes(output) if output_bytes is None else output_bytes
    counted = peak - before - out
    resident = _from_resident(resident_before, resident_peak, out)
    if counted < 0 and out >= _LEAST_OUTPUT:
        return resident
    return max(counted, resident or 0, 0)


def _resident_extra_bytes(call: Callable[[], object], output_bytes: int | None) -> int | None:
    _trim()
    before = _resident_restart()
    output = call()
    peak = _status_bytes("VmHWM")
    out = _array_bytes(output) if output_bytes is None else output_bytes
    return _from_resident(before, peak, out)


def _from_resident(before: int | None, peak: int | None, out: int) -> int | None:
    if before is None or peak is None or peak - before < _RESIDENT_LEAST:
        return None
    extra = peak - before - out
    return extra if extra >= _RESIDENT_NOISE else 0


def _array_bytes(output: object) -> int:
    if isinstance(output, tuple):
        return sum(map(_array_bytes, output))
    return output.nbytes if isinstance(output, np.ndarray) else 0


@contextmanager
def _small_pages() -> Iterator[None]:
    """Inside, memory comes in pages of 4 KiB: the last of 2 MiB would count as the call's, whole.

    NumPy asks for huge pages from 4 MiB on.
    """
    prctl = getattr(ctypes.CDLL(None), "prctl", None) if sys.platform == "linux" else None
    # 1: the program itself has done without them
    if prctl is None or prctl(_GET_THP_DISABLE, 0, 0, 0, 0) != 0:
        yield
        return
    prctl(_SET_THP_DISABLE, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(_SET_THP_DISABLE, 0, 0, 0, 0)


def _trim() -> None:
    """Give freed memory back, so that using it again shows; glibc keeps up to 64 MiB."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def _resident_restart() -> int | None:
    """Resident bytes now, the peak of them reset to that; None where it cannot be reset."""
    try:
        _CLEAR.write_text("5", encoding="ascii")
    except OSError:
        return None
    return _status_bytes("VmRSS")


def _status_bytes(key: str) -> int | None:
    try:
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        name, _, value = line.partition(":")
        if name == key:
            return int(value.split()[0]) << 10  # "123 kB" means KiB
    return None
