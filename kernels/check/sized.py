"""The check at the timed size: exact probes before the clock starts, outputs after it stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from einbench.check import contract
from einbench.check.diagnosis import describe
from einbench.check.error import Truth, as_tuple, error, exact_truth, truth
from einbench.check.layouts import as_layout, read_only
from einbench.operation import Operation

Array = npt.NDArray[Any]

#: operations of the reference that a cell may cost: float64 runs on BLAS, longdouble does not
_AFFORDABLE_FLOPS = {"float32": 1e9, "float64": 1e8}


@dataclass(frozen=True)
class Question:
    """What to ask a kernel at the timed size, and how to judge the answer."""

    operation: Operation
    arrays: tuple[Array, ...]
    options: dict[str, str]
    sizes: dict[str, int]
    dtype: np.dtype[Any]
    expected: Truth
    limit: float
    #: indices per axis of the slice that is judged; an axis left out is judged whole
    kept: dict[str, Array]
    exact: bool = False


def exact_question(
    op: Operation, dtype: np.dtype[Any], sizes: Mapping[str, int], layout: str, seed: int
) -> Question | None:
    """Whole numbers of the timed size; None where the operation has no exact probe."""
    if op.exact is None:
        return None
    options = op.choose_options(op.exact_options)
    drawn = op.exact(np.random.default_rng([seed, 11]), dtype, sizes)
    arrays = tuple(read_only(as_layout(drawn[name], layout)) for name in op.inputs)
    expected = exact_truth(op, arrays, options, dtype)
    return Question(op, arrays, options, dict(sizes), dtype, expected, 0.0, {}, exact=True)


def timed_question(
    op: Operation,
    arrays: Sequence[Array],
    options: dict[str, str],
    dtype: np.dtype[Any],
    seed: int,
    tied: bool = False,
) -> Question:
    """The truth for the timed inputs: all of it, or a slice along independent axes.

    The slice is drawn anew for every cell and always holds the first and the last index.
    """
    named = dict(zip(op.inputs, arrays, strict=True))
    sizes = op.bind(**named, **options).sizes
    independent = op.independent
    if any(options.get(name) != value for name, value in op.independent_options.items()):
        independent = ()
    kept = _choose(op, sizes, independent, dtype, np.random.default_rng([seed, 13]))
    part = [_slice(array, op.inputs[name].axes, kept) for name, array in named.items()]
    part_sizes = {axis: len(kept[axis]) if axis in kept else n for axis, n in sizes.items()}
    expected = truth(op, part, options, dtype, part_sizes)
    limit = (op.tied_limit if tied else op.limit)(max(float(op.terms(sizes)), 1.0))
    return Question(op, tuple(arrays), options, sizes, dtype, expected, limit, kept)


class Answer(NamedTuple):
    """Of a kernel's output, what is judged: a broken contract, or the slice that is kept."""

    problem: str
    parts: tuple[Array, ...]


def answer(question: Question, result: Any) -> Answer:
    """Check the form of a whole output and keep the slice: all outputs of a cell are large."""
    op = question.operation
    if problem := contract.form(op, result, question.dtype, question.sizes):
        return Answer(problem, ())
    outputs = zip(as_tuple(op, result), op.outputs.values(), strict=True)
    return Answer("", tuple(_slice(output, axes, question.kept) for output, axes in outputs))


def judge_answer(question: Question, given: Answer) -> tuple[float, str]:
    """Error in units of rounding of a kernel's output, and why it is wrong; empty if right."""
    if given.problem:
        return np.inf, given.problem
    found = error(given.parts, question.expected)
    if found.units <= question.limit:
        return found.units, ""
    kind = "not equal where every sum is exact" if question.exact else "wrong"
    rows = question.sizes.get(question.operation.leading or "")
    at = "" if rows is None else f" ({question.operation.leading} {rows:,})"
    said = describe(question.operation, given.parts, question.expected, found, question.limit)
    return found.units, f"{kind} at the timed size: {said}{at}"


def judge_output(question: Question, result: Any) -> tuple[float, str]:
    """`judge_answer` of the `answer` that an output gives."""
    return judge_answer(question, answer(question, result))


def _choose(
    op: Operation,
    sizes: Mapping[str, int],
    independent: Sequence[str],
    dtype: np.dtype[Any],
    rng: np.random.Generator,
) -> dict[str, Array]:
    # the scale of a whole network costs about as much as three references
    cost = op.flops(sizes) * 3
    shrink = _AFFORDABLE_FLOPS[dtype.name] / max(cost, 1.0)
    if shrink >= 1 or not independent:
        return {}
    kept = {}
    share = shrink ** (1 / len(independent))
    for axis in independent:
        size = sizes[axis]
        count = min(size, max(2, int(size * share)))
        inner = rng.choice(max(size - 2, 0), max(count - 2, 0), replace=False) + 1
        kept[axis] = np.unique(np.concatenate([[0, size - 1], inner]).astype(np.intp))
    return kept


def _slice(array: Array, axes: str, kept: Mapping[str, Array]) -> Array:
    for number, axis in enumerate(axes.split()):
        if axis in kept:
            array = np.take(array, kept[axis], axis=number)
    return array
