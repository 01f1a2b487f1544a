"""A task as jobs of the machine: which steps are done together, on pieces of which index.

Steps whose results have the index that is divided are one job, and what one leaves to the next is
as large as a piece; the other steps come before, each a job of its own. The index may be one that
the last step sums: then every piece has a sum of its own, and they are added up afterwards, in the
same order whatever the number of threads.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import numpy.typing as npt

from einbench.einsum import copies, machine, pairs, rates, roles
from einbench.einsum.jobs import Job, Place, Step, alone, together
from einbench.einsum.shapes import Indices
from einbench.einsum.task import Refusal, Task, in_order

#: elements of a result that every piece may have a sum of its own of
_MOST_PARTS = 1 << 14
#: bytes of what is left to later jobs, at most
_MOST_BYTES = 1 << 33
#: seconds of a cycle and of a call, and bytes that threads together read or write a second
_CYCLE_S, _CALL_S, _BYTES = 3e-10, 1e-6, 1.5e11
#: times that are taken for equal, and how much longer all takes where pieces read what others made
_NEAR, _BETWEEN = 1.1, 1.5
#: the index of pieces that have sums of their own
_PART = -1


@dataclass(frozen=True)
class Program:
    """What the machine is given."""

    table: npt.NDArray[np.int64]
    #: addresses that are known: those of operands are not, and memory that all pieces share begins
    #: at 0; after them, elements of that memory, and arrays in it
    places: npt.NDArray[np.int64]
    jobs: int
    shared: int
    seconds: float


@dataclass(frozen=True)
class _Division:
    """Jobs where one index is divided, and the elements of arrays between them, by number."""

    jobs: list[Job]
    #: what all pieces of later jobs read
    between: dict[int, int]
    #: sums of the pieces' own, which are read once
    parts: dict[int, int]

    def cycles(self, item: int) -> float:
        own = sum(job.cycles for job in self.jobs)
        return own * (_BETWEEN if self.between else 1.0) + copies.away(self.parts.values(), item)


@functools.lru_cache(maxsize=1024)
def program(task: Task, rank: int = 0) -> Program:
    """The program of least expected time for the best order of pairs, or for a later one.

    Raises:
        Refusal: the machine does not compute such a task.
    """
    item = task.dtype.itemsize
    if task.dtype.kind != "f" or item not in (4, 8):
        raise Refusal("vectors hold floats of 4 or 8 bytes")
    if any(s % item for each in (*task.strides, task.out_strides) for s in each):
        raise Refusal("strides are not whole elements")
    sizes = dict(enumerate(task.contraction.sizes))
    count = len(task.strides)
    strides = [_elements(task.of(n), item) for n in (*range(count), -1)]
    if count <= 2:
        roles.merged(strides, sizes)
    places = {n: Place(each) for n, each in enumerate(strides)}
    indices: list[Indices] = [
        tuple(i for i in each if i in sizes)
        for each in (*task.contraction.inputs, task.contraction.output)
    ]
    steps = _steps(task, indices, rank)
    # results are written in the order of memory, if that takes no longer
    free = sorted(indices[count], key=lambda i: -abs(strides[count][i]))
    # of one product it is found out later which
    some = (*(free[:1] if count <= 2 else free), *_inner(indices[count], indices, steps, sizes))
    found = (_divided(steps, index, indices, places, sizes, item) for index in some)
    options = [each for each in found if each is not None]
    if not options:
        raise Refusal("there is no index to divide")
    cycles = [each.cycles(item) for each in options]
    near = (each <= _NEAR * min(cycles) for each in cycles)
    best = options[list(near).index(True)]
    moved = sum(prod(sizes[i] for i in indices[n]) for n in range(count + 1)) * item
    moving_s = moved / _BYTES * rates.pace("pass", task.dtype)
    return _program(best, count, item, moving_s, rates.pace("machine", task.dtype))


rates.on_change.append(program.cache_clear)


def _elements(steps: dict[int, int], item: int) -> dict[int, int]:
    return {i: s // item for i, s in steps.items()}


def _steps(task: Task, indices: list[Indices], rank: int) -> list[Step]:
    """Operands two at a time; the indices of what is made in between are appended."""
    count = len(task.strides)
    if count <= 2:
        return [Step(0, 1 if count == 2 else None, count)]
    held, steps = list(range(count)), []
    *before, last = pairs.steps_of(task, rank)
    for each in before:
        right, left = held.pop(each.second), held.pop(each.first)
        names = list(dict.fromkeys((*indices[left], *indices[right])))
        indices.append(tuple(names[i] for i in each.task.contraction.output))
        held.append(len(indices) - 1)
        steps.append(Step(left, right, held[-1]))
    return [*steps, Step(held[last.first], held[last.second], count)]


def _inner(
    output: Indices, indices: Sequence[Indices], steps: Sequence[Step], sizes: dict[int, int]
) -> Indices:
    """Indices that the last step sums, where pieces may have sums of their own."""
    if prod(sizes[i] for i in output) > _MOST_PARTS:
        return ()
    return tuple(i for i in indices[steps[-1].a] if i not in output)


def _divided(
    steps: Sequence[Step], index: int, indices: Sequence[Indices], places: dict[int, Place],
    sizes: dict[int, int], item: int,
) -> _Division | None:  # fmt: skip
    """Jobs where this index is divided; None where others are better whatever it is."""
    places = dict(places)
    summed = index not in indices[steps[-1].c]
    chunked = [s for s in steps if index in indices[s.c] or (summed and s is steps[-1])]
    jobs: list[Job] = []
    shared: dict[int, int] = {}
    for step in steps:
        if step in chunked:
            continue
        shape = tuple(sizes[i] for i in indices[step.c])
        places[step.c] = Place(dict(zip(indices[step.c], in_order(shape, 1), strict=True)))
        jobs.append(alone(step, places, sizes, item))
        shared[step.c] = prod(shape)
    last = steps[-1]
    if not summed:
        if len(steps) == 1:
            return _Division(*copies.product(last, indices, places, sizes, item), {})
        jobs.append(together(chunked, index, places, indices, sizes, item))
        return _Division(jobs, shared, {})
    # sums of their own lie behind each other; the result's number is given to what adds them up
    output, number = indices[last.c], len(indices)
    shape = tuple(sizes[i] for i in output)
    parts = dict(zip(output, in_order(shape, 1), strict=True))
    places[number] = Place(parts)
    main = together(
        [*chunked[:-1], replace(last, c=number)], index, places, [*indices, output], sizes, item,
        part=prod(shape),
    )  # fmt: skip
    pieces = -(-main.items // main.length)
    if pieces == 1:
        # nothing is divided: one step needs no parts, and several have a better index
        if len(chunked) > 1:
            return None
        return _Division([*jobs, alone(last, places, sizes, item)], shared, {})
    places[number] = Place({**parts, _PART: prod(shape)})
    adding = alone(Step(number, None, last.c), places, {**sizes, _PART: pieces}, item)
    return _Division([*jobs, main, adding], shared, {number: pieces * prod(shape)})


def _program(
    division: _Division, count: int, item: int, moving_s: float, pace: float
) -> Program:  # fmt: skip
    """The table of all jobs, with arrays numbered anew: those that all share come first."""
    jobs, shared = division.jobs, {**division.between, **division.parts}
    elements = 0
    number = {n: n for n in range(count + 1)}
    places = [0] * (count + 1)
    for each, size in shared.items():
        number[each] = len(places)
        places.append(elements * item)
        elements += -(-size // 16) * 16
    heads: list[int] = []
    rows: list[int] = []
    seconds = _CALL_S + moving_s
    for job in jobs:
        for each, offset in job.own.items():
            number[each] = len(places)
            places.append(-offset * item - 1)
        first = len(jobs) * machine.JOB_FIELDS + len(rows)
        heads += [job.items, job.length, job.scratch, len(job.steps), first]
        for kind, a, b, c, *rest in job.steps:
            rows += [kind, number[a], number[b], number[c], *rest]
        seconds += job.cycles * _CYCLE_S * pace
    if elements * item > _MOST_BYTES:
        raise Refusal(f"what its steps leave takes {elements * item:,} bytes")
    if len(places) > machine.SLOTS:
        raise Refusal("more operands than the machine has places for")
    places += [0] * (machine.SLOTS - len(places)) + [elements, len(shared)]
    return Program(np.array(heads + rows), np.array(places), len(jobs), elements, seconds)
