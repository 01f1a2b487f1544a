"""Steps of the machine on pieces of one index: how large a piece is, and what it leaves in between.

Cycles are those of a core with vectors of 64 bytes and one multiplication a cycle; they need only
be right about which is less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from einbench.einsum import machine, rates, roles
from einbench.einsum.shapes import Indices
from einbench.einsum.task import in_order

#: bytes of a vector
VECTOR_BYTES = 64
#: bytes that the steps of one piece leave to the next ones, at most
_SCRATCH_BYTES = 1 << 18
#: cycles below which one thread does all, and how many pieces more are divided into at least
_SERIAL, _PIECES = 30_000, (8, 4, 2)
#: of a result of so few elements every piece has sums of its own: pieces of so many cycles, up to
#: so many, which more threads share where there is more to do
_FEW_SUMS, _PART_CYCLES, _MOST_PARTS = 64, 100_000, 64
#: how much longer pieces take as the threads that have them are delayed, of the whole
_DELAY = 0.4
#: lengths of pieces are multiples of one of these, where they are so many times as long, and where
#: no thread has so many times as many items as it would have otherwise
_WHOLE, _TIMES, _UNEVEN = (48, 8, 1), 4, 1.03
#: cycles of beginning a job that threads share
_BEGIN = 7_000
#: cycles of reading a vector from memory that all cores share, where a core's own is smaller
_READ, _OWN_BYTES = 4.0, 1 << 18
#: cycles of writing an element of a line that another thread writes to, and of writing a row
#: that another thread goes on with
_SHARED_LINE, _BORDER = 8.0, 60.0
#: an index that no array has
_NONE = -2


@dataclass(frozen=True)
class Place:
    """An array of the machine: its strides in elements, and whether every piece has its own."""

    strides: dict[int, int]
    own: bool = False


@dataclass(frozen=True)
class Step:
    """C = A B, or C = A: numbers of arrays."""

    a: int
    b: int | None
    c: int


@dataclass(frozen=True)
class Job:
    """Steps on pieces of one index, as the machine's table has them."""

    cycles: float
    items: int
    length: int
    scratch: int
    steps: tuple[tuple[int, ...], ...]
    #: memory of the pieces' own: where in the scratch each array lies, by number
    own: dict[int, int]
    places: dict[int, Place]


def alone(step: Step, places: dict[int, Place], sizes: dict[int, int], item: int) -> Job:
    """A job of one step, of the index that is best divided."""
    numbers = [n for n in (step.a, step.b, step.c) if n is not None]
    strides = {n: dict(places[n].strides) for n in numbers}
    there = {i for each in strides.values() for i in each}
    sizes = {i: size for i, size in sizes.items() if i in there}
    roles.merged(list(strides.values()), sizes)
    places = {**places, **{n: Place(each) for n, each in strides.items()}}
    if not strides[step.c]:
        return together([step], _NONE, places, [], {**sizes, _NONE: 1}, item)
    found = [together([step], i, places, [], sizes, item) for i in strides[step.c]]
    return min(found, key=lambda each: each.cycles)


def together(
    steps: Sequence[Step], index: int, places: dict[int, Place], indices: Sequence[Indices],
    sizes: dict[int, int], item: int, part: int = 0,
) -> Job:  # fmt: skip
    """These steps on pieces of an index."""
    items = sizes[index]
    made = [step.c for step in steps[:-1]]
    each = sum(prod(sizes[i] for i in indices[n] if i != index) for n in made)
    length = max(1, min(items, _SCRATCH_BYTES // item // each)) if each else items
    job = _of_length(steps, index, length, places, indices, sizes, item, part)
    if job.cycles > _SERIAL:
        found: list[Job] = []
        # sums of pieces are rounded alike however many threads there are
        several = min(_MOST_PARTS, int(job.cycles / _PART_CYCLES)) if part <= _FEW_SUMS else 0
        choices = (max(_PIECES[0], several),) if part else _PIECES
        for pieces in dict.fromkeys(max(few, -(-items // length)) for few in choices):
            shorter = -(-items // pieces) if part else _evenly(items, pieces)
            shorter = min(shorter, length)
            one = _of_length(steps, index, shorter, places, indices, sizes, item, part)
            if shorter < items:
                # threads that are delayed leave more to others where pieces are short
                delay = 1 + _DELAY * (shorter / items - 1 / max(_PIECES))
                cycles = one.cycles * _most(items, shorter) / items * delay + _BEGIN
                one = replace(one, cycles=cycles)
            found.append(one)
        job = min(found, key=lambda each: each.cycles)
    return job


def _evenly(items: int, pieces: int) -> int:
    """Items of so many pieces: whole vectors of them, if that leaves no thread with many more."""
    shorter = -(-items // pieces)
    lengths = [-(-shorter // n) * n for n in _WHOLE if n == 1 or shorter >= _TIMES * n]
    least = min(_most(items, each) for each in lengths)
    return next(each for each in lengths if _most(items, each) <= _UNEVEN * least)


def _most(items: int, length: int) -> int:
    """Items that the thread with the most of them has."""
    pieces = -(-items // length)
    return min(items, -(-pieces // min(rates.threads(), pieces)) * length)


def _of_length(
    steps: Sequence[Step], index: int, length: int, places: dict[int, Place],
    indices: Sequence[Indices], sizes: dict[int, int], item: int, part: int,
) -> Job:  # fmt: skip
    places, lanes, items = dict(places), VECTOR_BYTES // item, sizes[index]
    here = {**sizes, index: length}
    own: dict[int, int] = {}
    scratch, cycles = 0, 0.0
    rows: list[tuple[int, ...]] = []
    for number, step in enumerate(steps):
        if number < len(steps) - 1:
            places[step.c] = _laid(step, steps[number + 1 :], index, places, indices, here, lanes)
            own[step.c] = scratch
            scratch += -(-prod(here[i] for i in indices[step.c]) // 16) * 16
        last = number == len(steps) - 1
        row, taken = _row(step, index, places, here, lanes, part if last else 0)
        rows.append(row)
        cycles += taken
        # what all pieces read comes from further away in each of them
        for n in {step.a, step.a if step.b is None else step.b}:
            elements = prod(here[i] for i in places[n].strides)
            if index not in places[n].strides and elements * item > _OWN_BYTES:
                cycles += elements * _READ / lanes
        # two threads that write to one line wait for each other
        stride = abs(places[step.c].strides.get(index, 0))
        if not places[step.c].own and stride > 0 and length < items:
            written = places[step.c].strides
            if stride * length < 4 * lanes:
                cycles += _SHARED_LINE * prod(here[i] for i in written)
            # lines that are fetched ahead at the end of a row are those of another piece
            cycles += _BORDER * prod(here[i] for i in written if abs(written[i]) > stride)
    whole = cycles * items / length
    return Job(whole, items, length, scratch, tuple(rows), own, places)


def _laid(
    step: Step, after: Sequence[Step], index: int, places: dict[int, Place],
    indices: Sequence[Indices], sizes: dict[int, int], lanes: int,
) -> Place:  # fmt: skip
    """How what a step makes lies in memory: the index that is divided first, the best one last."""
    inner = [i for i in indices[step.c] if i != index]
    user = next(each for each in after if step.c in (each.a, each.b))
    options: list[tuple[float, int, Place]] = []
    for final in inner or [index]:
        order = [*([index] if index in indices[step.c] and inner else [])]
        order += [*(i for i in inner if i != final), final]
        shape = tuple(sizes[i] for i in order)
        place = Place(dict(zip(order, in_order(shape, 1), strict=True)), own=True)
        known = {**places, step.c: place}
        cycles = _row(step, index, known, sizes, lanes, 0)[1]
        if all(n in known for n in (user.a, user.b, user.c)):
            cycles += _row(user, index, known, sizes, lanes, 0)[1]
        options.append((cycles, len(options), place))
    return min(options)[2]


def _row(
    step: Step, index: int, places: dict[int, Place], sizes: dict[int, int], lanes: int, part: int
) -> tuple[tuple[int, ...], float]:
    """A step as the table has it, and its cycles."""
    numbers = [step.a, step.a if step.b is None else step.b, step.c]
    strides = [dict(places[n].strides) for n in numbers]
    there = {i for each in strides for i in each}
    sizes = {i: size for i, size in sizes.items() if i in there}
    roles.merged(strides, sizes, index)
    a, b, c = strides
    found = roles.best(a, None if step.b is None else b, c, sizes, lanes)
    if found.swapped:
        numbers[0], numbers[1], a, b = numbers[1], numbers[0], b, a
    if found.kind == machine.TOTALS:
        b = {}
    i, j, p = found.inner
    where = [*found.inner, *found.loops]
    starts = [0 if places[n].own else places[n].strides.get(index, 0) for n in numbers]
    row = [
        found.kind, *numbers, 0, *(1 if n is None else sizes[n] for n in (i, j, p)),
        *(_stride(a, n) for n in (i, j, p)), *(_stride(b, n) for n in (i, j, p)),
        *(_stride(c, n) for n in (i, j)), *starts, part,
        where.index(index) if index in where else -1, len(found.loops),
    ]  # fmt: skip
    for n in found.loops:
        row += [sizes[n], *(_stride(each, n) for each in (a, b, c)), int(n not in c)]
    return tuple(row + [0] * (machine.STEP_FIELDS - len(row))), found.cycles


def _stride(strides: dict[int, int], index: int | None) -> int:
    return 0 if index is None else strides.get(index, 0)
