"""A graph of blocks: one task a block, partial sums added in a tree that follows from the chunks.

Blocks are numbered along every axis that an output has, and along those that are summed and cut.
Of an output without such an axis the blocks' results are added, `FAN_IN` neighbours at a time: the
same chunks give the same sums in the same order, on however many workers.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import dask.array as da
import numpy as np
from dask.base import tokenize
from dask.blockwise import blockwise
from dask.highlevelgraph import HighLevelGraph, MaterializedLayer
from dask.task_spec import Task, TaskRef

#: partial sums that one task adds
FAN_IN = 4
Axes = tuple[Hashable, ...]


class Sum(NamedTuple):
    """One addition of a tree."""

    key: Any
    #: keys of what is added, in order
    parts: list[Any]
    level: int
    last: bool


def tree(keys: list[Any], named: Callable[[int, int, bool], Any]) -> Iterator[Sum]:
    """Additions of `FAN_IN` neighbours at a time, level after level, until one is left.

    Args:
        keys: of what is added, one at least.
        named: ``named(level, number, last)`` is the key of an addition.
    """
    level, last = 0, False
    while not last:
        groups = [keys[n : n + FAN_IN] for n in range(0, len(keys), FAN_IN)]
        last = len(groups) == 1
        keys = [named(level, number, last) for number in range(len(groups))]
        for key, group in zip(keys, groups, strict=True):
            yield Sum(key, group, level, last)
        level += 1


class Output(NamedTuple):
    """One result: its axes, and how a sum of parts becomes it."""

    axes: Axes
    dtype: np.dtype[Any]
    #: what a sum of parts is divided by; None for a sum
    divisor: float | None = None


@dataclass(frozen=True)
class Ending:
    """What is left to do of a sum of parts: division, and the dtype of the result."""

    dtypes: tuple[str, ...]
    divisors: tuple[float | None, ...]

    def __call__(self, parts: Sequence[Any]) -> Any:
        """Of as many results as dtypes, each an array."""
        return [
            ended(part, np.dtype(dtype), divisor)
            for part, dtype, divisor in zip(parts, self.dtypes, self.divisors, strict=True)
        ]


def ended(part: Any, dtype: np.dtype[Any], divisor: float | None) -> Any:
    """A sum, divided where there is a divisor and rounded to its dtype."""
    with np.errstate(all="ignore"):
        if divisor is not None:
            part = np.divide(part, part.dtype.type(divisor))
        return np.asarray(part).astype(dtype, copy=False)


def added(ending: Ending | None, *parts: Any) -> Any:
    """The sum of blocks' results, one after the other; of several outputs, of each.

    bool is added as ``or``, integers modulo their range: as NumPy's einsum adds them on the whole.
    """
    several = isinstance(parts[0], tuple)
    groups = list(zip(*parts, strict=True)) if several else [parts]
    with np.errstate(all="ignore"):
        sums = [_sum(group) for group in groups]
    if ending is not None:
        sums = ending(sums)
    return tuple(sums) if several else sums[0]


def _sum(parts: Sequence[Any]) -> Any:
    if len(parts) == 1:
        return parts[0]
    total = np.asarray(np.add(parts[0], parts[1]))
    for part in parts[2:]:
        np.add(total, part, out=total)
    return total


def only(number: int | None, block: Any) -> Any:
    """What the blocks of axes that are not cut come as is a list of one in a list of one."""
    while isinstance(block, list):
        (block,) = block
    return block if number is None else block[number]


def blocked(
    label: str, work: Callable[..., Any], token: Any, operands: Sequence[Any],
    axes: Sequence[Axes], outputs: Sequence[Output], chunks: Mapping[Any, tuple[int, ...]],
) -> list[Any]:  # fmt: skip
    """Dask arrays of the outputs.

    Args:
        label: begins the names of tasks, as a dashboard shows them.
        work: what a task calls with the blocks of the operands, each an array or a list of one in
            a list of one; it gives an array, or a tuple of as many as outputs.
        token: what tells this work from other work.
        operands: dask arrays, cut alike along each axis.
        axes: of each operand.
        outputs: of each result; of one that is cut and lacks an axis that is cut, parts are added.
        chunks: of every axis.
    """
    kept = list(dict.fromkeys(axis for output in outputs for axis in output.axes))
    cut = [axis for axis, sizes in chunks.items() if len(sizes) > 1]
    coordinates = [*kept, *(axis for axis in cut if axis not in kept)]
    name = f"{label}-{tokenize(token, [a.name for a in operands], list(map(str, coordinates)))}"
    number = {axis: n for n, axis in enumerate(chunks)}
    pairs = [
        part
        for array, each in zip(operands, axes, strict=True)
        for part in (array.name, tuple(number[axis] for axis in each))
    ]
    layer = blockwise(
        work, name, tuple(number[axis] for axis in coordinates), *pairs,
        numblocks={array.name: array.numblocks for array in operands},
    )  # fmt: skip
    graph = HighLevelGraph.from_collections(name, layer, dependencies=list(operands))
    made = _Made(label, name, graph, coordinates, chunks)
    single = len(outputs) == 1
    results: list[Any] = [None] * len(outputs)
    for axes_kept in dict.fromkeys(frozenset(o.axes) & frozenset(cut) for o in outputs):
        places = [
            n for n, o in enumerate(outputs) if frozenset(o.axes) & frozenset(cut) == axes_kept
        ]
        parts = [axis for axis in cut if axis not in axes_kept]
        if parts:
            made.add(outputs, places, parts, results, single=single)
            continue
        for place in places:
            results[place] = made.array(outputs[place], None if single else place)
    return results


@dataclass
class _Made:
    """The layer of blocks, and what becomes of it."""

    label: str
    name: str
    graph: HighLevelGraph
    coordinates: list[Any]
    chunks: Mapping[Any, tuple[int, ...]]

    def array(self, output: Output, place: int | None) -> Any:
        """Blocks side by side."""
        if place is None and list(output.axes) == self.coordinates:
            return self._array(self.graph, self.name, output)
        # of several outputs, or of one whose axes come in another order
        name = f"{self.label}-{self.name.rpartition('-')[2]}-{place or 0}"
        number = {axis: n for n, axis in enumerate(self.coordinates)}
        layer = blockwise(
            _Only(place), name, tuple(number[axis] for axis in output.axes),
            self.name, tuple(range(len(self.coordinates))),
            numblocks={self.name: tuple(len(self.chunks[axis]) for axis in self.coordinates)},
        )  # fmt: skip
        return self._array(self._with(name, layer, self.name), name, output)

    def add(
        self, outputs: Sequence[Output], places: Sequence[int], parts: Sequence[Any],
        results: list[Any], *, single: bool,
    ) -> None:  # fmt: skip
        """Blocks added along ``parts``: the outputs at these places, put into ``results``."""
        token = self.name.rpartition("-")[2]
        group = "" if single else f"-{'-'.join(map(str, places))}"
        name = f"{self.label}-sum-{token}{group}"
        kept = [axis for axis in self.coordinates if axis not in parts]
        ending = Ending(
            tuple(outputs[n].dtype.str for n in places), tuple(outputs[n].divisor for n in places)
        )
        if single:
            kept = list(outputs[0].axes)
        take = None if single or len(places) == len(outputs) else tuple(places)
        tasks: dict[Any, Any] = {}
        for place in product(*(range(len(self.chunks[axis])) for axis in kept)):
            at = dict(zip(kept, place, strict=True))
            keys = [
                (
                    self.name,
                    *({**at, **dict(zip(parts, part, strict=True))}[a] for a in self.coordinates),
                )
                for part in product(*(range(len(self.chunks[axis])) for axis in parts))
            ]
            _tree(tasks, name, place, keys, ending, take)
        graph = self._with(name, MaterializedLayer(tasks), self.name)
        if single:
            results[places[0]] = self._array(graph, name, outputs[0])
            return
        for order, n in enumerate(places):
            own, output = f"{name}-{n}", outputs[n]
            tasks = {}
            for place in product(*(range(len(self.chunks[axis])) for axis in output.axes)):
                at = dict(zip(output.axes, place, strict=True))
                key = (own, *place)
                tasks[key] = Task(key, only, order, TaskRef((name, *(at.get(a, 0) for a in kept))))
            results[n] = self._array(
                HighLevelGraph(
                    {**graph.layers, own: MaterializedLayer(tasks)},
                    {**graph.dependencies, own: {name}},
                ),
                own,
                output,
            )

    def _with(self, name: str, layer: Any, dependency: str) -> HighLevelGraph:
        return HighLevelGraph(
            {**self.graph.layers, name: layer},
            {**self.graph.dependencies, name: {dependency}},
        )

    def _array(self, graph: HighLevelGraph, name: str, output: Output) -> Any:
        meta = np.empty((0,) * len(output.axes), output.dtype)
        chunks = tuple(self.chunks[axis] for axis in output.axes)
        return da.Array(graph, name, chunks, meta=meta)


@dataclass(frozen=True)
class _Only:
    """`only`, of this output."""

    number: int | None

    def __call__(self, block: Any) -> Any:
        return only(self.number, block)


@dataclass(frozen=True)
class _Taken:
    """`added`, of these outputs of the blocks."""

    places: tuple[int, ...]

    def __call__(self, ending: Ending | None, *parts: Any) -> Any:
        return added(ending, *(tuple(part[n] for n in self.places) for part in parts))


def _tree(
    tasks: dict[Any, Any], name: str, place: tuple[int, ...], keys: list[Any], ending: Ending,
    take: tuple[int, ...] | None,
) -> None:  # fmt: skip
    """Tasks that add the blocks of one place of the result; the last one has its key."""

    def named(level: int, number: int, last: bool) -> Any:
        return (name, *place) if last else (f"{name}-{level}", *place, number)

    for each in tree(keys, named):
        function = added if take is None or each.level else _Taken(take)
        end = ending if each.last else None
        tasks[each.key] = Task(each.key, function, end, *map(TaskRef, each.parts))
