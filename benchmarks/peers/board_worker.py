"""The process of one library on the scoreboard.

    python -m peers.board_worker NAME=MODULE:FUNCTION THREADS

``open`` says which ways the library has for a task, ``begin`` makes one and writes what its first
call gives, ``screen`` times several roughly, ``keep`` lets go of the others, ``turn`` times one,
``outputs`` writes what it gives by now, ``close`` ends the task.

Before a turn, and after each, the process is quiet. What it uses meanwhile is told with its turn.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from .contender import named
from .quiet import settle
from .serving import Answer, Can, serve
from .task import Array, Library, Offer, Task, Way

#: a short look tells as much where nothing but a pool of threads can be at work
_LOOK_S = 0.002
#: calls of a way that is screened; a slow one has shown itself after the first
_FEWEST, _SLOW_S = 5, 0.1
#: whoever was held up by others on the machine has another chance
_SCREENINGS = 2


class Seat:
    """What the process holds between requests."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._task: Task
        self._offer: Offer
        self._ways: dict[str, Way] = {}
        self._quiet_s = time.process_time()

    def open(self, path: str) -> Answer:
        """Which ways there are for the task in that file."""
        self._task = Task.load(path)
        self._offer = self._library.offer(self._task)
        return {
            "ways": list(self._offer.ways),
            "skipped": dict(self._offer.skipped),
            "facts": dict(self._library.facts()),
        }

    def begin(self, way: str, path: str) -> Answer:
        """Make a way; its first call, with all that is compiled for it, is written."""
        start_s = time.perf_counter()
        made = self._offer.ways[way]()
        return {**self._written(made, path, way), "first_call_s": time.perf_counter() - start_s}

    def outputs(self, way: str, path: str) -> Answer:
        """What a way gives by now."""
        return self._written(self._ways[way], path, way)

    def screen(self, ways: Sequence[str], share_s: float) -> Answer:
        """The fastest call of each, from a few now and a few when all others had theirs."""
        call_s = dict.fromkeys(ways, float("inf"))
        for number in range(_SCREENINGS):
            for name in ways:
                if number and call_s[name] > _SLOW_S:
                    continue
                # none has to share the processor with threads that the one before left spinning
                settle(_LOOK_S)
                found_s = _screened_s(self._ways[name], share_s / _SCREENINGS)
                call_s[name] = min(call_s[name], found_s)
                self._ways[name].after()
        return {"call_s": call_s}

    def keep(self, ways: Sequence[str]) -> Answer:
        """Only these have turns; memory of the others is free."""
        self._ways = {name: self._ways[name] for name in ways}
        self._offer = Offer({})
        gc.collect()
        gc.freeze()  # what a library is made of is not looked through again
        self._quiet_s = settle(_LOOK_S)
        return {}

    def turn(self, way: str, untimed: int, groups: int, calls: int) -> Answer:
        """Median seconds of a call, over groups of calls; processor time since the last turn."""
        idle_s = time.process_time() - self._quiet_s
        try:
            times_s = _times(self._ways[way], untimed, groups, calls)
        finally:
            self._ways[way].after()
            self._quiet_s = settle(_LOOK_S)
        return {"call_s": statistics.median(times_s) / calls, "idle_s": idle_s}

    def close(self) -> Answer:
        """Nothing of the task is left."""
        self._ways, self._offer = {}, Offer({})
        self._library.close()
        gc.collect()
        return {}

    def _written(self, way: Way, path: str, name: str) -> Answer:
        """The judged part of its outputs, in a file; or what is wrong with their form."""
        with way.around():
            way.before()
            arrays = way.arrays(way.call())
        self._ways[name] = way
        task = self._task
        names = [output for output in task.operation.outputs if output not in way.without]
        if wrong := _strange(task, names, arrays):
            return {"wrong": wrong}
        parts: Mapping[str, Any] = {
            output: _part(array, task.operation.outputs[output], task.kept)
            for output, array in zip(names, arrays, strict=True)
        }
        np.savez(path, **parts)
        return {}


def _strange(task: Task, names: Sequence[str], arrays: Sequence[Array]) -> str:
    """What is not of the form that the operation has."""
    if len(arrays) != len(names):
        return f"{len(arrays)} outputs, expected {len(names)}: {', '.join(names)}"
    for name, array in zip(names, arrays, strict=True):
        expected = task.dtype, task.shapes[name]
        if (array.dtype, array.shape) != expected:
            return f"{name} is {array.dtype} {array.shape}, expected {expected[0]} {expected[1]}"
    return ""


def _part(array: Array, axes: str, kept: Mapping[str, Array]) -> Array:
    for number, axis in enumerate(axes.split()):
        if axis in kept:
            array = np.take(array, kept[axis], axis=number)
    return array


def _screened_s(way: Way, share_s: float) -> float:
    clock = time.perf_counter
    best_s, spent_s, count = float("inf"), 0.0, 0
    with way.around():
        way.before()
        while count < _FEWEST or spent_s < share_s:
            start_s = clock()
            way.call()
            call_s = clock() - start_s
            best_s, spent_s, count = min(best_s, call_s), spent_s + call_s, count + 1
            if call_s > _SLOW_S:
                break
    return best_s


def _times(way: Way, untimed: int, groups: int, calls: int) -> list[float]:
    """Seconds of each group, the collector off meanwhile; releasing an output is part of a call."""
    clock, call = time.perf_counter, way.call
    times_s = []
    gc.disable()
    try:
        with way.around(), np.errstate(all="ignore"):
            way.before()
            for _ in repeat(None, untimed):
                call()
            for _ in repeat(None, groups):
                start_s = clock()
                for _ in repeat(None, calls):
                    call()
                times_s.append(clock() - start_s)
    finally:
        gc.enable()
    return times_s


def main(arguments: list[str]) -> None:
    """Serve one library."""
    library, threads = arguments

    def start() -> Can:
        maker: Callable[[int], Library] = named(library).found()
        seat = Seat(maker(int(threads)))
        requests = (seat.open, seat.begin, seat.outputs, seat.screen, seat.keep, seat.turn)
        return {request.__name__: request for request in (*requests, seat.close)}

    serve(int(threads), start)


if __name__ == "__main__":
    main(sys.argv[1:])
