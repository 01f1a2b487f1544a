"""Operands on small axes, two at a time, for each entry of long ones: all that is in between stays
in registers.

``nij,njk,nlk->nil`` of 3 x 3 takes 81 products of three numbers for each n, or 27 and 27 of two;
as two passes over memory it would write 9 numbers more, and read them again. Of two operands as
well every number is loaded once: in ``ijn,jkn->ikn``, whose long axis is the innermost of memory,
loops over small axes around it would load each three times.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from einbench.einsum.shapes import Indices

#: largest size of an axis that is small, and most operands: of more there are many orders
FEW, _MOST_OPERANDS = 4, 5
#: most products for one entry of the others, and most numbers that are loaded: code of twice as
#: many takes LLVM more than twice as long, ten seconds for 512 numbers
_MOST_PRODUCTS, _MOST_LOADED = 128, 80
#: most numbers that all entries share: more than registers hold are loaded for each
_MOST_SHARED = 32


@dataclass(frozen=True)
class Step:
    """Two of what is held, operands first and then results of steps, and what they make."""

    first: int
    second: int
    #: small indices of the result, and those that are summed
    indices: Indices
    summed: Indices


def small(arrays: Sequence[Sequence[int]], sizes: Mapping[int, int]) -> Indices:
    """The small indices of all arrays, the result last; none where a longer one is summed."""
    names = dict.fromkeys(i for each in arrays for i in each)
    found = tuple(i for i in names if sizes[i] <= FEW)
    long = [i for i in names if i not in found]
    return found if long and all(i in arrays[-1] for i in long) else ()


def steps(arrays: Sequence[Sequence[int]], sizes: Mapping[int, int]) -> tuple[Step, ...]:
    """The steps of fewest products on small indices; none where that is of no use."""
    few = small(arrays, sizes)
    # where nothing is summed every entry is written once, and one array of many is best in order
    if all(i in arrays[-1] for i in few) or not 2 <= len(arrays) - 1 <= _MOST_OPERANDS:
        return ()
    loaded = {n: prod(sizes[i] for i in each if i in few) for n, each in enumerate(arrays[:-1])}
    shared = sum(size for n, size in loaded.items() if set(arrays[n]) <= set(few))
    if shared > _MOST_SHARED or not 0 < sum(loaded.values()) <= _MOST_LOADED:
        return ()
    *held, (_, out) = ((n, tuple(i for i in each if i in few)) for n, each in enumerate(arrays))
    count, found = _fewest(held, out, sizes, len(held))
    return found if count <= _MOST_PRODUCTS else ()


def products(steps: Sequence[Step], sizes: Mapping[int, int]) -> int:
    """How many products of two numbers they are."""
    return sum(prod(sizes[i] for i in (*each.indices, *each.summed)) for each in steps)


def _fewest(
    held: list[tuple[int, Indices]], out: Indices, sizes: Mapping[int, int], number: int
) -> tuple[int, tuple[Step, ...]]:
    """The products, and the steps, of what is held; the first result is given that number."""
    options = []
    for one, other in itertools.combinations(held, 2):
        rest = [each for each in held if each not in (one, other)]
        names = dict.fromkeys((*one[1], *other[1]))
        needed = {*out, *(i for _, each in rest for i in each)}
        kept = tuple(i for i in names if i in needed)
        step = Step(one[0], other[0], kept, tuple(i for i in names if i not in needed))
        after: tuple[Step, ...] = ()
        count = products([step], sizes)
        if rest:
            more, after = _fewest([*rest, (number, kept)], out, sizes, number + 1)
            count += more
        options.append((count, (step, *after)))
    return min(options, key=lambda option: option[0])
