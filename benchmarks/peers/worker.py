"""The process of one contender: answers requests on its standard input, a JSON line each.

    python -m peers.worker NAME=MODULE:FUNCTION THREADS

``load`` makes the contender of a problem, ``steps`` takes a few from the start and writes where
they led, ``plan`` says how many steps fill a turn, ``turn`` times them.

An answer is given only when the process is quiet. What it uses meanwhile is told with its turn.
"""

from __future__ import annotations

import gc
import math
import statistics
import sys
import time
from collections.abc import Callable
from functools import wraps
from itertools import repeat
from typing import Any

import numpy as np

from .contender import Contender, Maker, SelfTimed, named
from .problem import NAMES, Problem
from .quiet import settle
from .serving import Answer, Can, serve

#: steps before the clock of a turn: caches and branch predictors are the others' by then
_UNTIMED = 2
_FEWEST, _MOST = 3, 2000


class Seat:
    """What the process holds between requests."""

    def __init__(self, maker: Maker, threads: int) -> None:
        self._maker = maker
        self._threads = threads
        self._problem: Problem
        self._contender: Contender
        self._answered_s = time.process_time()

    def load(self, problem: str) -> Answer:
        """A contender for the problem in that file, after its first step."""
        self._problem = Problem.load(problem)
        start_s = time.perf_counter()
        self._contender = self._maker(self._problem, self._threads)
        self._contender.start(self._problem.parameters)
        float(self._contender.step())
        return {"first_step_s": time.perf_counter() - start_s, "facts": self._contender.facts()}

    def steps(self, count: int, path: str) -> Answer:
        """So many steps from the start: losses before each and parameters after all, in a file."""
        self._contender.start(self._problem.parameters)
        losses = [float(self._contender.step()) for _ in range(count)]
        parameters = self._contender.parameters()
        arrays: dict[str, Any] = dict(zip(NAMES, parameters, strict=True))
        np.savez(path, losses=np.array(losses), **arrays)
        return {}

    def plan(self, turn_s: float) -> Answer:
        """Steps that fill a turn, from the fastest of a few."""
        step_s = min(self._timed(10 * _FEWEST))
        return {"steps": min(max(math.ceil(turn_s / step_s), _FEWEST), _MOST)}

    def turn(self, steps: int) -> Answer:
        """The median of so many steps, and processor time that went by since the last answer."""
        idle_s = time.process_time() - self._answered_s
        times_s = self._timed(steps)
        return {"step_s": statistics.median(times_s), "idle_s": idle_s}

    def quietly(self, request: Callable[..., Answer]) -> Callable[..., Answer]:
        """The request, answered when no thread runs any more, whatever came of it."""

        @wraps(request)
        def answered(**fields: Any) -> Answer:
            try:
                return request(**fields)
            finally:
                self._answered_s = settle()

        return answered

    def _timed(self, steps: int) -> list[float]:
        """Seconds of each step, from the start, the collector off meanwhile."""
        contender = self._contender
        contender.start(self._problem.parameters)
        gc.collect()
        gc.disable()
        try:
            if isinstance(contender, SelfTimed):
                return contender.timed(_UNTIMED, steps)
            return _step_times(contender.step, steps)
        finally:
            gc.enable()


def _step_times(step: Callable[[], object], steps: int) -> list[float]:
    clock = time.perf_counter
    times_s = []
    for _ in repeat(None, _UNTIMED):
        step()
    for _ in repeat(None, steps):
        start_s = clock()
        step()
        times_s.append(clock() - start_s)
    return times_s


def main(arguments: list[str]) -> None:
    """Serve one contender."""
    contender, threads = arguments

    def start() -> Can:
        seat = Seat(named(contender).maker(), int(threads))
        requests = (seat.load, seat.steps, seat.plan, seat.turn)
        return {request.__name__: seat.quietly(request) for request in requests}

    serve(int(threads), start)


if __name__ == "__main__":
    main(sys.argv[1:])
