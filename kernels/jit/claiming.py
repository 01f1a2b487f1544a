"""Tasks that threads take one at a time, phase after phase, inside one job of the pool.

In each phase a thread takes tasks of its own share, which is the same in every call, so that what
it reads and writes stays in its core's caches and on lines that no other thread writes to; then it
takes what is left of others' shares, and goes on when all are done. Nobody is waited for who has
not taken a task: a thread that wakes late, or never, costs nothing but its help, and one that is
held up leaves its share to the others.

The counters are a flat int64 array; every counter has a cache line of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.jit.atomics import add, pause, read
from einbench.jit.bodies import helper
from einbench.jit.linked import Integers
from einbench.jit.pool_code import give_way

Array = npt.NDArray[Any]

_LINE = 8  # int64 in a cache line
#: looks at a counter after which a thread that waits lets others have its core
_GIVING_WAY = 64


@helper()
def counters(phases: int, threads: int) -> Array:
    """For each phase how many tasks are done, and how many were taken of each thread's share."""
    return np.zeros(phases * (1 + threads) * _LINE, np.int64)


@helper()
def claim_task(state: Integers, phase: int, own: int, threads: int, tasks: int) -> int:
    """The number of a task that nobody else has, of one's own share first; ``tasks`` if none is."""
    for turn in range(threads):
        share = (own + turn) % threads
        first, end = share * tasks // threads, (share + 1) * tasks // threads
        place = (phase * (1 + threads) + 1 + share) * _LINE
        # to look does not take the line away from the thread whose share it is
        if first + read(state, place) < end:
            task = first + add(state, place, 1)
            if task < end:
                return task
    return tasks


@helper()
def finish_task(state: Integers, phase: int, threads: int) -> None:
    """A task that was taken is done."""
    add(state, phase * (1 + threads) * _LINE, 1)


@helper()
def wait_for_tasks(state: Integers, phase: int, threads: int, tasks: int) -> None:
    """Until all tasks of the phase are done; those left are in the hands of running threads."""
    waited = 0
    while read(state, phase * (1 + threads) * _LINE) < tasks:
        pause()
        waited += 1
        if waited % _GIVING_WAY == 0:
            give_way(state)
