"""A turn: untimed calls, then groups of timed ones, and the median group.

Where some kernels run in processes of their own, all are timed in turns: a process that was idle
finds other data in the caches, and its threads asleep.
"""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Protocol, runtime_checkable

import numpy as np

from einbench.jit.spinning import stop_spinning
from einbench.measure.beside import PRECEDING

#: untimed calls go on for so long
_UNTIMED_S = 0.0015
#: and timed ones for so long, or longer where other processes use the core meanwhile
_TURN_S, _MOST_S = 0.005, 0.1
_MOST_GROUPS = 2000


@runtime_checkable
class Turn(Protocol):
    """A call that is timed in the process that makes it."""

    def __call__(self) -> object:
        """The result of one call."""

    def timed(self, calls: int, warm: bool) -> float:
        """Seconds of a call, the median of groups of so many; untimed calls first if ``warm``."""

    def after(self, context: str, like_s: float, warm: bool) -> float:
        """Seconds of one call in a context other than alone, where the fastest kernel takes so
        long; an untimed one first if ``warm``.
        """

    def result(self) -> object:
        """The result of one more call."""


@dataclass(frozen=True)
class LocalTurn:
    """A call in this process, and the memory that it writes to, which is then its result."""

    call: Callable[[], object]
    memory: Any = None

    def __call__(self) -> object:
        """One call."""
        return self.result()

    def timed(self, calls: int, warm: bool) -> float:
        """As `turn_s`, after stopping threads that another kernel left spinning."""
        stop_spinning()
        return turn_s(self.call, calls, warm)

    def after(self, context: str, like_s: float, warm: bool) -> float:
        """As `after_s`."""
        return after_s(self.call, context, like_s, warm)

    def result(self) -> object:
        """The result of one more call; what it does not write is NaN, or -1."""
        if self.memory is None:
            return self.call()
        for array in self.memory if isinstance(self.memory, tuple) else (self.memory,):
            array.fill(np.nan if array.dtype.kind == "f" else -1)
        self.call()
        return self.memory


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
        # as many groups as would fill the turn at the fastest's time: a delayed one costs no others
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


def after_s(call: Callable[[], object], context: str, like_s: float, warm: bool) -> float:
    """Seconds of one call after what precedes it in a context, the collector off meanwhile."""
    precede = PRECEDING[context](like_s)
    collecting = gc.isenabled()
    gc.disable()
    try:
        if warm:
            call()
        if precede is not None:
            precede()
        start_s = time.perf_counter()
        call()
        return time.perf_counter() - start_s
    finally:
        if collecting:
            gc.enable()
