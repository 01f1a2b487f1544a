"""BLAS threads that spin after a call, and occupy a core that the next kernel needs.

OpenBLAS's threads do so for about 30 ms: a parallel kernel in that time has one core less, and its
time would include another kernel's threads. So they are ended between turns; the next call of BLAS,
which is not timed, starts them anew.

OpenBLAS 0.3.34, in the wheels of NumPy 2.5.5, no longer exports the function that ends them. There
a process that measures must set their spin time before NumPy is imported (OPENBLAS_THREAD_TIMEOUT);
a program that merely imports this package keeps its environment.
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
from pathlib import Path
from typing import Any

import threadpoolctl

from einbench.host.openblas import TIMEOUT
from einbench.jit import pool, sharing

#: Python threads that never call BLAS: they wait for answers of workers
waiting: weakref.WeakSet[threading.Thread] = weakref.WeakSet()

#: threads of other libraries spin for less long; those that spin for longer show in the processor
#: time between turns
_SETTLE_S = 0.5
#: seconds of an interval: on Linux threads that wait for a core are seen as well
_INTERVAL_S = 0.0005 if sys.platform == "linux" else 0.002
#: processor time per interval, as a fraction, below which no thread spins
_IDLE = 0.2
#: successive intervals without any: on a busy machine a spinning thread may wait for its core
_INTERVALS = 3
_TASKS = Path("/proc/self/task")
#: whether threads ran on after the last wait
_RAN_ON: list[bool] = []


def settle() -> float:
    """Wait until no thread of this process runs, or for 0.5 s; the processor time by then."""
    end_s = time.perf_counter() + _SETTLE_S
    still = 0
    while still < _INTERVALS and time.perf_counter() < end_s:
        before_s = time.process_time()
        time.sleep(_INTERVAL_S)
        used_s = time.process_time() - before_s
        still = 0 if used_s > _IDLE * _INTERVAL_S or _another_runs() else still + 1
    _RAN_ON[:] = [True] * (still < _INTERVALS)
    return time.process_time()


def _another_runs() -> bool:
    """Whether another thread of this process has a core or waits for one; False where unknown."""
    own = str(threading.get_native_id())
    try:
        for task in _TASKS.iterdir():
            # "tid (name) state ...", and a name may have spaces and parentheses
            if task.name != own and b") R" in (task / "stat").read_bytes():
                return True
    except OSError:  # it has just ended, or there is no such folder
        return False
    return False


def settled() -> bool:
    """Whether no thread of this process ran any more when `settle` last returned."""
    return not _RAN_ON


def stop_spinning() -> None:
    """End OpenBLAS's idle threads, where no other thread of this process can be using them."""
    # OpenBLAS does this itself before a fork; a thread in the middle of a product would wait for
    # ever for the ones that are ended. Where threads are shared these sleep, and the next product
    # would start them anew, to spin
    if not sharing.shared() and no_thread_in_blas():
        for stop in _stoppers():
            stop()


def no_thread_in_blas() -> bool:
    """Whether no other Python thread could be in a product; the pool's threads never are."""
    return len(set(threading.enumerate()) - pool.threads() - set(waiting)) == 1


def restart_with_timeout() -> None:
    """Start this process anew, as it was called, where threads spin that cannot be ended.

    For a command's first lines: OpenBLAS reads the spin time of its threads when NumPy is imported,
    so that it cannot be set afterwards.
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
