"""The order of nested loops: which index is innermost, which are unrolled, which axes are fused.

The innermost index is one along which arrays are contiguous. Indices of a few values are unrolled
where they are at the end of an array, or where all others are in the result (`factored`), so that
their products stay in registers. Axes that lie behind each other in every array are one axis.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from einbench.einsum import factored
from einbench.einsum.shapes import Indices
from einbench.einsum.task import Task, by_memory, in_order

#: loops within each other that Python compiles
MOST_NESTED = 20
#: most products of all indices that are unrolled
_MOST_TERMS = 32
#: products below which unrolled code, compiled anew for every small size, is of no use
WORTH_UNROLLING = 4096
#: in place of that number: one code for all sizes, that of axes of so many elements
ANY_SIZES, _LONG = sys.maxsize, 64
#: an operand that is read so often is copied to the order of the loops
_READ_OFTEN = 8


@dataclass(frozen=True)
class Laid:
    """How an array is given to the loops: axes in this order, some of them fused."""

    #: the axes of the array, by number
    order: tuple[int, ...]
    #: after that, the shape with fused axes; None where none are
    shape: tuple[int, ...] | None
    #: index of each axis then
    indices: Indices
    #: whether it is in C order then
    contiguous: bool
    #: whether it is copied to C order
    copied: bool = False


@dataclass(frozen=True)
class Nest:
    """Loops over a task, outermost first."""

    operands: tuple[Laid, ...]
    out: Laid
    sizes: dict[int, int]
    #: free indices, then summed ones; the innermost is in neither
    free: Indices
    summed: Indices
    innermost: int | None
    unrolled: Indices
    #: how they are computed two operands at a time, on small axes in registers; empty: as loops
    steps: tuple[factored.Step, ...] = ()

    @property
    def depth(self) -> int:
        """Loops within each other."""
        return len(self.free) + len(self.summed) + (self.innermost is not None)

    @property
    def products(self) -> int:
        """How many products of two numbers there are."""
        looped = prod(n for i, n in self.sizes.items() if i not in self.unrolled)
        if self.steps:
            return looped * factored.products(self.steps, self.sizes)
        # what is in an innermost loop is made anew in every round
        return prod(self.sizes.values()) * max(1, len(self.operands) - 1)

    @property
    def vector(self) -> float:
        """How fast the innermost loop is: short ones end before they begin, and those in which
        all that is summed is unrolled keep every sum in a register.
        """
        if self.innermost is None:
            return 1.0
        whole = min(1.0, self.sizes[self.innermost] / 32)
        sums = self.summed or self.innermost not in self.out.indices
        return whole if sums else 2.5 * whole

    @property
    def adds_rows(self) -> bool:
        """Whether the innermost index is one of the result, whose rows are added up in memory."""
        return self.innermost in self.out.indices and bool(self.summed)


@functools.lru_cache(maxsize=1024)
def nest(task: Task, unroll_from: int = WORTH_UNROLLING) -> Nest:
    """The loops for a task; small axes are unrolled where there are so many products.

    With `ANY_SIZES` the loops are those of long axes and operands in C order, whatever there is
    here: others are copied.
    """
    sizes = dict(enumerate(task.contraction.sizes))
    numbers = (*range(len(task.strides)), -1)
    steps = {number: task.of(number) for number in numbers}
    copied: set[int] = set()
    if unroll_from == ANY_SIZES:
        for number in numbers[:-1]:
            in_c = in_order(task.contraction.shape(_indices(task, number)), task.dtype.itemsize)
            if task.strides[number] != in_c:
                copied.add(number)
                steps[number] = dict(zip(_indices(task, number), in_c, strict=True))
    memory = {number: list(by_memory(steps[number])) for number in numbers}
    fused = dict(_fuse(memory, steps, sizes))
    shaped = dict(sizes)
    if unroll_from == ANY_SIZES:
        sizes = dict.fromkeys(sizes, _LONG)
    many = task.contraction.iterations >= unroll_from
    unrolled, apart = _unrolling(memory, sizes) if many else ((), ())
    looped = list(dict.fromkeys(i for each in memory.values() for i in each))
    looped = [i for i in looped if i not in unrolled]
    terms = prod(sizes[i] for i in unrolled)
    iterations = prod(sizes[i] for i in looped) * terms

    def often(number: int) -> bool:
        # what is taken apart is read once for each entry of the long axes
        own = prod(sizes[i] for i in memory[number] if i in unrolled)
        read = iterations // terms * own if apart else iterations
        return read >= _READ_OFTEN * prod(sizes[i] for i in memory[number])

    def cost(index: int) -> float:
        """Of loops with this index innermost: vectors of strided elements are expensive."""
        total = max(0.0, (16 - sizes[index]) / 16)
        for number in numbers:
            if index not in memory[number]:
                continue
            after = memory[number][memory[number].index(index) + 1 :]
            if after and not set(after) <= set(unrolled):
                total += 2.0 if number < 0 else (0.1 if often(number) else 1.0)
            elif after or abs(steps[number][index]) != task.dtype.itemsize:
                total += 0.5 if number < 0 else (0.1 if often(number) else 0.25)
        others = any(i not in memory[-1] and i != index for i in looped)
        return total + (0.15 if index in memory[-1] and others else 0.0)

    innermost = min(looped, key=cost) if looped else None
    free = tuple(i for i in memory[-1] if i in looped and i != innermost)
    summed = tuple(i for i in looped if i not in memory[-1] and i != innermost)
    where = {i: n for n, i in enumerate((*free, *summed, *unrolled, innermost))}
    laid = []
    for number in numbers:
        indices, place = memory[number], {i: n for n, i in enumerate(_indices(task, number))}
        strided = innermost in indices and indices[-1] != innermost and number >= 0
        turned = strided and often(number)
        if turned or number in copied:
            if turned:
                indices = sorted(indices, key=where.__getitem__)
            laid.append(_laid(indices, place, fused, shaped, contiguous=True, copied=True))
        else:
            packed = _packed(indices, steps[number], shaped, task.dtype.itemsize)
            laid.append(_laid(indices, place, fused, shaped, contiguous=packed, copied=False))
    return Nest(tuple(laid[:-1]), laid[-1], sizes, free, summed, innermost, unrolled, apart)


def _indices(task: Task, number: int) -> Indices:
    return task.contraction.output if number < 0 else task.contraction.inputs[number]


def _fuse(
    memory: dict[int, list[int]], steps: dict[int, dict[int, int]], sizes: dict[int, int]
) -> Iterator[tuple[int, list[int]]]:
    """Make one index of two that follow each other in every array; which ones each is made of."""
    made: dict[int, list[int]] = {}
    found = True
    while found:
        found = False
        pairs = {pair for each in memory.values() for pair in itertools.pairwise(each)}
        for first, second in sorted(pairs):
            if all(_fits(each, steps[n], sizes, first, second) for n, each in memory.items()):
                for number, each in memory.items():
                    if second in each:
                        each.remove(first)
                        del steps[number][first]
                sizes[second] *= sizes.pop(first)
                made[second] = [*made.pop(first, [first]), *made.pop(second, [second])]
                found = True
                break
    yield from made.items()


def _fits(
    each: list[int], steps: dict[int, int], sizes: dict[int, int], first: int, second: int
) -> bool:
    if (first in each) != (second in each):
        return False
    if first not in each:
        return True
    behind = each.index(second) == each.index(first) + 1
    return behind and steps[first] == steps[second] * sizes[second]


def _unrolling(
    memory: dict[int, list[int]], sizes: dict[int, int]
) -> tuple[Indices, tuple[factored.Step, ...]]:
    """Indices that are unrolled, and the steps of two operands each, where there are any."""
    arrays = [*memory.values()]
    if apart := factored.steps(arrays, sizes):
        return factored.small(arrays, sizes), apart
    return _unrolled(memory, sizes), ()


def _unrolled(memory: dict[int, list[int]], sizes: dict[int, int]) -> Indices:
    """Small indices at the end of an array."""
    found: list[int] = []
    terms = 1
    for each in memory.values():
        for index in reversed(each):
            if index in found:
                continue
            if sizes[index] > factored.FEW or terms * sizes[index] > _MOST_TERMS:
                break
            found.append(index)
            terms *= sizes[index]
    return tuple(found)


def _packed(indices: list[int], steps: dict[int, int], sizes: dict[int, int], item: int) -> bool:
    for index in reversed(indices):
        if steps[index] != item:
            return False
        item *= sizes[index]
    return True


def _laid(
    indices: list[int], place: dict[int, int], fused: dict[int, list[int]], sizes: dict[int, int],
    *, contiguous: bool, copied: bool,
) -> Laid:  # fmt: skip
    order = tuple(place[i] for index in indices for i in fused.get(index, [index]))
    shape = tuple(sizes[i] for i in indices) if len(order) > len(indices) else None
    return Laid(order, shape, tuple(indices), contiguous, copied)
