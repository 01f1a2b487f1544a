"""Whether parts make the whole, as an operation states it: asked of its reference.

``independent``: a slice of the inputs gives that slice of the outputs. ``added``: outputs that have
the axis are put side by side, those without are added up. ``averaged``: under a mean, the same
divided by sizes of axes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

import numpy as np

from einbench.check.probe import small_sizes
from einbench.check.truth import Array, truth
from einbench.operation import Operation
from einbench.problem import Problem
from einbench.units import one_line

_ROWS = 7


def why_no_parts(op: Operation, seed: int = 0) -> str:
    """What an operation states of its axes that its reference does not do; empty where it does."""
    for axis, field, options, mean in _statements(op):
        asked = {name: choice for name, choice in options.items() if name in op.options}
        batch = None if op.leading is None else _ROWS
        sizes = small_sizes(op)
        if axis in sizes:
            sizes[axis] = max(sizes[axis], 3)
        problem = Problem.at(op, batch, "float32", sizes, {**asked, **mean}).draw(seed)
        whole = truth(problem)
        divisor = 1.0
        for choice in mean.values():
            divisor = float(prod(problem.sizes[each] for each in op.averaged[choice].split()))
        try:
            parts = [_part(problem, axis, cut, asked) for cut in _cuts(problem.sizes[axis])]
        except ValueError as raised:  # labels beyond the classes of a part, say
            return f"{op.name}: {field} has {axis}, and of a part {one_line(raised)}"
        for number, (name, axes) in enumerate(op.outputs.items()):
            if axis in axes.split():
                found = np.concatenate([p[number] for p in parts], axis=axes.split().index(axis))
            elif field == "added":
                found = np.sum([p[number] for p in parts], axis=0)
            else:
                return f"{op.name}: {field} has {axis}, and output {name} lacks that axis"
            apart = np.abs(found / divisor - whole.outputs[number])
            # what rounding could do to each part may add up
            if not (apart <= 2 * whole.limit * whole.roundings[number]).all():
                said = f" under {mean or asked}" if mean or asked else ""
                return (
                    f"{op.name}: {field} has {axis}{said}, and {name} of parts do not make {name} "
                    "of the whole, by its reference"
                )
    return ""


def _statements(
    op: Operation,
) -> Iterator[tuple[str, str, Mapping[str, str], Mapping[str, str]]]:
    """Axis, field, options under which it holds, and options of a mean of that."""
    for field, axes, options in (
        ("independent", op.independent, op.independent_options),
        ("added", op.added, op.added_options),
    ):
        for axis in axes:
            yield axis, field, options, {}
            for choice in op.averaged if options else ():
                yield axis, field, options, dict.fromkeys(options, choice)


def _cuts(size: int) -> list[slice]:
    """Two neighbours of unequal length."""
    return [slice(0, size // 3), slice(size // 3, size)]


def _part(problem: Problem, axis: str, cut: slice, options: Mapping[str, str]) -> tuple[Array, ...]:
    op = problem.operation
    arrays = []
    for name, array in problem.arrays.items():
        names = op.inputs[name].names
        arrays.append(array[tuple(cut if each == axis else slice(None) for each in names) or ...])
    return truth(Problem.of(op, arrays, op.choose_options(dict(options)))).outputs
