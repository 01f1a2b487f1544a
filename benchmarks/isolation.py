"""What isolation costs: of measured times, as a ratio, and of a comparison, in seconds a kernel.

    make isolation-cost

The same kernel is timed here and in a worker, in turns, in random order, in several blocks with the
inputs at other places in each; the ratio is formed within each round. A comparison is then run with
and without isolation, in turns; what it takes longer is divided among its kernels. The process that
workers are forked of imports NumPy, numba and einbench: that is stated apart.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import resource
import statistics
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import einbench
from einbench.host.documents import write_whole
from einbench.host.machine import limit_threads, machine
from einbench.libraries.runtime import NUMPY
from einbench.measure.calls import bound
from einbench.measure.placement import randomise_placement
from einbench.measure.remote import in_workers
from einbench.measure.turns import LocalTurn
from einbench.measure.workers import Workers
from einbench.moment import now
from einbench.problem import Problem

SCHEMA = "einbench.bounds-isolation/1"
#: what isolation may cost: of a time, and seconds a kernel
MOST_RATIO, MOST_S = 1.02, 0.3
#: interpreted, compiled, on BLAS's threads and on numba's; calls from microseconds to milliseconds
_CELLS = (
    ("softmax", "einsum", 128),
    ("softmax_vjp", "numba", 128),
    ("softmax_jacobian", "simd", 1_000),
    ("linear", "matmul", 128),
    ("linear", "matmul", 10_000),
    ("mlp_forward", "tiled", 1_000),
)
_COMPARED = ("softmax_vjp", "relu")
#: one turn is so long, as in comparisons
_CALLS_S = 50e-6


def main(arguments: Sequence[str]) -> int:
    """Measure, print and, where asked, keep; status 1 where isolation costs more than it may."""
    parser = argparse.ArgumentParser(prog="python isolation.py", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--json", type=Path, help="where to keep the document")
    parser.add_argument("--rounds", type=int, default=120, help="of each cell")
    parser.add_argument("--blocks", type=int, default=12, help="placements of each cell's inputs")
    parser.add_argument("--threads", type=int, help="by default all; 1 where others use the cores")
    parser.add_argument("--comparisons", type=int, default=5, help="with isolation, and without")
    asked = parser.parse_args(arguments)
    with limit_threads(asked.threads) as threads, Workers(threads) as pool:
        start_s = _start_s(pool)
        cells = [_cell(pool, cell, asked.rounds, asked.blocks) for cell in _CELLS]
    mean = math.exp(statistics.mean(math.log(cell["ratio"]) for cell in cells))
    print(f"\nof measured times: {mean:.4f}, geometric mean of {len(cells)} (at most {MOST_RATIO})")
    beside = _comparisons(asked.comparisons, threads, start_s)
    print(
        f"of a comparison: {beside['kernel_s']:.3f} s a kernel (at most {MOST_S}), of which "
        f"{beside['processor_s']:.3f} s of processor time;\nbeside them "
        f"{start_s['template_s']:.2f} s once, of imports\n"
        f"a process in place of one that died: {start_s['fork_s']:.3f} s"
    )
    document = {
        "schema": SCHEMA, "date": now(),
        "machine": machine(), "ratio": mean, "cells": cells, **start_s, **beside,
    }  # fmt: skip
    if asked.json is not None:
        write_whole(asked.json, json.dumps(document, indent=1, allow_nan=False) + "\n")
    return int(mean > MOST_RATIO or beside["kernel_s"] > MOST_S)


def _start_s(pool: Workers) -> dict[str, float]:
    """Seconds until the first worker answers, and until another does: the median of five."""
    times_s = []
    for _ in range(6):
        began_s = time.perf_counter()
        process = pool._start(NUMPY)
        times_s.append(time.perf_counter() - began_s)
        process.close()
    return {"template_s": times_s[0], "fork_s": statistics.median(times_s[1:])}


def _processor_s() -> float:
    """Of this process and of those that have ended."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def _template_processor_s(threads: int) -> float:
    """Of imports and one worker that does nothing."""
    before_s = _processor_s()
    with Workers(threads) as pool:
        pool._start(NUMPY).close()
    return _processor_s() - before_s


def _cell(pool: Workers, cell: tuple[str, str, int], rounds: int, blocks: int) -> dict[str, Any]:
    name, method, batch = cell
    op = einbench.operation(name)
    here = op[method]
    (there,) = in_workers([here], pool, isolate=True)
    drawn = op.draw(batch)
    rng = np.random.default_rng(0)
    ratios, here_s, there_s = [], [], []
    calls = 1
    for _ in range(blocks):
        placed = randomise_placement(tuple(drawn.values()), rng)
        problem = Problem.of(op, placed, op.choose_options({}))
        turns: dict[str, Any] = {
            "here": LocalTurn(partial(here.prepared(problem.given, problem.options), *placed)),
            "there": bound(there, problem),
        }
        for turn in turns.values():
            turn.timed(1, warm=True)
        calls = max(1, math.ceil(_CALLS_S / turns["here"].timed(1, warm=True)))
        for _ in range(max(1, rounds // blocks)):
            took_s = {}
            for at in random.sample(list(turns), 2):
                pool.quiet()
                took_s[at] = turns[at].timed(calls, warm=True)
            here_s.append(took_s["here"])
            there_s.append(took_s["there"])
            ratios.append(took_s["there"] / took_s["here"])
        pool.release()
    low, high = _interval(ratios, rng)
    found = {
        "operation": name, "kernel": method, "batch": batch, "ratio": statistics.median(ratios),
        "low": low, "high": high, "here_s": statistics.median(here_s),
        "there_s": statistics.median(there_s),
    }  # fmt: skip
    print(
        f"{name}[{method}] batch {batch:,}: here {found['here_s'] * 1e6:.2f} us, in a worker "
        f"{found['there_s'] * 1e6:.2f} us, ratio {found['ratio']:.4f} ({low:.4f} to {high:.4f})",
        flush=True,
    )
    return found


def _interval(ratios: Sequence[float], rng: np.random.Generator) -> tuple[float, float]:
    """95 % of the median, by the bootstrap."""
    drawn = rng.choice(np.asarray(ratios), (2000, len(ratios)))
    low, high = np.quantile(np.median(drawn, axis=1), (0.025, 0.975))
    return float(low), float(high)


def _comparisons(count: int, threads: int, start_s: dict[str, float]) -> dict[str, Any]:
    """Seconds that a comparison takes longer with isolation, divided by its kernels."""
    took_s: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    kernels = 0
    for _ in range(count + 1):
        for isolate in random.sample([False, True], 2):
            began_s = time.perf_counter(), _processor_s()
            comparison = einbench.compare(
                _COMPARED, 128, threads=threads, budget_s=1.0, isolate=isolate, context="alone"
            )
            ended_s = time.perf_counter(), _processor_s()
            took_s[isolate].append((ended_s[0] - began_s[0], ended_s[1] - began_s[1]))
            kernels = sum(record.status != "unavailable" for record in comparison.records)
    # the first may compile
    wall_s, processor_s = (
        np.median(np.array(took_s[True][1:]) - np.array(took_s[False][1:]), axis=0)
        - (start_s["template_s"], _template_processor_s(threads))
    ) / kernels
    return {
        "kernel_s": float(wall_s), "processor_s": float(processor_s), "kernels": kernels,
        "with_s": took_s[True][1:], "without_s": took_s[False][1:],
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
