"""The settings of a training, checked before anything is touched."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from einbench.names import unknown
from einbench.network.feed import ORDERS


class Plan(NamedTuple):
    """How many steps of how many samples, in which order, and when to stop."""

    batch: int
    steps: int
    #: steps of an epoch of the history
    every: int
    order: str
    target: float | None
    on_interrupt: str
    #: whether a network has one output, and no accuracy
    single: bool


def plan(
    count: int,
    *,
    epochs: int | None,
    steps: int | None,
    batch: int | None,
    every: int | None,
    order: str,
    target: float | None,
    on_interrupt: str,
    outputs: int,
) -> Plan:
    """The steps that epochs of ``count`` samples mean, or those requested.

    Raises:
        ValueError: a number that is none, a batch larger than the data, epochs and steps
            together, or an unknown word.
    """
    if epochs is not None and steps is not None:
        raise ValueError(f"epochs={epochs!r} and steps={steps!r}: give one of them")
    size = count if batch is None else _whole_number("batch", batch)
    if size > count:
        raise ValueError(
            f"batch={size} is larger than the data, {count} samples; expected at most {count}, "
            "or batch=None for all of them"
        )
    if order not in ORDERS:
        raise ValueError(unknown("order", str(order), ORDERS))
    if on_interrupt not in ("raise", "return"):
        raise ValueError(f"on_interrupt={on_interrupt!r}: expected 'raise' or 'return'")
    if every is not None and steps is None:
        raise ValueError(
            f"every={every!r} is for training by steps: give steps= instead of epochs="
        )
    if target is not None:
        number = isinstance(target, int | float | np.number) and not isinstance(target, bool)
        if not number or not 0 < target <= 1:
            raise ValueError(f"target={target!r}: expected an accuracy above 0, at most 1")
        if outputs == 1:
            raise ValueError("target: a network of a single output has no accuracy")
    a_round = -(-count // size)
    if steps is None:
        total = a_round * (1 if epochs is None else _whole_number("epochs", epochs))
    else:
        total = _whole_number("steps", steps)
    length = a_round if every is None else _whole_number("every", every)
    return Plan(size, total, length, order, target, on_interrupt, outputs == 1)


def check_callbacks(optimizer: Any, on_step: Any, on_epoch: Any, seed: Any) -> None:
    """What is called while training must be callable, before anything is touched.

    Raises:
        TypeError: an optimizer, a callback or a seed is none.
        ValueError: a seed below 0.
    """
    if isinstance(optimizer, type) or not (
        hasattr(optimizer, "begin") and hasattr(optimizer, "rate")
    ):
        raise TypeError(f"optimizer={optimizer!r}: expected an optimizer, as SGD(0.1)")
    for name, callback in (("on_step", on_step), ("on_epoch", on_epoch)):
        if callback is not None and not callable(callback):
            raise TypeError(f"{name}={callback!r}: expected a function, or None")
    if seed is not None:
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
            raise TypeError(f"seed={seed!r}: expected a whole number from 0, or None")
        if seed < 0:
            raise ValueError(f"seed={seed!r}: expected a whole number from 0, or None")


def _whole_number(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name}={value!r}: expected a whole number from 1")
    return int(value)
