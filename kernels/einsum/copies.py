"""A product after copies of its operands, where those make it faster than they take."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import prod

from einbench.einsum import rates
from einbench.einsum.jobs import VECTOR_BYTES, Job, Place, Step, alone, together
from einbench.einsum.shapes import Indices
from einbench.einsum.task import Refusal, in_order

#: how far a product is from the least cycles where copies of its operands are looked at, and how
#: often it must read each
_FAR, _OFTEN = 1.2, 8
#: cycles of reading a vector that another thread has written
_AWAY = 8.0


def product(
    step: Step, indices: Sequence[Indices], places: dict[int, Place], sizes: dict[int, int],
    item: int,
) -> tuple[list[Job], dict[int, int]]:  # fmt: skip
    """The jobs of one product, and the elements of copies by their numbers."""
    best = [alone(step, places, sizes, item)]
    shared: dict[int, int] = {}
    operands = [n for n in (step.a, step.b) if n is not None]
    output = indices[step.c]
    products = prod(sizes[i] for i in {*output, *(i for n in operands for i in indices[n])})
    elements = {n: prod(sizes[i] for i in indices[n]) for n in operands}
    least = products * item / VECTOR_BYTES / rates.threads()
    if best[0].cycles < _FAR * least or products < _OFTEN * max(elements.values()):
        return best, shared
    choices: list[list[tuple[int, int, Place, Job] | None]] = []
    for operand in operands:
        made: list[tuple[int, int, Place, Job] | None] = [None]
        for order in _orders(operand, step, indices, places, sizes):
            number = len(indices) + sum(map(len, choices)) + len(made)
            shape = tuple(sizes[i] for i in order)
            place = Place(dict(zip(order, in_order(shape, 1), strict=True)))
            copying = alone(Step(operand, None, number), {**places, number: place}, sizes, item)
            made.append((operand, number, place, copying))
        choices.append(made)
    for copies in itertools.product(*choices):
        taken = [each for each in copies if each is not None]
        before = [
            replace(job, cycles=job.cycles + away([elements[n]], item)) for n, _, _, job in taken
        ]
        if sum(job.cycles for job in before) >= sum(job.cycles for job in best):
            continue
        here, new = dict(places), step
        for operand, number, place, _ in taken:
            here[number] = place
            new = replace(new, a=number) if operand == step.a else replace(new, b=number)
        jobs = [*before, alone(new, here, sizes, item)]
        if sum(job.cycles for job in jobs) < sum(job.cycles for job in best):
            best = jobs
            shared = {number: elements[operand] for operand, number, *_ in taken}
    apart = _apart(step, indices, places, sizes, item)
    if apart is not None and apart.cycles < sum(job.cycles for job in best):
        return [apart], {}
    return best, shared


def away(elements: Iterable[int], item: int) -> float:
    """Cycles of reading so many that any thread has written, from the caches of their cores."""
    return _AWAY * sum(elements) * item / VECTOR_BYTES * (1 - 1 / rates.threads())


def _apart(
    step: Step, indices: Sequence[Indices], places: dict[int, Place], sizes: dict[int, int],
    item: int,
) -> Job | None:  # fmt: skip
    """The product made in pieces of their own, and copied from there to where the result lies.

    That is of use where what lies next to each other in the result are numbers of a stack of
    products, each of which would write to all of its lines.
    """
    output, number, to = indices[step.c], len(indices), places[step.c].strides
    if not output or step.b is None:
        return None
    last = min(output, key=lambda i: abs(to[i]))
    if not (last in indices[step.a] and last in indices[step.b]):
        return None
    steps = [replace(step, c=number), Step(number, None, step.c)]
    made: list[Job] = []
    for index in output:
        if index != last:
            with contextlib.suppress(Refusal):  # more loops than the machine takes
                made.append(together(steps, index, places, [*indices, output], sizes, item))
    return min(made, key=lambda each: each.cycles, default=None)


def _orders(
    operand: int, step: Step, indices: Sequence[Indices], places: dict[int, Place],
    sizes: dict[int, int],
) -> list[list[int]]:  # fmt: skip
    """Orders of a copy: what is summed last; for rows that are read as vectors, before those."""
    to = places[step.c].strides
    kept = sorted((i for i in to if i in indices[operand]), key=lambda i: -abs(to[i]))
    stack = [
        i for i in kept if i in indices[step.a] and step.b is not None and i in indices[step.b]
    ]
    own = [i for i in kept if i not in stack]
    summed = [i for i in indices[step.a] if i in indices[operand] and i not in to]
    if not own or min(to, key=lambda i: abs(to[i])) not in own:
        return [[*stack, *own, *summed]]
    widest = max(own, key=sizes.__getitem__)
    rest = [i for i in own if i != widest]
    return [[*stack, *summed, *own], *([[*stack, *rest, *summed, widest]] if rest else [])]
