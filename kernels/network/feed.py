"""Batches, step after step without end, in memory that is used again."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice, repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.host.memory import aligned

Array = npt.NDArray[Any]
ORDERS = ("shuffled", "given", "random")


def feed(
    inputs: Array, targets: Array, batch: int, order: str, rng: np.random.Generator, skip: int = 0
) -> Iterator[tuple[Array, Array]]:
    """Batches for as many steps as are requested; the last of a round may be short.

    ``shuffled`` goes through all samples in a new order each round, ``given`` in the order they
    lie in, ``random`` draws every batch with replacement. A batch is valid until the next. The
    first ``skip`` batches are left out, as if they had been given.
    """
    count = len(inputs)
    chosen = places(count, batch, order, rng, skip)
    if gathers(count, batch, order):
        yield from _gathered(inputs, targets, batch, chosen)
    else:
        for part in chosen:
            yield inputs[part], targets[part]


def gathers(count: int, batch: int, order: str) -> bool:
    """Whether the samples of a batch lie anywhere, and not one after the other."""
    # all at once are a sum in any order: there is nothing to shuffle
    return order == "random" or (order == "shuffled" and batch < count)


def places(
    count: int, batch: int, order: str, rng: np.random.Generator, skip: int = 0
) -> Iterator[Any]:
    """Which samples each batch of `feed` has: their numbers, or a slice where they are in turn."""
    if not gathers(count, batch, order):
        return _in_turn(count, batch, skip)
    drawn = _drawn if order == "random" else _shuffled
    return islice(drawn(count, batch, rng), skip, None)


def _in_turn(count: int, batch: int, skip: int) -> Iterator[slice]:
    for first in chain([skip * batch % (-(-count // batch) * batch)], repeat(0)):
        for start in range(first, count, batch):
            yield slice(start, min(start + batch, count))


def _drawn(count: int, batch: int, rng: np.random.Generator) -> Iterator[Array]:
    while True:
        yield rng.integers(0, count, batch)


def _shuffled(count: int, batch: int, rng: np.random.Generator) -> Iterator[Array]:
    order = np.arange(count)
    while True:
        rng.shuffle(order)
        for start in range(0, count, batch):
            yield order[start : start + batch]


def _gathered(
    inputs: Array, targets: Array, batch: int, every: Iterator[Array]
) -> Iterator[tuple[Array, Array]]:
    # of anything but C order, take would copy all samples for every batch
    inputs, targets = np.ascontiguousarray(inputs), np.ascontiguousarray(targets)
    some_inputs = aligned((batch, *inputs.shape[1:]), inputs.dtype)
    some_targets = aligned((batch, *targets.shape[1:]), targets.dtype)
    for chosen in every:
        size = len(chosen)
        # clip: the places are in range, and without it take would write to a copy first
        x = np.take(inputs, chosen, axis=0, out=some_inputs[:size], mode="clip")
        y = np.take(targets, chosen, axis=0, out=some_targets[:size], mode="clip")
        yield x, y
