"""A turn: untimed calls, then groups of timed ones, and the median group.

Where some kernels run in processes of their own, everyone is timed so: a process that had nothing
to do for a while finds its caches full of another's data, and its threads asleep.
"""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat
from typing import Protocol, runtime_checkable

from einbench.jit.spinning import stop_spinning

#: untimed calls go on for so long
_UNTIMED_S = 0.0015
#: and timed ones for so long, or longer where others have the core meanwhile
_TURN_S, _MOST_S = 0.005, 0.1
_MOST_GROUPS = 2000


@runtime_checkable
class Turn(Protocol):
    """A call that is timed where it is made."""

    def __call__(self) -> object:
        """What it gives."""

    def timed(self, calls: int, warm: bool) -> float:
        """Seconds of a call, the median of groups of so many; untimed ones before where warm."""

    def result(self) -> object:
        """What it gives by now."""


@dataclass(frozen=True)
class LocalTurn:
    """A call in this process, and the memory that it writes to where it returns nothing."""

    call: Callable[[], object]
    memory: object = None

    def __call__(self) -> object:
        """One call."""
        return self.result()

    def timed(self, calls: int, warm: bool) -> float:
        """No thread spins that a kernel before left behind."""
        stop_spinning()
        return turn_s(self.call, calls, warm)

    def result(self) -> object:
        """Of one more call."""
        made = self.call()
        return made if self.memory is None else self.memory


def turn_s(call: Callable[[], object], calls: int, warm: bool) -> float:
    """Seconds per call, the collector off meanwhile."""
    clock = time.perf_counter
    times_s: list[float] = []
    fastest_s = math.inf
    collecting = gc.isenabled()
    gc.disable()
    try:
        end_s = clock() + _UNTIMED_S
        while warm:
            start_s = clock()
            call()
            stop_s = clock()
            fastest_s = min(fastest_s, calls * (stop_s - start_s))
            warm = stop_s < end_s
        end_s = clock() + _MOST_S
        # as many groups as the fastest would fill it with: one that was held up costs no others
        while not times_s or (
            len(times_s) * fastest_s < _TURN_S and len(times_s) < _MOST_GROUPS and clock() < end_s
        ):
            start_s = clock()
            for _ in repeat(None, calls):
                call()
            times_s.append(clock() - start_s)
            fastest_s = min(fastest_s, times_s[-1])
    finally:
        if collecting:
            gc.enable()
    return statistics.median(times_s) / calls
