"""Tasks that threads take one at a time, phase after phase, inside one parallel region.

Starting a parallel region costs ten microseconds and waking a sleeping thread a hundred, which is
what a whole phase of a small batch takes. So there is one region a call, and in it each thread runs
through all phases: it takes tasks until none is left, and goes on when all of them are done.
Nobody is waited for who has not taken a task: a thread that wakes late, or never, costs nothing but
its help, and one that is held up leaves its share to the others.

The counters are a flat int64 array; every counter has a cache line of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.atomics import add, pause, read
from kernels.bodies import helper
from kernels.linked import Integers

Array = npt.NDArray[Any]

_LINE = 8  # int64 in a cache line


@helper()
def counters(phases: int) -> Array:
    """For each phase how many tasks were taken, and how many are done."""
    return np.zeros(2 * phases * _LINE, np.int64)


@helper()
def take(state: Integers, phase: int) -> int:
    """The number of a task that nobody else has; beyond the last there are none."""
    return add(state, 2 * phase * _LINE, 1)


@helper()
def finish(state: Integers, phase: int) -> None:
    """A task that was taken is done."""
    add(state, (2 * phase + 1) * _LINE, 1)


@helper()
def wait(state: Integers, phase: int, tasks: int) -> None:
    """Until all tasks of the phase are done; those left are in the hands of running threads."""
    while read(state, (2 * phase + 1) * _LINE) < tasks:
        pause()
