"""Comparisons, choices from 8 threads, expressions and trainings at once, for as long as asked.

    python tests/soak/soak.py [SECONDS] [--seed N]

Every result of a choice or an expression is compared with NumPy's in float64, every loss with the
first training's. Every half second the private memory of this process and of the children that it
keeps is counted. Status 1, with what was found:

- a wrong answer, or something raised;
- memory that is not flat: the least of the last third of the run is beyond 1.05 times the least of
  the middle third, and in less than five minutes, in which kernels are still compiled, 128 MB
  beyond it. What is kept raises the least; arrays of a measurement, which come and go, do not;
- at the end a child process, a thread of Python, an open file or a segment of shared memory that
  was not there after the first round.
"""

from __future__ import annotations

import argparse
import collections
import gc
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from expected import EXPRESSIONS, OPERATIONS, drawn, is_right

import einbench
from einbench import network

CHOOSING_THREADS = 8
#: most of the middle third's memory that the last third may have
FLAT = 1.05
#: seconds of a run in which kernels are still compiled, and MB that it may take for them
_WARM_S, _COMPILED_MB = 300.0, 128.0
_SAMPLE_S = 0.5
_SIZES = 64
_SHARED = Path("/dev/shm")  # noqa: S108 - where Linux keeps segments of shared memory
_COMPARED = ("softmax", "relu_vjp", "bias_gradient", "bij,bjk->bik")


class Run:
    """What was done, what went wrong, and when to stop."""

    def __init__(self, seconds: float) -> None:
        self.end_s = time.monotonic() + seconds
        self.done: collections.Counter[str] = collections.Counter()
        self.wrong: list[str] = []

    @property
    def over(self) -> bool:
        return bool(self.wrong) or time.monotonic() >= self.end_s

    def loop(self, work: Callable[[Run, np.random.Generator], None], seed: int) -> None:
        """Work once, and again until the time is over; what it raises is wrong."""
        rng = np.random.default_rng(seed)
        try:
            work(self, rng)
            while not self.over:
                work(self, rng)
        except Exception as problem:
            self.wrong.append(f"{work.__name__}: {type(problem).__name__}: {problem}")


def choose(run: Run, rng: np.random.Generator) -> None:
    """Some sizes, of which many come again, and some that never do."""
    names = [*EXPRESSIONS, *OPERATIONS]
    name = names[rng.integers(len(names))]
    axes = EXPRESSIONS.get(name) or OPERATIONS[name]
    known = rng.random() < 0.9
    sizes = rng.choice([1, 7, 32], len(axes)) if known else rng.integers(1, _SIZES, len(axes))
    call, arrays = drawn(name, sizes.tolist(), rng)
    if not is_right(name, arrays, call(*arrays)):
        run.wrong.append(f"{name} is wrong at sizes {sizes.tolist()}")
    run.done["expressions" if name in EXPRESSIONS else "choices"] += 1


def compare(run: Run, rng: np.random.Generator) -> None:
    """A short comparison; every third in a worker process."""
    name = _COMPARED[rng.integers(len(_COMPARED))]
    # the first one starts what multiprocessing keeps for all later ones
    isolated = run.done["comparisons"] % 3 == 0
    found = einbench.compare(name, batches=(16,), budget_s=0.5, isolate=isolated)
    bad = [r for r in found.records if r.status in ("rejected", "failed")]
    if bad or not found.records:
        run.wrong.append(f"compare {name}: {bad or 'no records'}")
    run.done["comparisons"] += 1


_LOSSES: list[float] = []


def train(run: Run, rng: np.random.Generator) -> None:
    """The same small training each time: in float64 its loss is the same up to rounding."""
    fixed = np.random.default_rng(5)
    x, y = fixed.random((256, 20)), fixed.integers(0, 4, 256)
    layers = [network.Linear(20, 16), network.ReLU(), network.Linear(16, 4), network.Softmax()]
    net = network.Sequential(layers, loss=network.NegativeLogLikelihood(), dtype="float64", seed=3)
    history = net.fit(x, y, epochs=2, batch=64, optimizer=network.SGD(0.1))
    _LOSSES.append(history.loss[-1])
    if not np.isclose(_LOSSES[-1], _LOSSES[0], rtol=1e-9):
        run.wrong.append(f"training ends at loss {_LOSSES[-1]!r}, the first at {_LOSSES[0]!r}")
    run.done["trainings"] += 1


def held() -> dict[str, int]:
    """What a leak would add to, now."""
    gc.collect()
    me = psutil.Process()
    return {
        "child processes": len(me.children(recursive=True)),
        "threads of Python": threading.active_count(),
        "open files": me.num_fds(),
        "segments of shared memory": len([*_SHARED.glob("psm_*")]),
    }


def private_bytes(processes: list[psutil.Process]) -> int:
    """Of all of them together."""
    total = 0
    for process in processes:
        try:
            total += process.memory_full_info().uss
        except psutil.Error:  # ended meanwhile
            continue
    return total


def least(samples: list[int]) -> tuple[int, int]:
    """Of the middle and of the last third."""
    third = len(samples) // 3
    return min(samples[third : 2 * third]), min(samples[2 * third :])


def main(arguments: list[str]) -> int:
    """Run, watch, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__, prog="soak")
    parser.add_argument("seconds", nargs="?", type=float, default=1800.0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    first = Run(0)
    for number, work in enumerate((choose, compare, train)):  # what is started once is started
        first.loop(work, number)
    before = held()
    # a worker that comes later must be gone at the end: its memory grows while it starts
    kept = [psutil.Process(), *psutil.Process().children(recursive=True)]
    run = Run(asked.seconds)
    works = [choose] * CHOOSING_THREADS + [compare, train]
    threads = [
        threading.Thread(target=run.loop, args=(work, 1000 * asked.seed + number))
        for number, work in enumerate(works)
    ]
    for thread in threads:
        thread.start()
    samples = []
    while not run.over:
        time.sleep(_SAMPLE_S)
        samples.append(private_bytes(kept))
    for thread in threads:
        thread.join()
    problems = first.wrong + run.wrong
    after = held()
    samples.append(private_bytes(kept))  # nothing is measured any more
    if len(samples) >= 6:
        middle, last = (each / 2**20 for each in least(samples))
        print(f"memory: at least {middle:.0f} MB in the middle third, {last:.0f} MB in the last")
        spare = _COMPILED_MB if asked.seconds < _WARM_S else 0.0
        if last > max(FLAT * middle, middle + spare):
            problems.append(f"memory grew by {100 * (last / middle - 1):.1f} %")
    for name, count in before.items():
        print(f"{name}: {count} before, {after[name]} after")
        if after[name] > count:
            problems.append(f"{after[name] - count} more {name} than before")
    print(f"{asked.seconds:.0f} s: " + ", ".join(f"{n:,} {what}" for what, n in run.done.items()))
    for problem in problems:
        print(f"soak: {problem}", file=sys.stderr)
    return int(bool(problems))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["EINBENCH_WISDOM"] = folder
        status = main(sys.argv[1:])
    sys.exit(status)
