"""A probe as a case: its inputs laid out, and the truth of what kernels should give for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from einbench.check import contract
from einbench.check.layouts import as_layout
from einbench.check.probe import Probe
from einbench.check.state import other_numbers, restored
from einbench.check.truth import Truth, exact_truth, finite_only, first_rows, truth, truth_limit
from einbench.operation import Operation
from einbench.problem import Problem


@dataclass(frozen=True)
class Posed:
    """A probe as a case: its inputs laid out, and the truth; None where it must be refused."""

    probe: Probe
    problem: Problem
    truth: Truth | None

    @cached_property
    def pristine(self) -> dict[str, bytes]:
        """Its inputs as every kernel must find and leave them."""
        return {name: contract.bits(array) for name, array in self.problem.arrays.items()}

    @cached_property
    def writeable(self) -> dict[str, bool]:
        """Which of them may be written to."""
        return {name: array.flags.writeable for name, array in self.problem.arrays.items()}

    @cached_property
    def other_truths(self) -> list[Truth]:
        """What other numbers in the same arrays give: the same for every kernel."""
        found = []
        with restored(self.problem.arrays):
            for change in self.other_numbers(self.probe.others):
                change()
                found.append(truth(self.problem, tied=self.probe.judged == "tied"))
        return found

    @cached_property
    def elsewhere(self) -> tuple[Problem, Problem]:
        """The same sizes with other inputs, and others again: drawn once for all kernels."""
        with np.errstate(all="ignore"):
            return self.problem.draw(5), self.problem.draw(6)

    def other_numbers(self, times: int) -> list[Callable[[], None]]:
        """So many changes of the inputs in place, the same for every kernel."""
        fresh, more = self.elsewhere
        return other_numbers(self.problem.arrays, fresh.arrays, more.arrays, times)

    def restore(self) -> None:
        """Put the inputs back that a kernel wrote to: the others must not find them so."""
        for name, array in self.problem.arrays.items():
            if array.flags.writeable and contract.bits(array) != self.pristine[name]:
                array[...] = np.frombuffer(self.pristine[name], array.dtype).reshape(array.shape)

    @property
    def limit(self) -> float:
        """Most units of rounding that a right kernel is off."""
        return self.truth.limit if self.truth is not None else 0.0


def pose_all(op: Operation, probes: Iterable[Probe], dtype: np.dtype[Any]) -> list[Posed]:
    """Every probe as a case; the truth of rows of a larger draw is computed once for all."""
    wholes: dict[int, Posed] = {}
    # the caller's error state may be to raise where a hostile draw overflows
    with np.errstate(all="ignore"):
        return [pose(op, probe, dtype, wholes) for probe in probes]


def pose(
    op: Operation, probe: Probe, dtype: np.dtype[Any], wholes: dict[int, Posed] | None = None
) -> Posed:
    """Lay a probe's inputs out and compute what they should give.

    Args:
        op: the operation.
        probe: what to ask.
        dtype: of floating inputs.
        wholes: larger draws that were posed before, by the id of their inputs.
    """
    arrays = {
        name: as_layout(
            array, probe.layout if isinstance(probe.layout, str) else probe.layout[name]
        )
        for name, array in probe.inputs.items()
    }
    problem = Problem.of(op, [arrays[name] for name in op.inputs], probe.options)
    if probe.judged == "refuse":
        return Posed(probe, problem, None)
    if probe.judged == "exact":
        return Posed(probe, problem, exact_truth(problem))
    if probe.whole is not None:
        known = {} if wholes is None else wholes
        key = id(probe.whole.inputs)
        whole = known[key] if key in known else known.setdefault(key, pose(op, probe.whole, dtype))
        assert whole.truth is not None  # noqa: S101 - rows of a draw that is answered
        return Posed(probe, problem, first_rows(whole.truth, op, problem.rows))
    expected = truth(problem, tied=probe.judged in ("tied", "mixed"))
    if probe.judged == "mixed":
        expected = replace(expected, limit=max(expected.limit, truth_limit(problem)))
    if probe.judged in ("nonfinite", "mixed"):
        expected = finite_only(expected, problem.given)
    return Posed(probe, problem, expected)
