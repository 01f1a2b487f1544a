"""The process of one contender: answers requests on its standard input, a JSON line each.

    python -m peers.worker NAME=MODULE:FUNCTION THREADS

``load`` makes the contender of a problem, ``steps`` takes a few from the start and writes where
they led, ``plan`` says how many steps fill a turn, ``turn`` times them. What a contender raises is
an answer too, and the process goes on.

An answer is given only when the process is quiet: threads of a pool that still wait for work
by spinning would take a core from whoever is next. What it uses meanwhile is told with its turn.
"""

from __future__ import annotations

import gc
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from itertools import repeat
from typing import Any, TextIO

import numpy as np

from .contender import Contender, Maker, SelfTimed, named
from .problem import NAMES, Problem

Answer = Mapping[str, Any]

#: steps before the clock of a turn: caches and branch predictors are the others' by then
_UNTIMED = 2
_FEWEST, _MOST = 3, 2000
#: OpenBLAS's threads spin for about 30 ms, those of OpenMP for less
_QUIET_S = 0.5
_LOOK_S = 0.005
#: processor time within a look that is no spinning
_STILL_S = 0.001
#: looks in a row without any: on a busy machine a thread that spins may wait for its core
_LOOKS = 3


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

    def settle(self) -> None:
        """Until no thread of this process runs but this one, which looks."""
        end_s = time.perf_counter() + _QUIET_S
        still = 0
        while still < _LOOKS and time.perf_counter() < end_s:
            before_s = time.process_time()
            time.sleep(_LOOK_S)
            still = still + 1 if time.process_time() - before_s < _STILL_S else 0
        self._answered_s = time.process_time()

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
    """Say that the library is there, or why not, and answer until the input ends."""
    answers = _own_output()
    contender, threads = arguments
    _keep_to_cores(int(threads))
    try:
        seat = Seat(named(contender).maker(), int(threads))
    except Exception as problem:
        _say(answers, {"problem": _told(problem)})
        return
    _say(answers, {})
    can: dict[str, Callable[..., Answer]] = {
        "load": seat.load, "steps": seat.steps, "plan": seat.plan, "turn": seat.turn
    }  # fmt: skip
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = can[request.pop("do")](**request)
        except Exception as problem:
            answer = {"problem": _told(problem)}
        seat.settle()
        _say(answers, answer)


def _own_output() -> TextIO:
    """Standard output for answers alone: what a library prints goes to the log."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def _keep_to_cores(threads: int) -> None:
    """As many cores as threads: then no library has more, whatever it was told."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def _say(answers: TextIO, answer: Answer) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _told(problem: Exception) -> str:
    lines = str(problem).strip().splitlines()
    return f"{type(problem).__name__}: {lines[0]}" if lines else type(problem).__name__


if __name__ == "__main__":
    main(sys.argv[1:])
