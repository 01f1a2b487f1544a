"""An operation called with dask arrays: a graph of its blocks, and nothing computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from einbench.arguments import Bound, by_name, refuse_masks
from einbench.check.parts import why_no_parts
from einbench.choose import environment
from einbench.chunked import is_chunked
from einbench.cluster.block import Block
from einbench.cluster.frozen import always, freeze_operation
from einbench.cluster.graph import Output, blocked
from einbench.cluster.mapped import Mapped
from einbench.cluster.operands import aligned, refuse
from einbench.cluster.tiles import ROWS
from einbench.kernel import Kernel
from einbench.operation import Operation
from einbench.problem import Problem
from einbench.registry import is_shipped, operations

Array = npt.NDArray[Any]


def call(
    op: Operation, arrays: Sequence[Any], named: Mapping[str, Any], kernel: Kernel | None = None
) -> Any:
    """The result of an operation as dask arrays, computed block by block when it is asked for.

    Args:
        op: the operation.
        arrays: by position: dask arrays, and NumPy's beside them.
        named: arrays and options by name.
        kernel: that computes every block; None chooses one.

    Raises:
        TypeError: an argument is missing, unknown, of a wrong dtype, or has masked or sparse
            blocks.
        ValueError: shapes do not fit, sizes of chunks are unknown, or an axis is cut along which
            parts of the inputs give no parts of the result.
    """
    given, outputs, work = _work(op, arrays, named, kernel)
    sizes, chunks, way = given.bound.sizes, given.chunks, given.way
    token = (
        op.name, repr(environment.environment(op)), work.frozen.choices, work.options, work.dtype,
        work.scaled, work.divisors, way.divisor, [(axis, chunks[axis]) for axis in sizes],
    )  # fmt: skip
    results = blocked(
        op.name, work, token, given.operands, [each.names for each in op.inputs.values()],
        outputs, {axis: chunks[axis] for axis in sizes},
    )  # fmt: skip
    return results[0] if op.result_type is None else op.result_type(*results)


def frozen_call(name: str, *arrays: Any, **named: Any) -> Block:
    """What a task of such a call computes of its blocks, the kernel chosen."""
    return _work(operations[name], arrays, named, None)[2]


def _work(
    op: Operation, arrays: Sequence[Any], named: Mapping[str, Any], kernel: Kernel | None
) -> tuple[_Given, list[Output], Block]:
    _refuse_wrong_statement(op)
    given = _given(op, arrays, named)
    divisor = given.way.divisor
    outputs = [
        Output(tuple(axes.split()), op.output_dtype(name, given.dtype), divisor)
        for name, axes in op.outputs.items()
    ]
    cut = {axis for axis, parts in given.chunks.items() if len(parts) > 1}
    # sums of blocks are divided when they are complete
    here = tuple(None if cut - {*each.axes} else divisor for each in outputs)
    frozen = always(kernel.method) if kernel is not None else freeze_operation(given.problem())
    options = tuple(given.way.options.items())
    return given, outputs, Block(op, frozen, options, given.dtype.name, given.scaled, here)


@lru_cache(maxsize=256)
def _refuse_wrong_statement(op: Operation) -> None:
    """Raise where an operation of the user's own states of its axes what its reference does not.

    Raises:
        ValueError: as said. Tests ask those of the package.
    """
    if not is_shipped(op) and (why := why_no_parts(op)):
        raise ValueError(f"{why}; state it as it is, or leave the axis out")


def block_of(op: Operation, arrays: Sequence[Any], named: Mapping[str, Any]) -> Bound:
    """Random inputs of one block of such a call: what a kernel is chosen on."""
    drawn = _given(op, arrays, named).problem().draw(0)
    return Bound(drawn.given, dict(drawn.options), dict(drawn.sizes))


class _Way(NamedTuple):
    """How parts make the whole."""

    #: that blocks are computed with
    options: dict[str, str]
    #: what sums of parts, and parts side by side, are divided by
    divisor: float | None


class _Given(NamedTuple):
    """The arguments of a call, checked."""

    op: Operation
    #: dask arrays, cut alike
    operands: list[Any]
    #: on stand-ins of the same shapes
    bound: Bound
    chunks: Mapping[Any, tuple[int, ...]]
    dtype: np.dtype[Any]
    scaled: tuple[int, ...]
    way: _Way

    def problem(self) -> Problem:
        """One block, or one tile of it, without its inputs."""
        sizes = {axis: max(self.chunks[axis]) for axis in self.bound.sizes}
        if self.scaled and self.op.leading is not None:
            sizes[self.op.leading] = min(sizes[self.op.leading], ROWS)
        arrays = dict(zip(self.op.inputs, self.bound.arrays, strict=True))
        integers = tuple(arrays[name].dtype.name for name in self.op.integers)
        return Problem(self.op, sizes, self.dtype, self.way.options, "C" * len(arrays), integers)


def _given(op: Operation, arrays: Sequence[Any], named: Mapping[str, Any]) -> _Given:
    options = {name: value for name, value in named.items() if name in op.options}
    rest = {name: value for name, value in named.items() if name not in op.options}
    found = by_name(op, arrays, rest)
    for name, value in found.items():
        if is_chunked(value):
            refuse(value, f"{op.name}: {name}", name)
        else:
            refuse_masks(value, f"{op.name}: {name}")
            found[name] = value if isinstance(value, Mapped) else np.asarray(value)
    scaled = [
        name for name, value in found.items()
        if op.inputs[name].kind.images and value.dtype == np.uint8
    ]  # fmt: skip
    floating = [v.dtype for n, v in found.items() if n not in (*op.integers, *scaled)]
    dtype = floating[0] if floating else np.dtype(np.float32)
    stand_ins = {
        name: _stand_in(value.shape, dtype if name in scaled else value.dtype)
        for name, value in found.items()
    }
    bound = op.bind(**stand_ins, **options)
    axes = [each.names for each in op.inputs.values()]
    operands, chunks = aligned(list(found.values()), axes)
    cut = [axis for axis in bound.sizes if len(chunks[axis]) > 1]
    needed = [
        *cut,
        *([op.leading] if scaled and op.leading in {*op.independent, *op.added} else []),
    ]
    way = _way(op, bound, needed)
    if way is None:
        _refuse_cut(op, bound, cut, found)
    places = tuple(n for n, name in enumerate(op.inputs) if name in scaled)
    return _Given(op, operands, bound, chunks, dtype, places, way or _Way(bound.options, None))


def _stand_in(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """An array of that shape that takes no memory."""
    return np.broadcast_to(np.zeros((), dtype), shape)


def _way(op: Operation, bound: Bound, needed: Sequence[Any]) -> _Way | None:
    """How the operation is computed in parts along these axes; None where it cannot be."""
    options = bound.options
    if not needed:
        return _Way(options, None)
    divisor = None
    facts = {**op.independent_options, **op.added_options}
    for name, choice in facts.items():
        if options[name] != choice and options[name] in op.averaged:
            divisor = float(prod(bound.sizes[a] for a in op.averaged[options[name]].split()))
            options = {**options, name: choice}
    able: set[str] = set()
    if all(options[name] == choice for name, choice in op.independent_options.items()):
        able |= {*op.independent}
    if all(options[name] == choice for name, choice in op.added_options.items()):
        able |= {*op.added}
    return _Way(options, divisor) if able >= set(needed) else None


def _refuse_cut(op: Operation, bound: Bound, cut: Sequence[str], given: Mapping[str, Any]) -> None:
    """Raise for the first axis along which parts of the inputs give no parts of the result."""
    axis = next((a for a in cut if _way(op, bound, [a]) is None), None)
    if axis is None:
        return
    for name, value in given.items():
        names = op.inputs[name].names
        if axis in names and is_chunked(value) and len(value.chunks[names.index(axis)]) > 1:
            count = len(value.chunks[names.index(axis)])
            raise ValueError(
                f"{op.name}: {name} is cut along {axis} into {count} chunks, and their results are "
                f"no parts of the whole; make it one: {name}.rechunk({{{names.index(axis)}: -1}})"
            )
    raise ValueError(f"{op.name}: an input is cut along {axis}; make it one chunk with rechunk")
