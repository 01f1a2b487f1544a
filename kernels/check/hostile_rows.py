"""Hostile rows among the real ones of the timed inputs, each judged by its own truth.

Every hostile kind of every input that has rows, and every value that is not finite, lies in a row
of its own, one of them in the last row. Where rows do not depend on each other, those rows and the
ones beside them have a truth that takes no more than a few rows' time and memory.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.check.hostile import changes
from einbench.check.truth import Case, Truth, truth
from einbench.check.unchanged import PrivateCopy
from einbench.problem import Problem

Array = npt.NDArray[Any]

#: with fewer rows they would be nearly all hostile: small draws are that already
_LEAST_ROWS = 64
#: larger rows would be more than a few megabytes
_MOST_ELEMENTS = 1 << 18


@contextlib.contextmanager
def hostile_rows(private: PrivateCopy, seed: int) -> Iterator[Case | None]:
    """A case with hostile rows in the private copy, which are the caller's again after the block.

    None where rows depend on each other, or there are too few of them.
    """
    problem = private.problem
    rng = np.random.default_rng([seed, 31])
    changes = list(_changes(problem)) if _possible(problem) else []
    if not changes or problem.rows < max(_LEAST_ROWS, 4 * len(changes)):
        yield None
        return
    rows = _places(rng, problem.rows, len(changes))
    for row, (name, change) in zip(rows, changes, strict=True):
        of_input = private.rows(name)
        with np.errstate(all="ignore"):
            of_input[row : row + 1] = change(rng, of_input[row : row + 1].copy())
    for name in dict.fromkeys(name for name, _ in changes):
        private.note_replaced(name, [r for r, c in zip(rows, changes, strict=True) if c[0] == name])
    # the first and the last row are where most kernels that leave one out do
    near = np.clip([0, *(rows - 1), *rows, *(rows + 1)], 0, problem.rows - 1)
    beside = np.array(sorted(set(near.tolist())), np.intp)  # np.unique imports much
    try:
        yield Case(problem, _truth(problem, beside))
    finally:
        private.put_back()


def _possible(problem: Problem) -> bool:
    op = problem.operation
    meant = all(problem.options.get(n) == v for n, v in op.independent_options.items())
    if op.leading not in op.independent or not meant:
        return False
    row = {**problem.sizes, op.leading or "": 1}
    shapes = [*op.output_shapes(row).values(), *(i.shape(row) for i in op.inputs.values())]
    return all(int(np.prod(shape)) <= _MOST_ELEMENTS for shape in shapes)


def _changes(problem: Problem) -> Iterator[tuple[str, Callable[[np.random.Generator, Array], Any]]]:
    op = problem.operation
    for hostile, names in changes(op, problem.dtype):
        yield from ((name, hostile.change) for name in names if op.leading in op.inputs[name].names)
    for name, each in op.inputs.items():
        for value in each.nonfinite if op.leading in each.names else ():

            def placed(rng: np.random.Generator, row: Array, value: float = value) -> Array:
                row[(0, *(int(rng.integers(n)) for n in row.shape[1:]))] = value
                return row

            yield name, placed


def _places(rng: np.random.Generator, rows: int, count: int) -> npt.NDArray[np.intp]:
    """So many rows, no two beside each other, the last one among them, in random order."""
    step = rows // count
    found = rows - 1 - step * np.arange(count)
    # each anywhere in the first half of its own span
    found[1:] -= rng.integers(0, max(step // 2, 1), count - 1)
    return np.asarray(rng.permutation(found), np.intp)


def _truth(problem: Problem, kept: npt.NDArray[np.intp]) -> Truth:
    """Of these rows; where it is not finite only that is judged, and ties have the wider limit."""
    op = problem.operation
    assert op.leading is not None  # noqa: S101 - as `_possible` says
    found = truth(problem, kept={op.leading: kept})
    tied = truth(problem.some_rows(slice(0, 1)), tied=True)
    roundings = tuple(np.where(np.isfinite(r), r, np.inf) for r in found.roundings)
    return replace(found, roundings=roundings, limit=max(found.limit, tied.limit))
