"""The check at the timed size: exact probes before the clock starts, outputs after it stopped.

Where the truth of all would take too much memory or time, a part is judged: a slice along
independent axes, or the first and the last rows as problems of their own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from einbench.check import contract
from einbench.check.diagnosis import describe
from einbench.check.error import error
from einbench.check.layouts import as_layout, read_only
from einbench.check.room import (
    exact_truth_bytes,
    kept_bytes,
    part_truth_bytes,
    truth_bytes,
    wide_bytes,
)
from einbench.check.truth import Case, Truth, as_tuple, cut, exact_truth, truth
from einbench.operation import Operation
from einbench.problem import Problem

Array = npt.NDArray[Any]

#: operations of the reference that a cell may cost: float64 runs on BLAS, longdouble does not
_AFFORDABLE_FLOPS = {"float32": 1e9, "float64": 1e8}


def exact_case(
    op: Operation, dtype: np.dtype[Any], sizes: Mapping[str, int], layout: str, seed: int
) -> Case | None:
    """Whole numbers of the timed size; None where the operation has no exact probe.

    Where the truth takes too much memory it is a slice of it, or fewer rows.
    """
    if op.exact is None:
        return None
    options = op.choose_options(op.exact_options)
    integers = ("int64",) * len(op.integers)
    asked = Problem(op, dict(sizes), dtype, options, "C" * len(op.inputs), integers)
    kept = _choose(asked, _independent(op, options), np.random.default_rng([seed, 29]), slow=False)
    rows = asked.rows if kept else _judged_rows(asked, exact_truth_bytes(asked), exact=True)
    if rows < asked.rows and op.leading is not None:
        sizes = {**sizes, op.leading: rows}
    drawn = op.exact(np.random.default_rng([seed, 11]), dtype, sizes)
    arrays = [read_only(as_layout(drawn[name], layout)) for name in op.inputs]
    problem = Problem.of(op, arrays, options)
    if not kept:
        return Case(problem, exact_truth(problem))
    part = [cut(a, op.inputs[n].axes, kept) for n, a in problem.arrays.items()]
    return Case(problem, replace(exact_truth(Problem.of(op, part, options)), kept=kept))


def timed_case(
    problem: Problem,
    seed: int,
    *,
    tied: bool = False,
    kernels: int = 1,
    most_flops: float = math.inf,
) -> Case:
    """The truth for the timed inputs: all of it, a slice along independent axes, or nothing.

    The slice is drawn anew for every problem and always holds the first and the last index. There
    is nothing where no slice is possible and all would take too much memory, or more operations
    than ``most_flops``: see `part_cases`.

    Args:
        problem: with its inputs.
        seed: of the slice.
        tied: whether values are constant, tied or few, where another limit holds.
        kernels: how many have a part of their output kept at a time.
        most_flops: of the whole truth.
    """
    independent = _independent(problem.operation, problem.options)
    kept = _choose(problem, independent, np.random.default_rng([seed, 13]), kernels)
    if not kept and _judged_rows(problem, truth_bytes(problem), most_flops) < problem.rows:
        return Case(problem, Truth((), (), problem.dtype, np.inf))
    return Case(problem, truth(problem, tied=tied, kept=kept))


def part_cases(case: Case, most_flops: float = math.inf) -> Iterator[Case]:
    """Where `timed_case` has no truth: one of all rows, or of the first ones and the last ones.

    Together they take no more operations than ``most_flops``.
    """
    problem = case.problem
    if case.truth.outputs:
        return
    rows = _judged_rows(problem, part_truth_bytes(problem), most_flops / 2)
    if rows >= problem.rows:
        yield Case(problem, truth(problem))
        return
    for part in (problem.first_rows(rows), problem.some_rows(slice(-rows, None))):
        yield Case(part, truth(part))


def _independent(op: Operation, options: Mapping[str, str]) -> Sequence[str]:
    """Axes along which a slice of the inputs gives that slice of the output."""
    if any(options.get(name) != v for name, v in op.independent_options.items()):
        return ()
    return op.independent


def _judged_rows(
    problem: Problem, most_bytes: int, most_flops: float = math.inf, *, exact: bool = False
) -> int:
    """Rows whose truth takes no more, its memory with the inputs made for it where it is exact.

    All rows where there is no axis of them.
    """
    op, rows = problem.operation, problem.rows
    while op.leading is not None and rows > 1:
        part = problem.sized({op.leading: rows})
        small = wide_bytes(part, exact=exact) + exact * part.input_bytes <= most_bytes
        if small and _truth_flops(part) <= most_flops:
            break
        rows //= 2
    return rows


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
    if not case.truth.outputs:
        return Kept("", ())
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
    if not kept.places:
        return 0.0, ""
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
    problem: Problem,
    independent: Sequence[str],
    rng: np.random.Generator,
    kernels: int = 1,
    *,
    slow: bool = True,
) -> dict[str, Array]:
    """Indices along independent axes, of which the truth is quick (if ``slow``) and small."""
    if not independent:
        return {}
    cost = _truth_flops(problem)
    shrink = _AFFORDABLE_FLOPS[problem.dtype.name] / max(cost, 1.0) if slow else 1.0
    while shrink > 1e-12:
        part = _part(problem, independent, min(shrink, 1.0))
        small = wide_bytes(problem.sized(part)) <= truth_bytes(problem)
        if small and problem.sized(part).output_bytes * kernels <= kept_bytes(problem):
            break
        shrink = min(shrink, 1.0) / 2
    if shrink >= 1:
        return {}
    kept = {}
    for axis, count in _part(problem, independent, shrink).items():
        size = problem.sizes[axis]
        # a sorted draw with repeats: one without them takes memory for all indices
        inner = rng.integers(1, max(size - 1, 2), max(count - 2, 0))
        kept[axis] = np.unique(np.concatenate([[0, size - 1], inner]) % size).astype(np.intp)
    return kept


def _truth_flops(problem: Problem) -> float:
    """The scale of a whole network costs about as much as three references."""
    return 3.0 * problem.operation.flops(problem.sizes)


def _part(problem: Problem, independent: Sequence[str], shrink: float) -> dict[str, int]:
    """How many indices of each axis, two at least, make such a part of the problem."""
    share = shrink ** (1 / len(independent))
    sizes = {axis: problem.sizes[axis] for axis in independent}
    return {axis: min(size, max(2, int(size * share))) for axis, size in sizes.items()}
