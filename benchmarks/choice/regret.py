"""regret = t(chosen) / t(best) - 1: what a choice costs at sizes that were never measured.

    make choice-regret

On top of what `einbench tune` remembers, random signatures are drawn: any operation, a batch
between 1 and 60,000, for half of them other sizes as well, now and then float64 or Fortran order.
For each `einbench.fastest` chooses as it would for any program, from neighbours or by measuring.
Then all candidates are measured for a few seconds, and the chosen one and the best found are
timed once more against each other, interleaved, in this one process: a regret may be below zero.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import einbench
from einbench.check.layouts import as_layout
from einbench.choose import environment
from einbench.choose.measuring import measure
from einbench.choose.signature import signature
from einbench.choose.tune import BATCHES
from einbench.measure.timing import interleave
from einbench.operation import Operation
from einbench.problem import Problem

from .study import Study, parser

SCHEMA = "einbench.choice-regret/1"
SIGNATURES = 120
#: seconds of the exhaustive search, and of the repeated timing of two after it
SEARCH_S = 3.0
DUEL_S = 1.5
#: no array of a drawn signature is larger: memory is not what is studied here
MOST_ELEMENTS = 50_000_000


def main(arguments: list[str]) -> None:
    """Measure what is missing, unless ``--summary`` is requested, and print what there is."""
    asked = parser(__doc__).parse_args(arguments)
    study = Study(asked.path, SCHEMA)
    if not asked.summary:
        for number in range(SIGNATURES):
            if f"{number:03}" not in study.rows:
                study.keep(f"{number:03}", _row(number))
                print(number, _line(study.rows[f"{number:03}"]), flush=True)
        study.summary = summary(study)
        study.write()
    for name, value in summary(study).items():
        print(f"{name}: {value}")


def _row(number: int) -> dict[str, Any]:
    """One signature: what is chosen, what is best, and the ratio of both, timed again."""
    rng = np.random.default_rng([number, 4])
    op, drawn = draw(rng, number)
    choice = einbench.fastest(op, **drawn)
    bound = op.bind(**drawn)
    requested = signature(op, bound, environment.threads())
    found = measure(Problem.of(op, bound.arrays, bound.options), requested, {}, "patient", SEARCH_S)
    timed = {r.kernel: r.median_s for r in found.records if r.median_s}
    best = min(timed, key=timed.__getitem__)
    chosen = choice.kernel.method
    ratio = _timed_again(op, drawn, chosen, best, rng) if chosen != best else 1.0
    return {
        "operation": op.name,
        "sizes": dict(requested.sizes),
        "dtype": requested.dtype,
        "layout": requested.layout,
        "origin": choice.origin,
        "chosen": chosen,
        "best": best,
        "median_s": {name: float(f"{s:.4g}") for name, s in timed.items()},
        "regret": ratio - 1,
    }


def draw(rng: np.random.Generator, number: int) -> tuple[Operation, dict[str, Any]]:
    """An operation and its arrays, at a batch that `tune` does not measure."""
    ops = list(einbench.operations.values())
    while True:
        op = ops[rng.integers(len(ops))]
        batch = int(np.exp(rng.uniform(0, np.log(60_000))))
        if batch in BATCHES:  # the study is of batches that were never measured
            continue
        sizes = dict(op.sizes)
        if number % 2:
            sizes = {
                axis: max(2, int(n * np.exp(rng.uniform(-1.5, 0.7)))) for axis, n in sizes.items()
            }
        dtype = "float64" if rng.random() < 0.15 else "float32"
        layout = "F" if rng.random() < 0.1 else "C"
        full = op.all_sizes(batch, sizes)
        read, written = op.traffic_bytes(full, np.dtype(dtype))
        if (read + written) / 4 <= MOST_ELEMENTS and op.flops(full) < 5e10:
            drawn = op.draw(batch, dtype, number, **sizes)
            return op, {name: as_layout(array, layout) for name, array in drawn.items()}


def _timed_again(
    op: Operation, drawn: dict[str, Any], chosen: str, best: str, rng: np.random.Generator
) -> float:
    """The median of t(chosen) / t(best) within rounds."""
    arrays = op.bind(**drawn)
    calls = {name: _call(op, name, arrays) for name in (chosen, best)}
    timing = interleave(calls, budget_s=DUEL_S, rng=rng, least_calls=20)
    ratios = np.array(timing.samples[chosen]) / np.array(timing.samples[best])
    return float(np.nanmedian(ratios))


def _call(op: Operation, method: str, bound: Any) -> Any:
    entry = op[method].entry(bound.arrays, bound.options)
    return lambda: entry(*bound.arrays)


def summary(study: Study) -> dict[str, Any]:
    """Quantiles of the regret, of all rows and by how the choice became known."""
    found: dict[str, Any] = {}
    for origin in ("all", "interpolated", "measured", "remembered"):
        regrets = [r["regret"] for r in study.rows.values() if origin in ("all", r["origin"])]
        if regrets:
            median, p95 = np.quantile(regrets, (0.5, 0.95))
            found[origin] = {
                "signatures": len(regrets),
                "median": round(float(median), 4),
                "p95": round(float(p95), 4),
                "greatest": round(max(regrets), 4),
                "within_3_percent": sum(r <= 0.03 for r in regrets),
                "within_15_percent": sum(r <= 0.15 for r in regrets),
            }
    return found


def _line(row: dict[str, Any]) -> str:
    sizes = " ".join(f"{axis} {n}" for axis, n in row["sizes"].items())
    return (
        f"{row['operation']} {sizes} {row['dtype']} {row['layout']}: {row['origin']} "
        f"{row['chosen']}, best {row['best']}, regret {row['regret']:.3f}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
