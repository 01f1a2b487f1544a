"""How the seconds of a comparison are shared out among its cells."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from einbench.operation import Operation
from einbench.problem import Problem

#: most seconds of timing by default, and the wall time that bounds it with all checks
BUDGET_S = 75.0
_WALL_S = 95.0
_CALL_S = 1.0
#: every cell gets this much, however late it is
_LEAST_S = 0.05
#: seconds beside timing that a cell of weight 1 takes, before any has shown it, and for how
#: much weight of cells that guess counts
_OVERHEAD_S = 1.2
_PRIOR = 5.0


@dataclass(frozen=True)
class Plan:
    """One operation in one dtype at all its batches, and what each part weighs in time."""

    operation: Operation
    dtype: Any
    problems: tuple[Problem, ...]
    weights: tuple[float, ...]


class Budget:
    """Shares out what is left of the seconds in proportion to what cells weigh.

    Compiling, checking and exact probes take about as long as timing. What they took so far
    says what they will take, and only the rest of the wall time is there for the clock.
    """

    def __init__(
        self, plans: list[Plan], budget_s: float | None, start_s: float, *, bounded: bool = True
    ) -> None:
        self._weight = self._all = sum(sum(plan.weights) for plan in plans)
        self._left_s = BUDGET_S if budget_s is None else budget_s
        self._start_s = start_s
        # a budget given by the caller is kept whatever the wall clock says
        self._wall_s = _WALL_S if budget_s is None and bounded else float("inf")
        self.timed_s = 0.0
        self.call_s = min(_CALL_S, max(0.05, self._left_s / 20))

    @property
    def part_done(self) -> float:
        """Between 0 and 1, by weight."""
        return 1 - self._weight / self._all if self._all else 1.0

    def share_s(self, weight: float) -> float:
        """Seconds of timing for a cell of that weight."""
        gone_s = time.perf_counter() - self._start_s
        done = self._all - self._weight
        rate = (gone_s - self.timed_s + _OVERHEAD_S * _PRIOR) / (done + _PRIOR)
        left_s = min(self._left_s, self._wall_s - gone_s - rate * self._weight)
        return max(_LEAST_S, left_s * weight / max(self._weight, weight))

    def spent(self, weight: float, seconds: float) -> None:
        """A cell is done, and took so many seconds of timing."""
        self.timed_s += seconds
        self._left_s -= seconds
        self._weight -= weight


def weight_of(problem: Problem) -> float:
    """Weight of a problem in the budget: seconds of a good kernel on a typical machine."""
    op, sizes = problem.operation, problem.sizes
    good_s = op.flops(sizes) / 1e11 + sum(op.traffic_bytes(sizes, problem.dtype)) / 1e10
    return 0.25 + min(20 * good_s, 5.0)
