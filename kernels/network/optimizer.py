"""Stochastic gradient descent, with momentum or without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Steps(Protocol):
    """An optimizer's state in one training."""

    @property
    def plain_rate(self) -> float | None:
        """The rate, where a step is nothing but p - rate g; a kernel may then take it."""

    def step(
        self,
        parameters: Sequence[Array],
        gradients: Sequence[Array],
        factor: float,
        into: Sequence[Array],
        /,
    ) -> None:
        """New parameters ``into`` those arrays; the gradients' memory may be used up."""


class Optimizer(Protocol):
    """What fit needs of an optimizer."""

    @property
    def rate(self) -> float:
        """For messages."""

    def begin(self, parameters: Sequence[Array], /) -> Steps:
        """The state of one training."""


@dataclass
class SGD:
    """p <- p - rate g; with momentum v <- momentum v + g, p <- p - rate v."""

    rate: float
    momentum: float = 0.0

    def __post_init__(self) -> None:
        if not (_is_number(self.rate) and self.rate >= 0):
            raise ValueError(f"rate={self.rate!r}: expected a finite number from 0")
        if not (_is_number(self.momentum) and 0 <= self.momentum < 1):
            raise ValueError(f"momentum={self.momentum!r}: expected a number in [0, 1)")
        # a NumPy scalar of float64 would make float64 of float32 parameters
        self.rate, self.momentum = float(self.rate), float(self.momentum)

    def begin(self, parameters: Sequence[Array]) -> Descent:
        """The state of one training: velocities, all zero."""
        return Descent(self, [np.zeros_like(p) for p in parameters] if self.momentum else [])


@dataclass
class Descent:
    """One training's descent; ``sgd.rate`` may change on the way."""

    sgd: SGD
    velocities: list[Array]

    @property
    def plain_rate(self) -> float | None:
        """The rate as it is now; None with momentum."""
        return None if self.velocities else self.sgd.rate

    def step(
        self,
        parameters: Sequence[Array],
        gradients: Sequence[Array],
        factor: float = 1.0,
        into: Sequence[Array] | None = None,
    ) -> None:
        """One step along ``factor`` times the gradients, whose memory is used up.

        Written in place, or ``into`` other arrays, which leaves the old parameters as they were.
        """
        rate = self.sgd.rate
        if self.velocities:
            self._accelerate(gradients, factor)
        else:
            rate *= factor
        # the product goes where nothing is needed any more: written next to the result it is
        # still in the cache, and the gradients are only read
        products = gradients if into is None else into
        for p, v, product, target in zip(
            parameters, self.velocities or gradients, products, into or parameters, strict=True
        ):
            np.multiply(v, rate, out=product)
            np.subtract(p, product, out=target)

    def _accelerate(self, gradients: Sequence[Array], factor: float) -> None:
        """v <- momentum v + factor g"""
        for v, g in zip(self.velocities, gradients, strict=True):
            np.multiply(v, self.sgd.momentum, out=v)
            if factor != 1.0:
                np.multiply(g, factor, out=g)
            np.add(v, g, out=v)


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float | np.integer | np.floating)
        and not isinstance(value, bool)
        and isfinite(value)
    )
