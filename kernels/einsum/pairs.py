"""Three operands and more: in which order they are multiplied, two at a time.

An order is as good as the seconds its steps are expected to take, memory traffic among them, and
not only their multiplications: every step is computed by the kernel that is expected to be the
fastest for it.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from einbench.einsum import rates
from einbench.einsum.estimates import quickest
from einbench.einsum.shapes import Contraction, Indices
from einbench.einsum.task import Array, Refusal, Run, Task, in_order

#: up to so many operands every order is looked at, and of more the pairs of the first so many:
#: of all pairs of 150 it would take minutes
_MOST_EXACT, _MOST_GREEDY = 5, 10
#: orders of least expected time that are kept, the best first, by how a kernel of each is called
ORDERS = ("", "_second", "_third")


@dataclass(frozen=True)
class Pair:
    """One step: operands at these places are replaced by their product, the last of the list."""

    first: int
    second: int
    task: Task
    seconds: float


def steps_of(task: Task, rank: int = 0) -> tuple[Pair, ...]:
    """The order of least expected time, the second or the third; the last where there are fewer.

    Raises:
        Refusal: there are fewer than three operands.
    """
    orders = orders_of(task)
    return orders[min(rank, len(orders) - 1)]


@functools.lru_cache(maxsize=1024)
def orders_of(task: Task) -> tuple[tuple[Pair, ...], ...]:
    """The orders of least expected time, the best first; no two that make the same results.

    Raises:
        Refusal: there are fewer than three operands.
    """
    if len(task.strides) < 3:
        raise Refusal("fewer than three operands have no order")
    held = tuple(zip(task.contraction.inputs, task.strides, strict=True))
    if len(held) <= _MOST_EXACT:
        return _best(task, held)
    found: list[Pair] = []
    while len(held) > _MOST_EXACT:
        pairs = itertools.combinations(range(min(len(held), _MOST_GREEDY)), 2)
        step = min((_pair(task, held, *pair) for pair in pairs), key=_gain)
        found.append(step)
        held = _after(held, step)
    return tuple((*found, *order) for order in _best(task, held))


rates.on_change.append(orders_of.cache_clear)
Held = tuple[tuple[Indices, tuple[int, ...]], ...]


def _gain(step: Pair) -> float:
    """Seconds of a step, and those of reading its result again."""
    return step.seconds + step.task.contraction.iterations * 1e-12


def _best(task: Task, held: Held) -> tuple[tuple[Pair, ...], ...]:
    @functools.cache
    def best(held: Held) -> tuple[tuple[Pair, ...], ...]:
        if len(held) == 1:
            return ((),)
        options = []
        for pair in itertools.combinations(range(len(held)), 2):
            step = _pair(task, held, *pair)
            options += [(step, *rest) for rest in best(_after(held, step))]
        options.sort(key=seconds_of)
        # what is made before the last step tells two orders apart
        made: dict[Any, tuple[Pair, ...]] = {}
        for option in options:
            made.setdefault(frozenset(step.task for step in option[:-1]), option)
        return tuple(itertools.islice(made.values(), len(ORDERS)))

    return best(held)


def _pair(task: Task, held: Held, first: int, second: int) -> Pair:
    (left, left_strides), (right, right_strides) = held[first], held[second]
    others = [each for n, (each, _) in enumerate(held) if n not in (first, second)]
    last = not others
    needed = {*task.contraction.output, *(i for each in others for i in each)}
    if last:
        output, strides = task.contraction.output, task.out_strides
    else:
        both = [i for i in left if i in right and i in needed]
        mine = [i for i in left if i not in right and i in needed]
        theirs = [i for i in right if i not in left and i in needed]
        output = (*both, *mine, *theirs)
        strides = in_order(task.contraction.shape(output), task.dtype.itemsize)
    names = list(dict.fromkeys((*left, *right)))
    number = {name: n for n, name in enumerate(names)}
    inner = Contraction(
        (tuple(number[i] for i in left), tuple(number[i] for i in right)),
        tuple(number[i] for i in output),
        task.contraction.shape(tuple(names)),
    )
    step = Task(inner, task.dtype, (left_strides, right_strides), strides)
    return Pair(first, second, step, quickest(step)[1])


def _after(held: Held, step: Pair) -> Held:
    (left, _), (right, _) = held[step.first], held[step.second]
    names = list(dict.fromkeys((*left, *right)))
    made = tuple(names[i] for i in step.task.contraction.output)
    rest = tuple(each for n, each in enumerate(held) if n not in (step.first, step.second))
    return (*rest, (made, step.task.out_strides))


def path(task: Task, plan: Callable[[Task], Run], rank: int = 0) -> Run:
    """Operands multiplied two at a time in such an order, each step as ``plan`` computes it.

    Raises:
        Refusal: there are fewer than three.
    """
    steps = [
        (each.first, each.second, plan(each.task), each.task.contraction.out_shape)
        for each in steps_of(task, rank)
    ]
    dtype = task.dtype
    *before, (_, _, end, _) = steps

    def run(arrays: Sequence[Array], out: Array) -> None:
        held = list(arrays)
        for first, second, step, shape in before:
            made = np.empty(shape, dtype)
            # the second comes after the first, and neither is held beyond the step
            taken = (held.pop(second), held.pop(first))
            step(taken[::-1], made)
            del taken
            held.append(made)
        end(held, out)

    return run


def order_of(name: str) -> tuple[str, int]:
    """The kernel that a name stands for, and which order it takes: ``path_second`` the second."""
    rank = next((n for n, which in enumerate(ORDERS) if n and name.endswith(which)), 0)
    return name.removesuffix(ORDERS[rank]), rank


def seconds_of(steps: Iterable[Pair]) -> float:
    """Seconds that an order is expected to take."""
    return sum(step.seconds for step in steps)
