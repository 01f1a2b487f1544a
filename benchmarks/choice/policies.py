"""einbench.auto against always taking the same method, at every batch from 1 to 60,000.

    make choice-policies

At each batch the call through `einbench.auto`, dispatch included, and the bare functions of loop,
einsum, matmul and numba are timed interleaved. A method's number is the geometric mean, over the
operations that have it, of its time over auto's time in the same rounds: above 1 auto is faster.
A method that would take too long at a batch counts with its time at the largest batch it was
called at, in proportion to the rows; such numbers are marked.
"""

from __future__ import annotations

import math
import statistics
import sys
from typing import Any

import numpy as np

import einbench
from einbench.measure.calls import bound
from einbench.measure.predict import Prediction, predict
from einbench.measure.timing import interleave
from einbench.measure.workload import load_images, sizes_for, workload
from einbench.problem import Problem

from .study import Study, parser

SCHEMA = "einbench.choice-policies/1"
METHODS = ("loop", "einsum", "matmul", "numba")
BATCHES = (*(2**k for k in range(16)), 60_000)
_BUDGET_S = 0.6
#: a method slower than this is not called at the size
_CALL_S = 0.25


def main(arguments: list[str]) -> None:
    """Measure what is missing, and print the table."""
    asked = parser(__doc__).parse_args(arguments)
    study = Study(asked.path, SCHEMA)
    if not asked.summary:
        images = load_images(None)
        for op in einbench.operations.values():
            # without two of the methods there is nothing to compare
            if sum(method in op for method in METHODS) < 2:
                continue
            known: dict[str, Prediction] = {}
            for batch in BATCHES:
                name = f"{op.name} {batch}"
                if name not in study.rows:
                    requested = Problem.at(op, batch, sizes=sizes_for(op, images, {}))
                    study.keep(name, _row(workload(requested, images, 0), known))
                    print(name, study.rows[name], flush=True)
        study.summary = summary(study)
        study.write()
    print("\n".join(table(study)))


def _row(problem: Problem, known: dict[str, Prediction]) -> dict[str, Any]:
    op, given = problem.operation, problem.given
    choice = einbench.fastest(op, *given)
    through = getattr(einbench.auto, op.name)
    through(*given)
    calls: dict[str, Any] = {"auto": lambda: through(*given)}
    foreseen: dict[str, float] = {}
    for method in METHODS:
        if method not in op:
            continue
        found = predict(op[method], problem, _CALL_S, known.get(method))
        known[method] = found
        if found.seconds > max(_CALL_S, 0.0) and not found.measured:
            foreseen[method] = found.seconds
        else:
            calls[method] = bound(op[method], problem)
    rng = np.random.default_rng([problem.rows, 8])
    timing = interleave(calls, budget_s=_BUDGET_S, rng=rng, least_calls=7)
    auto = np.array(timing.samples["auto"])
    auto_s = float(np.nanmedian(auto))
    return {
        "auto": choice.kernel.method,
        "origin": choice.origin,
        "auto_s": auto_s,
        # within rounds where there are some in common, for a machine drifts
        "ratio": {
            name: float(np.nanmedian(np.array(times) / auto))
            for name, times in timing.samples.items()
            if name != "auto"
        }
        | {name: seconds / auto_s for name, seconds in foreseen.items()},
        "foreseen": sorted(foreseen),
    }


def summary(study: Study) -> dict[str, Any]:
    """By batch and method the geometric mean of time over auto's time; and over all batches."""
    found: dict[str, Any] = {}
    for batch in (*BATCHES, None):
        rows = [
            row for name, row in study.rows.items()
            if batch is None or name.rpartition(" ")[2] == str(batch)
        ]  # fmt: skip
        if rows:
            found["all" if batch is None else str(batch)] = {
                "auto_s": statistics.geometric_mean(row["auto_s"] for row in rows),
                **{method: _mean(rows, method) for method in METHODS},
                "foreseen": sorted({m for row in rows for m in row["foreseen"]}),
            }
    return found


def _mean(rows: list[dict[str, Any]], method: str) -> float | None:
    ratios = [row["ratio"][method] for row in rows if method in row["ratio"]]
    return round(math.exp(statistics.fmean(map(math.log, ratios))), 3) if ratios else None


def table(study: Study) -> list[str]:
    """In Markdown."""
    lines = [
        "| batch | auto | always loop | always einsum | always matmul | always numba |",
        "|---|---|---|---|---|---|",
    ]
    for batch, row in summary(study).items():
        cells = []
        for method in METHODS:
            mark = "~" if method in row["foreseen"] else ""
            cells.append("-" if row[method] is None else f"{mark}{row[method]:.3g}x")
        place = "every batch" if batch == "all" else f"{int(batch):,}"
        lines.append(f"| {place} | {row['auto_s'] * 1e6:,.1f} µs | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    main(sys.argv[1:])
