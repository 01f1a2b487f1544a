"""Tasks that threads claim one at a time, phase after phase, inside one job of the pool.

In each phase a thread claims tasks of its own share, the same in every call, so that what it reads
and writes stays in its core's caches, without false sharing; then it claims tasks of other shares,
and goes on when all are done. Only claimed tasks are waited for, not threads: one that wakes late
delays no other, and the share of a delayed thread is claimed by the others.

The counters are a flat int64 array; every counter has a cache line of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.jit.atomics import add, pause, read
from einbench.jit.bodies import helper
from einbench.jit.linked import Integers
from einbench.jit.pool_code import yield_core

Array = npt.NDArray[Any]

_LINE = 8  # int64 in a cache line
#: polls of a counter after which a waiting thread yields its core
_YIELD_EVERY = 64


@helper()
def counters(phases: int, threads: int) -> Array:
    """For each phase how many tasks are done, and how many were claimed of each thread's share."""
    return np.zeros(phases * (1 + threads) * _LINE, np.int64)


@helper()
def claim_task(state: Integers, phase: int, own: int, threads: int, tasks: int) -> int:
    """A task that no other thread has, of the own share first; ``tasks`` if none is left."""
    for turn in range(threads):
        share = (own + turn) % threads
        first, end = share * tasks // threads, (share + 1) * tasks // threads
        place = (phase * (1 + threads) + 1 + share) * _LINE
        # a read leaves the cache line with the thread whose share it is
        if first + read(state, place) < end:
            task = first + add(state, place, 1)
            if task < end:
                return task
    return tasks


@helper()
def finish_task(state: Integers, phase: int, threads: int) -> None:
    """A task that was claimed is done."""
    add(state, phase * (1 + threads) * _LINE, 1)


@helper()
def wait_for_tasks(state: Integers, phase: int, threads: int, tasks: int) -> None:
    """Spin until all tasks of the phase are done, the last of them by other threads."""
    waited = 0
    while read(state, phase * (1 + threads) * _LINE) < tasks:
        pause()
        waited += 1
        if waited % _YIELD_EVERY == 0:
            yield_core(state)
