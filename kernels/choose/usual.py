"""The problems that `tune` and ``einbench fastest`` time: the images' sizes by default."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from einbench.choose.environment import Threads
from einbench.choose.signature import Signature
from einbench.contexts import PROGRAM
from einbench.names import unknown
from einbench.operation import Operation
from einbench.problem import Problem

if TYPE_CHECKING:
    from einbench.measure.workload import Images

#: of everything that is drawn
_SEED = 0


def usual(
    op: Operation, batch: int | None, dtype: np.dtype[Any], sizes: Mapping[str, int]
) -> Problem:
    """An operation at these sizes, default options, C order; axes that it lacks do not count.

    Raises:
        ValueError: a size is no size, there are fewer images than rows are requested, or no memory
            for so many.
    """
    from einbench.measure.workload import (
        refuse_more_than_memory,
        refuse_too_large,
        shows_images,
        sizes_for,
    )

    images = _like_mnist()
    own = {axis: size for axis, size in sizes.items() if axis in op.sizes}
    problem = Problem.at(op, batch, dtype, sizes_for(op, images, own))
    if shows_images(problem, images):
        refuse_too_large(problem.rows, images)
    refuse_more_than_memory(problem)
    return problem


def with_inputs(problem: Problem) -> Problem:
    """Read-only inputs: MNIST pixels where the operation takes images, otherwise drawn."""
    from einbench.measure.workload import takes_images, workload

    images = _mnist() if takes_images(problem.operation) else _like_mnist()
    return workload(problem, images, _SEED)


def signature_of(problem: Problem, threads: Threads, context: str = PROGRAM) -> Signature:
    """Of calls with such inputs; none are made for it."""
    return Signature(
        sizes=tuple(problem.sizes.items()),
        options=tuple(problem.options.items()),
        dtype=problem.dtype.name,
        integers=" ".join(problem.integers),
        layout=problem.layout,
        threads=threads,
        context=context,
    )


def refuse_unknown_axes(ops: list[Operation], sizes: Mapping[str, int]) -> None:
    """Raise where none of these operations has an axis that a size is given for.

    Raises:
        ValueError: with the axes there are.
    """
    known = list(dict.fromkeys(axis for op in ops for axis in op.sizes))
    where = f" in {ops[0].name}" if len(ops) == 1 else " in any of these operations"
    for axis in sizes:
        if axis not in known:
            if axis in (op.leading for op in ops):
                raise ValueError(f"{axis} is the axis of rows; give its sizes as batches")
            raise ValueError(unknown("axis", axis, known, where))


@functools.cache
def _mnist() -> Images:
    from einbench.measure.workload import load_images

    return load_images(None)


@functools.cache
def _like_mnist() -> Images:
    """Its sizes without its pixels: reading those takes longer than memory does to answer."""
    from einbench.measure.workload import Images

    nothing = np.zeros((), np.uint8)
    pixels = np.broadcast_to(nothing, (60_000, 28 * 28))
    return Images(pixels, np.broadcast_to(nothing, 60_000), "MNIST")
