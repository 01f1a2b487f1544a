"""What a task needs of the process that it runs in: one thread, and a name for the machine.

Dask runs as many tasks at once in a worker as the worker has threads. A task whose products used
every core would slow the others down, so that BLAS and compiled kernels get one thread a task.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from einbench.choose import environment
from einbench.host.libraries import library
from einbench.host.locks import ForkedLock

_LOCK = ForkedLock()
#: limits that hold for the process: for good in a worker's, else while blocks are entered
_LIMITS: list[_Limits] = []
#: how many blocks are entered in a process that is no worker's own
_ENTERED: list[None] = []
#: whether this Python thread is held to one thread: numba counts for each of its own
_THREAD = threading.local()


def prepare() -> AbstractContextManager[None]:
    """Hold BLAS and compiled kernels to one thread for the task that calls this.

        with prepare():
            ...

    In a worker's own process that is done at once and for good, whether the block is entered or
    not. In any other one, as under Dask's threaded and synchronous schedulers, it holds inside the
    block, in every thread of the process where BLAS is concerned, and is undone by the last block.
    """
    if not in_worker():
        return _in_block()
    with _LOCK.lock:
        if not _LIMITS:
            _LIMITS.append(_Limits())
            _read_anew()
    if not getattr(_THREAD, "held", False):
        _hold_thread()
        _THREAD.held = True
    return nullcontext()


def in_worker() -> bool:
    """Whether this is a task in a process that a Dask worker has for itself."""
    module = sys.modules.get("distributed.worker")
    if module is None:
        return False
    try:
        worker = module.get_worker()
    except ValueError:
        return False
    # LocalCluster(processes=False): the process is the user's program
    return not str(worker.address).startswith("inproc:")


def machine() -> str:
    """The kind of this machine in a line, by what remembered choices depend on.

    ``Intel(R) Xeon(R) ..., scipy-openblas 0.3.31, cpython 3.11.7, NumPy 2.4.6, numba 0.68.1``:
    two workers whose lines are equal choose alike. How many threads a call has is no part of it.
    """
    cpu, blas, python, numpy, numba = environment.machine()
    parts = (cpu or "unknown processor", blas, python, f"NumPy {numpy}", numba and f"numba {numba}")
    return ", ".join(part for part in parts if part)


@contextmanager
def _in_block() -> Iterator[None]:
    with _LOCK.lock:
        if not _ENTERED:
            _LIMITS.append(_Limits())
        _ENTERED.append(None)
    before = _hold_thread()
    try:
        yield
    finally:
        if before is not None:
            before[0](before[1])
        with _LOCK.lock:
            _ENTERED.pop()
            if not _ENTERED:
                _LIMITS.pop().undo()


class _Limits:
    """One thread for all that counts for the whole process."""

    def __init__(self) -> None:
        from einbench.host.machine import limit_blas

        self._undo_blas = limit_blas(1)
        self._pool = None if _counts_by_thread() else _set_one()

    def undo(self) -> None:
        self._undo_blas()
        if self._pool is not None:
            self._pool[0](self._pool[1])


def _hold_thread() -> Any:
    return _set_one() if _counts_by_thread() else None


def _counts_by_thread() -> bool:
    """numba's own limit is one of each Python thread; the pool's, without TBB, of the process."""
    return library("tbb") is not None


def _set_one() -> Any:
    """What sets the number of numba's threads, and what it was; None without numba."""
    from einbench.host.machine import numba_threads

    ours = numba_threads()
    if ours is None:
        return None
    before = ours.get()
    ours.set(1)
    return ours.set, before


def _read_anew() -> None:
    """What was decided before in this process was decided for more threads."""
    auto = sys.modules.get("einbench.choose.auto")
    if auto is not None:
        auto.auto.refresh()
    else:
        environment.refresh()
