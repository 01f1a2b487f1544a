"""What ``rigor="estimate"`` costs at sizes that were never measured: t(chosen) / t(best) - 1.

    make choice-estimate

The 60 signatures are the first of ``make choice-regret``: any operation, a batch between 1 and
60,000, for half of them other sizes as well, now and then float64 or Fortran order. All kernels
are timed there, interleaved; the best of them is what a choice is compared with. Three choices
are: the estimate from what `einbench tune` remembers of four batches; the same where memory may
answer before it, as programs get it; and the estimate of an empty memory.
"""

from __future__ import annotations

import math
import sys
import tempfile
from typing import Any

import numpy as np

import einbench
from einbench.choose import environment
from einbench.choose.estimate import estimate
from einbench.choose.measuring import measure
from einbench.choose.recall import recall
from einbench.choose.signature import Signature, signature
from einbench.choose.wisdom import Wisdom, wisdom
from einbench.problem import Problem

from .regret import draw
from .study import Study, parser

SCHEMA = "einbench.choice-estimate/1"
SIGNATURES = 60
#: seconds that all kernels of a signature share
SEARCH_S = 2.0
#: no slower than this times the best is as good
_TIE = 1.02


def main(arguments: list[str]) -> None:
    """Measure what is missing, choose anew, and print; with ``--summary`` print only."""
    asked = parser(__doc__).parse_args(arguments)
    study = Study(asked.path, SCHEMA)
    if not asked.summary:
        for number in range(SIGNATURES):
            name = f"{number:03}"
            if name not in study.rows:
                study.keep(name, _truth(number))
                print(name, *study.rows[name].values(), flush=True)
        with tempfile.TemporaryDirectory() as empty:
            for row in study.rows.values():
                row["chosen"] = _chosen(row, Wisdom(empty))
        study.summary = summary(study)
        study.write()
    for name, value in summary(study).items():
        print(f"{name}: {value}")


def _truth(number: int) -> dict[str, Any]:
    """What every kernel takes at one signature; of pruned ones what was foreseen."""
    op, drawn = draw(np.random.default_rng([number, 4]), number)
    bound = op.bind(**drawn)
    problem = Problem.of(op, bound.arrays, bound.options)
    requested = signature(op, bound, environment.threads())
    passed = wisdom().book(op.name).passed(environment.environment(op), requested.dtype)
    found = measure(problem, requested, passed, "patient", SEARCH_S).records
    seconds = {r.kernel: r.median_s or r.predicted_s for r in found}
    return {
        "operation": op.name,
        "signature": requested._asdict(),
        "seconds": {kernel: float(f"{s:.4g}") for kernel, s in seconds.items() if s},
    }


def _chosen(row: dict[str, Any], empty: Wisdom) -> dict[str, str]:
    """By the estimate of what is remembered, with memory before it, and of nothing."""
    op, parts = einbench.operation(row["operation"]), dict(row["signature"])
    for name in ("sizes", "options"):
        parts[name] = tuple((axis, value) for axis, value in parts[name])
    requested = Signature(**{**parts, "threads": environment.Threads(*parts["threads"])})
    here, usable = environment.environment(op), list(row["seconds"])
    recalled = recall(op, wisdom().book(op.name), here, requested, "estimate")
    guessed = estimate(op, requested, here, wisdom(), usable).kernel.method
    return {
        "estimated": guessed,
        "recalled first": recalled.kernel.method if recalled else guessed,
        "nothing remembered": estimate(op, requested, here, empty, usable).kernel.method,
    }


def summary(study: Study) -> dict[str, Any]:
    """Regrets by where the choice comes from."""
    found: dict[str, Any] = {}
    for kind in ("estimated", "recalled first", "nothing remembered"):
        ratios = [
            row["seconds"][row["chosen"][kind]] / min(row["seconds"].values())
            for row in study.rows.values()
        ]
        median, p90 = np.quantile(ratios, (0.5, 0.9))
        found[kind] = {
            "signatures": len(ratios),
            "mean": round(float(np.mean(ratios)) - 1, 4),
            "geometric_mean": round(math.exp(np.mean(np.log(ratios))) - 1, 4),
            "median": round(float(median) - 1, 4),
            "p90": round(float(p90) - 1, 4),
            "greatest": round(max(ratios) - 1, 4),
            "best_or_tied": sum(ratio <= _TIE for ratio in ratios),
        }
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
