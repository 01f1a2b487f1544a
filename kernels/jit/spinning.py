"""BLAS threads that look for more work after a call, and take a core from the kernel after it.

OpenBLAS's do so for some 30 ms: a parallel kernel in that time has one core less, and of two that
take turns the one would be charged for the other. So between turns they are ended; the next call
of BLAS, which is not on the clock, starts them anew.

OpenBLAS 0.3.34, in the wheels of NumPy 2.5.5, no longer exports the function that ends them. There
a process that measures must have said before NumPy was imported how long they look for work; a
program that merely imports this package keeps the environment that it has.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import threadpoolctl

from einbench.jit import pool

#: 2 to the power of this many ticks of the processor's clock, 4 being the least it takes
TIMEOUT = ("OPENBLAS_THREAD_TIMEOUT", "4")
#: threads of Python that never call BLAS: they wait for what a worker answers
waiting: weakref.WeakSet[threading.Thread] = weakref.WeakSet()

#: other threads than OpenBLAS's spin too, for less long; what spins for longer is reported as the
#: processor time between turns
_PATIENCE_S = 0.5
LOOK_S = 0.002
#: the part of a look that may be processor time of something else than spinning
_STILL = 0.2
#: looks in a row without any: on a busy machine a thread that spins may wait for its core
_LOOKS = 3


def settle(look_s: float = LOOK_S) -> float:
    """Return when no thread of this process runs, or patience ends; its processor time by then."""
    end_s = time.perf_counter() + _PATIENCE_S
    still = 0
    while still < _LOOKS and time.perf_counter() < end_s:
        before_s = time.process_time()
        time.sleep(look_s)
        still = still + 1 if time.process_time() - before_s < _STILL * look_s else 0
    return time.process_time()


def stop_spinning() -> None:
    """End OpenBLAS's idle threads, where no other thread of this process can be using them."""
    # OpenBLAS does this itself before a fork; a thread in the middle of a product would wait for
    # ever for the ones that are ended
    if _alone():
        for stop in _stoppers():
            stop()


def _alone() -> bool:
    """Whether no other thread of Python could be in a product; the pool's never are."""
    return len(set(threading.enumerate()) - pool.threads() - set(waiting)) == 1


def restart_with_timeout() -> None:
    """Start this process anew, as it was called, where threads spin that cannot be ended.

    For a command's first lines: OpenBLAS reads how long its threads look for work when NumPy is
    imported, and then it is too late to tell.
    """
    name, value = TIMEOUT
    if name not in os.environ and _endless():
        os.environ[name] = value
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - itself


def _endless() -> bool:
    """Whether there is an OpenBLAS with threads and without the function that ends them."""
    return any(stop is None and threads > 1 for stop, threads in _spinners())


@functools.cache
def _stoppers() -> tuple[Callable[[], object], ...]:
    """OpenBLAS's own function, of every OpenBLAS in this process that has threads of its own."""
    return tuple(stop for stop, _ in _spinners() if stop is not None)


def _spinners() -> list[tuple[Any, int]]:
    """Of every OpenBLAS that has threads of its own: what ends them, or None, and how many."""
    return [
        (
            getattr(ctypes.CDLL(library["filepath"]), "blas_thread_shutdown_", None),
            library["num_threads"],
        )
        for library in threadpoolctl.threadpool_info()
        if library["internal_api"] == "openblas" and library.get("threading_layer") == "pthreads"
    ]
