"""t(chosen) / t(best) where kernels are called: alone, after a product of BLAS, after a pause.

    make choice-contexts

Signatures are drawn from a seed: any operation, a batch between 1 and 60,000, for half of them
other sizes as well, float32, no larger than some megabytes. There `einbench.fastest` chooses for a
program (the geometric mean, the default) and for each context. All kernels within ten times of the
fastest are then timed in every context; the best of each and those that were chosen, on as many
threads as were chosen, are timed a second time, interleaved: a ratio is the median of ratios within
rounds, with its 95 % interval. A miss is a ratio whose interval begins beyond 1.10.

A choice for a context is judged in that context, and one for a program in all of them. Where the
best kernels of the contexts differ there may be none within 1.10 in all: ``possible`` is the share
of cells with such a kernel, by the times of the first measurement. Signatures are drawn until the
time is up; a stopped study goes on.
"""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

import einbench
from einbench.arguments import Bound
from einbench.check.unchanged import PrivateCopy
from einbench.choose.candidates import first_times
from einbench.choose.fewer import text, threads_of
from einbench.contexts import ALONE, CONTEXTS, PROGRAM
from einbench.kernel import Kernel
from einbench.measure.beside import PRECEDING
from einbench.measure.timing import Timing, interleave
from einbench.operation import Operation
from einbench.problem import Problem

from .study import Study, parser

SCHEMA = "einbench.choice-contexts/2"
SEED = 18
MOST_RATIO = 1.10
#: kernels that take so many times as long as the fastest are the best nowhere
FAR = 10.0
#: seconds of the first and of the second measurement, or calls of the fastest
_SEARCH_S, _DUEL_S, _CALLS = 0.8, 0.8, 15
#: no signature has more elements or operations: few would fit into the time
_MOST_ELEMENTS, _MOST_FLOPS = 5_000_000, 1e9
_RESAMPLES = 2000


def main() -> None:
    """Measure for so many seconds, keep every signature, and print the shares."""
    expected = parser(__doc__)
    expected.add_argument("--seconds", type=float, default=540.0)
    given = expected.parse_args()
    study = Study(given.path, SCHEMA)
    end_s = time.perf_counter() + (0.0 if given.summary else given.seconds)
    number = len(study.rows)
    while time.perf_counter() < end_s:
        row = _row(number)
        study.rows[f"{number:03}"] = row
        study.summary = summary(study.rows)
        study.write()
        print(number, _line(row), flush=True)
        number += 1
    for line in table(summary(study.rows)):
        print(line)


def _row(number: int) -> dict[str, Any]:
    """One signature: what is chosen, the best in each context, and the ratios, timed again."""
    rng = np.random.default_rng([SEED, number])
    op, drawn = _drawn(rng, number)
    bound = op.bind(**drawn)
    problem = Problem.of(op, bound.arrays, bound.options)
    row: dict[str, Any] = {
        "operation": op.name, "sizes": dict(bound.sizes), "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip
    kernels = [kernel for kernel in op if kernel.available and kernel.here]
    first = first_times(PrivateCopy(problem), kernels, time.perf_counter, lambda method: None).times
    best_s = min(at.seconds for at in first.values())
    choices = {context: einbench.fastest(op, context=context, **drawn) for context in CONTEXTS}
    # a kernel on fewer threads is another one
    ways = {text(choice.kernel.method, threads_of(choice.decision.kernel)): choice.decision.kernel
            for choice in choices.values()}  # fmt: skip
    chosen = {
        context: text(choice.kernel.method, threads_of(choice.decision.kernel))
        for context, choice in choices.items()
    }
    ways |= {m: op[m] for m, at in first.items() if at.seconds <= FAR * best_s}
    found = _contexts(_timed(bound, ways, _SEARCH_S, rng))
    medians = {
        context: {method: float(np.nanmedian(times)) for method, times in samples.items()}
        for context, samples in found.items()
    }
    best = {context: min(taken, key=taken.__getitem__) for context, taken in medians.items()}
    duel = {method: ways[method] for method in (*chosen.values(), *best.values())}
    again = _contexts(_timed(bound, duel, _DUEL_S, rng))
    return {
        **row,
        "origin": {context: choice.origin for context, choice in choices.items()},
        "chosen": chosen,
        "best": best,
        "possible": any(
            all(
                taken.get(method, math.inf) <= MOST_RATIO * taken[best[context]]
                for context, taken in medians.items()
            )
            for method in ways
        ),
        "ratio": {
            name: {
                context: _ratio(again[context], method, best[context], rng)
                for context in best
                # of a kernel that takes twice the best's time or more there may be times alone only
                if name in (PROGRAM, context)
                and {method, best[context]} <= again.get(context, {}).keys()
            }
            for name, method in chosen.items()
        },
    }


def _drawn(rng: np.random.Generator, number: int) -> tuple[Operation, dict[str, Any]]:
    """An operation and its arrays."""
    ops = list(einbench.operations.values())
    while True:
        op = ops[rng.integers(len(ops))]
        batch = int(np.exp(rng.uniform(0, np.log(60_000))))
        sizes = dict(op.sizes)
        if number % 2:
            sizes = {a: max(2, int(n * np.exp(rng.uniform(-1.5, 0.7)))) for a, n in sizes.items()}
        full = op.all_sizes(batch, sizes)
        elements = sum(op.traffic_bytes(full, np.dtype("float32"))) / 4
        if elements <= _MOST_ELEMENTS and op.flops(full) <= _MOST_FLOPS:
            return op, op.draw(batch, "float32", number, **sizes)


def _timed(
    bound: Bound, ways: Mapping[str, Kernel], budget_s: float, rng: np.random.Generator
) -> Timing:
    """Interleaved in every context; none is dropped while three of its rounds are cheap."""
    entries = {m: kernel.entry(bound.arrays, bound.options) for m, kernel in ways.items()}
    with np.errstate(all="ignore"):
        return interleave(
            {method: partial(entry, *bound.arrays) for method, entry in entries.items()},
            budget_s=budget_s, rng=rng, least_calls=_CALLS, keep=lambda output: None,
            beside=PRECEDING, context=PROGRAM,
        )  # fmt: skip


def _contexts(timing: Timing) -> dict[str, Mapping[str, tuple[float, ...]]]:
    found = {ALONE: timing.samples, **timing.beside}
    return {context: found[context] for context in CONTEXTS if found.get(context)}


def _ratio(
    samples: Mapping[str, tuple[float, ...]], chosen: str, best: str, rng: np.random.Generator
) -> list[float]:
    """The median ratio within rounds, and its interval; of one kernel with itself 1."""
    if chosen == best:
        return [1.0, 1.0, 1.0]
    ratios = np.array(samples[chosen]) / np.array(samples[best])
    ratios = ratios[~np.isnan(ratios)]
    medians = np.median(rng.choice(ratios, (_RESAMPLES, ratios.size)), axis=1)
    return [round(float(r), 3) for r in (np.median(ratios), *np.quantile(medians, (0.025, 0.975)))]


def summary(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """By what was chosen for and where it is called: cells, shares within 1.10, and ratios."""
    found: dict[str, Any] = {}
    for name in CONTEXTS:
        for context in CONTEXTS[1:]:
            # what is chosen for a context is called there
            ratios = [
                row["ratio"][name][context]
                for row in rows.values()
                if context in row.get("ratio", {}).get(name, {})
            ]
            if ratios:
                found[f"{name}, called {context}"] = {
                    "cells": len(ratios),
                    "not_missed": round(
                        sum(low <= MOST_RATIO for _, low, _ in ratios) / len(ratios), 3
                    ),
                    "within": round(sum(r <= MOST_RATIO for r, _, _ in ratios) / len(ratios), 3),
                    "geometric_mean": round(
                        math.exp(statistics.fmean(math.log(r) for r, _, _ in ratios)), 3
                    ),
                    "greatest": max(r for r, _, _ in ratios),
                }
    possible = [row["possible"] for row in rows.values()]
    if possible:
        found["possible"] = round(sum(possible) / len(possible), 3)
    return found


def table(found: Mapping[str, Any]) -> list[str]:
    """In Markdown."""
    return [
        "| chosen for, and called | cells | no miss | plainly within 1.10 | mean | greatest |",
        "|---|---|---|---|---|---|",
        *(
            f"| {name} | {row['cells']} | {100 * row['not_missed']:.1f} % | "
            f"{100 * row['within']:.1f} % | {row['geometric_mean']} | {row['greatest']} |"
            for name, row in found.items()
            if name != "possible"
        ),
        f"\nOne kernel is within 1.10 in all contexts in {100 * found.get('possible', 0):.1f} % "
        "of cells.",
    ]


def _line(row: Mapping[str, Any]) -> str:
    place = f"{row['operation']} {row['sizes']} load {row['load']}: "
    return f"{place}{row['chosen']}, best {row['best']}, {row['ratio']}"


if __name__ == "__main__":
    main()
