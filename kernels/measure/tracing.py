"""tracemalloc, begun and ended only where no other thread can allocate meanwhile.

A thread without the interpreter's lock (compiled code of numba's, Polars) that allocates while
another one calls `tracemalloc.stop` ends the process by a segmentation fault, up to CPython 3.12.8
and 3.13.1 (its issue 128679). Whether a thread may is read from what Linux says of it: one that
waits for something, and did not run while this one let go of the lock, is not on its way into an
allocation. The threads of this package that beat for a progress line, or read what a worker says,
only ever allocate with the lock.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

#: threads of this package are called so
OWN = "einbench"
#: seconds after which a thread that waits for the lock is given it; at first, and inside
_USUAL_S, _LONG_S = 0.006, 0.1
#: how long other threads get to run before they are looked at again, and for how long that is tried
_PAUSE_S, _PATIENCE_S = 0.001, 2.0
_MENDED = sys.version_info >= (3, 13, 2) or (3, 12, 9) <= sys.version_info < (3, 13)
_SAID = (b"State:", b"voluntary_ctxt_switches:", b"nonvoluntary_ctxt_switches:")


@contextmanager
def tracing() -> Iterator[bool]:
    """Inside memory is traced; False where another thread is at work, and it is not.

    It stays on afterwards where a thread that began meanwhile is never seen to wait.
    """
    others = () if _MENDED else _others()
    if not others:
        tracemalloc.start()
        try:
            yield True
        finally:
            _stop()
        return
    interval_s = sys.getswitchinterval()
    # from the last look at the others until tracing has begun or ended the lock is held
    sys.setswitchinterval(_LONG_S)
    try:
        begun = _wait(others, _USUAL_S)
        if begun:
            tracemalloc.start()
        try:
            yield begun
        finally:
            if begun:
                _stop()
    finally:
        sys.setswitchinterval(interval_s)


def _stop() -> None:
    until_s = time.monotonic() + _PATIENCE_S
    while not (waiting := _MENDED or _wait(_others(), _PAUSE_S)) and time.monotonic() < until_s:
        pass
    if waiting:
        tracemalloc.stop()


def _wait(others: tuple[int, ...], pause_s: float) -> bool:
    """Whether none of these threads ran while this one let go of the lock, and none is new."""
    if not others:
        return True
    before = [_seen(each) for each in others]
    time.sleep(pause_s)
    after = [_seen(each) for each in others]
    return None not in after and before == after and _others() == others


def _others() -> tuple[int, ...]:
    """Python's threads beside this one and this package's own, as the system numbers them."""
    present = threading.current_thread()
    return tuple(
        each.native_id or 0
        for each in threading.enumerate()
        if each is not present and not each.name.startswith(OWN)
    )


def _seen(thread: int) -> tuple[bytes, ...] | None:
    """What changes as a thread runs; None where it runs now, or nothing is known of it.

    Read by C's functions and with the lock held: Python's own let go of it, and a thread that was
    seen to wait would go on while the next one is looked at.
    """
    if sys.platform != "linux":
        return None
    lib = ctypes.PyDLL(None)
    file = lib.open(f"/proc/self/task/{thread}/status".encode(), os.O_RDONLY | os.O_CLOEXEC)
    if file < 0:
        return None
    text = ctypes.create_string_buffer(4096)
    lib.read(file, text, ctypes.c_size_t(len(text) - 1))
    lib.close(file)
    said = tuple(line for line in text.value.splitlines() if line.startswith(_SAID))
    runs = len(said) < len(_SAID) or any(line.startswith(b"State:\tR") for line in said)
    return None if runs else said
