"""The check at the timed size: exact probes before the clock starts, outputs after it stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from einbench.check import contract
from einbench.check.diagnosis import describe
from einbench.check.error import error
from einbench.check.layouts import as_layout, read_only
from einbench.check.truth import Case, as_tuple, cut, exact_truth, truth
from einbench.operation import Operation
from einbench.problem import Problem

Array = npt.NDArray[Any]

#: operations of the reference that a cell may cost: float64 runs on BLAS, longdouble does not
_AFFORDABLE_FLOPS = {"float32": 1e9, "float64": 1e8}


def exact_case(
    op: Operation, dtype: np.dtype[Any], sizes: Mapping[str, int], layout: str, seed: int
) -> Case | None:
    """Whole numbers of the timed size; None where the operation has no exact probe."""
    if op.exact is None:
        return None
    options = op.choose_options(op.exact_options)
    drawn = op.exact(np.random.default_rng([seed, 11]), dtype, sizes)
    arrays = [read_only(as_layout(drawn[name], layout)) for name in op.inputs]
    problem = Problem.of(op, arrays, options)
    return Case(problem, exact_truth(problem))


def timed_case(problem: Problem, seed: int, *, tied: bool = False) -> Case:
    """The truth for the timed inputs: all of it, or a slice along independent axes.

    The slice is drawn anew for every problem and always holds the first and the last index.
    """
    op = problem.operation
    independent = op.independent
    if any(problem.options.get(name) != v for name, v in op.independent_options.items()):
        independent = ()
    kept = _choose(problem, independent, np.random.default_rng([seed, 13]))
    return Case(problem, truth(problem, tied=tied, kept=kept))


class Incomplete(NamedTuple):
    """Outputs that a library returns of an operation with several, and those that it does not."""

    outputs: Any
    without: tuple[str, ...]


class Kept(NamedTuple):
    """Of a kernel's output, what is judged: a broken contract, or the slice that is kept."""

    problem: str
    parts: tuple[Array, ...]
    #: places of those outputs among all
    places: tuple[int, ...] = ()


def keep(case: Case, result: Any) -> Kept:
    """Check the form of a whole output and keep the slice: all outputs together are large."""
    op, without = case.problem.operation, tuple[str, ...]()
    if isinstance(result, Incomplete):
        result, without = result
    if problem := contract.form(case.problem, result, without):
        return Kept(problem, ())
    places = tuple(n for n, name in enumerate(op.outputs) if name not in without)
    axes = tuple(op.outputs.values())
    outputs = zip(as_tuple(op, result), places, strict=True)
    return Kept("", tuple(cut(a, axes[n], case.truth.kept) for a, n in outputs), places)


def judge_kept(case: Case, kept: Kept, slack: float = 1.0) -> tuple[float, str]:
    """Error in units of rounding of a kernel's output, and why it is wrong; empty if right.

    ``slack`` times the case's limit is allowed.
    """
    if kept.problem:
        return np.inf, kept.problem
    problem, whole = case
    limit = slack * whole.limit
    expected = replace(
        whole,
        outputs=tuple(whole.outputs[n] for n in kept.places),
        roundings=tuple(whole.roundings[n] for n in kept.places),
        limit=limit,
    )
    found = error(kept.parts, expected)
    if found.units <= limit:
        return found.units, ""
    kind = "not equal where every sum is exact" if whole.exact else "wrong"
    at = "" if problem.batch is None else f" ({problem.operation.leading} {problem.batch:,})"
    parts: list[Any] = list(whole.outputs)
    for place, part in zip(kept.places, kept.parts, strict=True):
        parts[place] = part
    found = found._replace(output=kept.places[found.output])
    said = describe(problem.operation, parts, replace(whole, limit=limit), found)
    return found.units, f"{kind} at the timed size: {said}{at}"


def judge_output(case: Case, result: Any, slack: float = 1.0) -> tuple[float, str]:
    """`judge_kept` of what is kept of an output."""
    return judge_kept(case, keep(case, result), slack)


def _choose(
    problem: Problem, independent: Sequence[str], rng: np.random.Generator
) -> dict[str, Array]:
    # the scale of a whole network costs about as much as three references
    cost = problem.operation.flops(problem.sizes) * 3
    shrink = _AFFORDABLE_FLOPS[problem.dtype.name] / max(cost, 1.0)
    if shrink >= 1 or not independent:
        return {}
    kept = {}
    share = shrink ** (1 / len(independent))
    for axis in independent:
        size = problem.sizes[axis]
        count = min(size, max(2, int(size * share)))
        inner = rng.choice(max(size - 2, 0), max(count - 2, 0), replace=False) + 1
        kept[axis] = np.unique(np.concatenate([[0, size - 1], inner]).astype(np.intp))
    return kept
