"""What a layer starts from: weights drawn to the layer's own fan-in.

    he       N(0, 2 / features)             keeps the standard deviation through ReLU
    xavier   N(0, 2 / (features + units))   a compromise between forward and backward
    normal   N(0, 1 / features)             keeps it without ReLU
    uniform  U[-1 / sqrt(features), 1 / sqrt(features)), biases alike

A function ``(rng, units, features) -> weights`` serves as well, and `normal` and `uniform` make
such functions of a fixed width. One seed gives the same bits on every platform (`einbench.draws`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench import draws
from einbench.host.memory import aligned
from einbench.names import normalise, unknown

Array = npt.NDArray[Any]
Initial = Callable[[np.random.Generator, int, int], Array]


@dataclass(frozen=True)
class Normal:
    """W ~ N(0, std^2); biases start at zero."""

    std: Callable[[int, int], float]

    def __call__(self, rng: np.random.Generator, units: int, features: int) -> Array:
        """Weights (units, features)."""
        drawn = draws.normal(rng, (units, features), np.dtype(np.float64), {})
        return np.asarray(drawn * self.std(units, features))


@dataclass(frozen=True)
class Uniform:
    """W ~ U[low, high), and the biases alike."""

    bounds: Callable[[int, int], tuple[float, float]]

    def __call__(self, rng: np.random.Generator, units: int, features: int) -> Array:
        """Weights (units, features)."""
        return draws.uniform(rng, *self.bounds(units, features), (units, features))

    def bias(self, rng: np.random.Generator, units: int, features: int) -> Array:
        """Biases (units,)."""
        return draws.uniform(rng, *self.bounds(units, features), (units,))


def normal(std: float) -> Normal:
    """W ~ N(0, std^2), whatever the size of the layer."""
    if not 0 <= std < np.inf:
        raise ValueError(f"std={std!r}: expected a standard deviation from 0 on")
    return Normal(partial(_whatever_size, std))


def uniform(low: float, high: float) -> Uniform:
    """W, bias ~ U[low, high), whatever the size of the layer."""
    if not -np.inf < low < high < np.inf:
        raise ValueError(f"low={low!r}, high={high!r}: expected low below high, both finite")
    return Uniform(partial(_whatever_size, (low, high)))


# functions with names, so that networks can be pickled into other processes
def _whatever_size(value: Any, units: int, features: int) -> Any:
    return value


def _he(units: int, features: int) -> float:
    return sqrt(2 / features)


def _xavier(units: int, features: int) -> float:
    return sqrt(2 / (features + units))


def _by_features(units: int, features: int) -> float:
    return sqrt(1 / features)


def _bounds(units: int, features: int) -> tuple[float, float]:
    return -1 / sqrt(features), 1 / sqrt(features)


INITIAL: dict[str, Initial] = {
    "he": Normal(_he),
    "xavier": Normal(_xavier),
    "normal": Normal(_by_features),
    "uniform": Uniform(_bounds),
}


def initialisation(initial: str | Initial) -> Initial:
    """The function behind a name; a function is its own.

    Raises:
        TypeError: neither a name nor a function.
        ValueError: no initialisation is called so.
    """
    if callable(initial):
        return initial
    if not isinstance(initial, str):
        names = ", ".join(INITIAL)
        raise TypeError(f"initial={initial!r}: expected one of {names}, or a function")
    name = normalise(initial)
    if name not in INITIAL:
        raise ValueError(unknown("initialisation", initial, INITIAL))
    return INITIAL[name]


def draw(
    initial: Initial, rng: np.random.Generator, units: int, features: int, dtype: np.dtype[Any]
) -> tuple[Array, Array]:
    """Weights (units, features) and bias (units,), new and in C order.

    Drawn in float64 and rounded, so that one seed gives one network in either dtype.

    Raises:
        ValueError: the function gave another shape, or something that is not finite.
    """
    drawn_bias = getattr(initial, "bias", None)
    drawn = np.asarray(initial(rng, units, features))
    if drawn.shape != (units, features):
        raise ValueError(
            f"initial gave weights of shape {drawn.shape}; expected {(units, features)}, a row "
            "for each unit"
        )
    weights, bias = aligned((units, features), dtype), aligned((units,), dtype)
    with np.errstate(over="ignore"):  # what becomes infinite is refused below
        weights[...] = drawn
    if not np.isfinite(weights).all():
        raise ValueError(f"initial gave weights that are not finite numbers in {dtype}")
    bias[...] = 0 if drawn_bias is None else drawn_bias(rng, units, features)
    return weights, bias
