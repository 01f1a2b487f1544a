"""BLAS threads that look for more work after a call, and take a core from the kernel after it.

OpenBLAS's do so for some 30 ms: a parallel kernel in that time has one core less, and of two that
take turns the one would be charged for the other. So between turns they are ended; the next call
of BLAS, which is not on the clock, starts them anew.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Callable

import threadpoolctl

from einbench.jit import pool


def stop_spinning() -> None:
    """End OpenBLAS's idle threads, where no other thread of this process can be using them."""
    # OpenBLAS does this itself before a fork; a thread in the middle of a product would wait for
    # ever for the ones that are ended
    if _alone():
        for stop in _stoppers():
            stop()


def _alone() -> bool:
    """Whether no other thread of Python could be in a product; the pool's never are."""
    return len(set(threading.enumerate()) - pool.threads()) == 1


@functools.cache
def _stoppers() -> tuple[Callable[[], object], ...]:
    """OpenBLAS's own function, of every OpenBLAS in this process that has threads of its own."""
    found = []
    for library in threadpoolctl.threadpool_info():
        if library["internal_api"] == "openblas" and library.get("threading_layer") == "pthreads":
            stop = getattr(ctypes.CDLL(library["filepath"]), "blas_thread_shutdown_", None)
            if stop is not None:
                found.append(stop)
    return tuple(found)
