"""Whether a way computes the operation: the suite's own error, in units of rounding.

Peers sum in other orders and have exponentials of their own, rightly: they are allowed some times
what the suite's kernels are. Where nothing may be rounded, nothing may be for them either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from einbench.check.error import error
from einbench.check.sized import timed_case
from einbench.check.truth import Case, Truth, as_tuple
from einbench.problem import Problem

from .task import Array, Task

#: right ones come to 8 units where kernels of the suite are allowed 4: a step's loss, 60,000 rows
PEERS_SLACK = 8.0
#: a whole network's reference beyond float64 takes a minute at 60,000 rows
_AFFORDABLE_FLOPS = 5e9


@dataclass(frozen=True)
class Checked:
    """Units of rounding, how many are allowed, and what is wrong; empty where nothing is."""

    error: float
    limit: float
    reason: str


@dataclass(frozen=True)
class Judge:
    """The truth about one task, all of it or a slice where all would take too long."""

    case: Case

    @classmethod
    def of(cls, task: Task, seed: int) -> Judge:
        """The reference is computed here."""
        problem = Problem.of(task.operation, task.given, task.options)
        long = task.dtype == np.float64 and task.operation.flops(task.sizes) > _AFFORDABLE_FLOPS
        if long and not task.operation.independent:
            return cls(Case(problem, _truth_in_double(task)))
        return cls(timed_case(problem, seed))

    def judge(self, path: Path, ours: bool) -> Checked:
        """What a process has written, which is then gone."""
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
        path.unlink()
        return self.judge_arrays(found, ours)

    def judge_arrays(self, found: Mapping[str, Array], ours: bool) -> Checked:
        """The judged part of each output that there is."""
        truth = self.case.truth
        names = list(self.case.problem.operation.outputs)
        places = [names.index(name) for name in found]
        expected = Truth(
            tuple(truth.outputs[n] for n in places),
            tuple(truth.roundings[n] for n in places),
            truth.dtype,
            truth.limit,
        )
        limit = truth.limit * (1.0 if ours else PEERS_SLACK)
        got = [found[names[n]] for n in places]
        largest = error(got, expected)
        if largest.units <= limit:
            return Checked(largest.units, limit, "")
        name, where = names[places[largest.output]], largest.worst
        value: Any = got[largest.output][where]
        right: Any = expected.outputs[largest.output][where]
        place = f"{name}{list(where)}" if where else name
        return Checked(
            largest.units,
            limit,
            f"{place} is {value:.9g}, the reference's {right:.9g}: "
            f"{largest.units:.3g} units of rounding, allowed {limit:.3g}",
        )


def _truth_in_double(task: Task) -> Truth:
    """As `einbench.check.error.truth`, the reference no wider than what it judges.

    It rounds as kernels do, by some hundredths of what a whole network is allowed: an error told
    here may be too small or too large by as much.
    """
    op, dtype, options = task.operation, task.dtype, task.options
    with np.errstate(all="ignore"):
        outputs = as_tuple(op, op.reference(*task.given, **options))
        more: dict[str, Any] = dict(options)
        if op.scale_takes_eps:
            more["eps"] = float(np.finfo(dtype).eps)
        single = outputs[0] if len(outputs) == 1 else outputs
        scales = as_tuple(op, op.scale(single, *task.given, **more))
    eps = float(np.finfo(dtype).eps)
    least = max(float(op.terms(task.sizes)), 1.0) * float(np.finfo(dtype).smallest_subnormal)
    roundings = tuple(eps * np.asarray(scale) + least for scale in scales)
    limit = float(op.limit(max(float(op.terms(task.sizes)), 1.0)))
    return Truth(tuple(np.asarray(o) for o in outputs), roundings, dtype, limit)
