"""Which loops of a step are a matrix product, a sum or a copy, by the least cycles expected.

A step is C = A B summed over what C lacks, or C = A; arrays are given by their strides, in
elements, along the indices that they have.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod

from einbench.einsum.machine import COPY, MOST_LOOPS, PRODUCT, SUMS, TOTALS
from einbench.einsum.task import Refusal
from einbench.einsum.terms import MOST_TERMS
from einbench.einsum.tile import FAR, square_side

Strides = Mapping[int, int]
Inner = tuple[int | None, int | None, int | None]
#: cycles of a call of a step's kernel, of an element that is gathered or scattered, and of one of
#: a square that is transposed in registers
_CALL, _ELEMENT, _TURNED = 40.0, 1.5, 0.6
#: cycles of a vector of a row that lies far from the next
_APART = 4.0


@dataclass(frozen=True)
class Roles:
    """A kind of step, its three indices (None: size 1), and loops around, outermost first."""

    kind: int
    inner: Inner
    loops: tuple[int, ...]
    #: whether A and B change places
    swapped: bool
    cycles: float


def merged(arrays: list[dict[int, int]], sizes: dict[int, int], kept: int | None = None) -> None:
    """Make one index of two that follow each other in every array that has them; not of one."""
    found = True
    while found:
        found = False
        for first, second in itertools.permutations(list(sizes), 2):
            if kept in (first, second):
                continue
            if all(
                (first in each) == (second in each)
                and (first not in each or each[first] == each[second] * sizes[second])
                for each in arrays
            ):
                for each in arrays:
                    each.pop(first, None)
                sizes[second] *= sizes.pop(first)
                found = True
                break


def best(a: Strides, b: Strides | None, c: Strides, sizes: Mapping[int, int], lanes: int) -> Roles:
    """The roles of least cycles.

    Raises:
        Refusal: there are more indices than the machine has loops for.
    """
    found = [*_all(a, b, c, sizes, lanes)]
    if not found:
        raise Refusal(f"a step loops over {len(sizes)} axes, more than the machine takes")
    return min(found, key=lambda each: each.cycles)


def _all(
    a: Strides, b: Strides | None, c: Strides, sizes: Mapping[int, int], lanes: int
) -> Iterator[Roles]:
    # an index that is not there has size 1
    kept: list[tuple[int | None, int | None]] = [*itertools.permutations(c, 2)]
    kept = kept or [(None, j) for j in _or_none(c)]
    summed = _or_none(i for i in a if i not in c)
    choices: list[tuple[int, Inner, tuple[Strides, Strides, Strides], bool]] = []
    if b is None:
        choices += [(COPY, (i, j, None), (a, a, c), False) for i, j in kept]
        if summed != [None]:
            pairs = itertools.product(kept, summed)
            choices += [(TOTALS, (i, j, p), (a, {}, c), False) for (i, j), p in pairs]
    else:
        for swapped, left, right in ((False, a, b), (True, b, a)):
            rows = _or_none(i for i in left if i not in right)
            columns = _or_none(i for i in right if i not in left)
            if rows != [None] or columns != [None]:
                for inner in itertools.product(rows, columns, summed):
                    choices.append((PRODUCT, inner, (left, right, c), swapped))
            for (i, j), p in itertools.product(kept, summed):
                choices.append((SUMS, (i, j, p), (left, right, c), swapped))
    for kind, inner, arrays, swapped in choices:
        if len(sizes) - sum(n is not None for n in inner) <= MOST_LOOPS:
            yield _made(kind, inner, arrays, sizes, lanes, swapped=swapped)


def _moving(lanes: int, rows: int, columns: int, *, turned: bool) -> float:
    """Cycles of an element that is moved to another order, in squares where rows become columns."""
    side = square_side(lanes, rows, columns) if turned else 1
    return _ELEMENT if side == 1 else _TURNED * (lanes / side) ** 0.5


def _or_none(indices: Iterable[int]) -> list[int | None]:
    return [*indices] or [None]


def _made(
    kind: int, inner: Inner,
    arrays: tuple[Strides, Strides, Strides], sizes: Mapping[int, int], lanes: int,
    *, swapped: bool,
) -> Roles:  # fmt: skip
    a, b, c = arrays
    # what is summed comes last: C stays where it is
    order = sorted(
        (i for i in sizes if i not in inner), key=lambda i: (i not in c, -abs(c.get(i, 0)))
    )
    i, j, p = (1 if n is None else sizes[n] for n in inner)
    row, column, step = inner
    calls = prod(sizes[n] for n in order)
    ones = [column is None or each.get(column, 0) == 1 for each in (a, b, c)]
    deep = step is None or (a.get(step, 0) == 1 and b.get(step, 0) in (0, 1))
    vectors = -(-j // lanes)
    if kind == PRODUCT:
        panels, halves = -(-j // (3 * lanes)), -(-2 * j // lanes) / 2
        blocks = [(i // 8, 8), *((1, height) for height in (4, 2, 1) if i & height)]
        cycles = 2.0 * i * vectors
        for count, height in blocks:
            # a block of few rows waits for its sums
            cycles += count * (p * max(4.0 * panels, height * halves) + 15 * panels)
        if p <= MOST_TERMS and ones[2]:
            cycles = 20 + 4.0 * i + i * vectors * (1 + max(2, p))
        if not ones[1]:
            turned = step is not None and b[step] == 1
            cycles += p * j * _moving(lanes, p, j, turned=turned)
        elif step is not None and b[step] >= FAR:
            cycles += p * vectors * _APART
        if not ones[2]:
            turned = row is not None and c[row] == 1
            cycles += i * j * (0.9 + _moving(lanes, i, j, turned=turned))
    elif kind == COPY:
        turned = row is not None and a.get(row, 0) == 1 and ones[2]
        each = 2 * vectors if ones[0] and ones[2] else j * _moving(lanes, i, j, turned=turned)
        cycles = i * (5 + each)
    elif column is not None and ones[0] and ones[2] and (ones[1] or b.get(column, 0) == 0):
        if p == 1:
            cycles = i * (10 + 3.0 * vectors)
        else:
            cycles = i * (5 + 5 * -(-vectors // 4) + p * max(4.0, 1.5 * vectors) + vectors)
    elif deep:
        # rows that are multiplied with the same one are read together
        together = column is not None and b.get(column, 0) == 0 and j >= 4
        cycles = i * j * ((8 if together else 20) + (1.0 if together else 1.5) * -(-p // lanes))
    else:
        cycles = i * j * (6 + 1.5 * p)
    return Roles(kind, inner, tuple(order), swapped, calls * (_CALL + cycles))
