"""Distributions that inputs are drawn from: draw(rng, shape, dtype, sizes) -> array.

One seed gives the same bits on every platform: a draw is made of random bits by additions,
products, quotients and square roots, which IEEE 754 rounds in one way, each by a call of NumPy's of
its own, so that no compiler makes one of two. There is no exponential, logarithm or power in it, as
in NumPy's own normal draws: their last bits differ between libraries of C.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
# a string, for evaluating it would import numpy.random, a fifth of NumPy's own time
Distribution: TypeAlias = (
    "Callable[[np.random.Generator, tuple[int, ...], np.dtype[Any], Mapping[str, int]], Array]"
)


#: as a power of two; of as many intervals of equal probability normal draws are made
_CELL_BITS = 12
#: where the outermost ends, whose probability beyond is 1 in 50,000
_END = 4.25
#: numbers that are made at a time, so that what is between stays in cache
_BLOCK = 2**14


def normal(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    sizes: Mapping[str, int],
) -> Array:
    """N(0, 1) from -4.25 to 4.25: uniform between neighbours of 4,097 quantiles."""
    knots, steps = _quantiles(dtype)
    wide = np.dtype(np.uint32 if dtype == np.float32 else np.uint64)
    rest = 8 * wide.itemsize - _CELL_BITS
    mask, unit = wide.type(2**rest - 1), dtype.type(2.0**-rest)
    drawn = np.empty(prod(shape), dtype)
    for begin in range(0, len(drawn), _BLOCK):
        out = drawn[begin : begin + _BLOCK]
        bits = rng.integers(0, 2 ** (8 * wide.itemsize), len(out), wide)
        cells = (bits >> wide.type(rest)).astype(np.intp)
        np.multiply(bits & mask, unit, out=out, casting="unsafe", dtype=dtype)
        out *= steps[cells]
        out += knots[cells]
    return drawn.reshape(shape)


@cache
def _quantiles(dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Where each interval begins, and its width.

    With density g at x, dx/dp = 1/g and dg/dp = -x: no exponential is needed.
    """
    x, g, h = 0.0, 0.3989422804014327, 2.0**-_CELL_BITS
    half = [x]
    for _ in range(2 ** (_CELL_BITS - 1) - 1):  # by Runge and Kutta
        x1, g1 = 1 / g, -x
        x2, g2 = 1 / (g + h / 2 * g1), -(x + h / 2 * x1)
        x3, g3 = 1 / (g + h / 2 * g2), -(x + h / 2 * x2)
        x4, g4 = 1 / (g + h * g3), -(x + h * x3)
        x += h / 6 * (x1 + 2 * x2 + 2 * x3 + x4)
        g += h / 6 * (g1 + 2 * g2 + 2 * g3 + g4)
        half.append(x)
    knots = np.array([-_END, *(-x for x in half[:0:-1]), *half, _END], dtype)
    return knots[:-1], knots[1:] - knots[:-1]


def uniform(
    rng: np.random.Generator, low: float, high: float, shape: tuple[int, ...] = ()
) -> Array:
    """Float64 in [low, high): `Generator.uniform` is one multiplication and addition on some."""
    return np.asarray(low + (high - low) * rng.random(shape))


def over_octaves(rng: np.random.Generator, low: int, high: int, shape: tuple[int, ...]) -> Array:
    """Float64 in [2^low, 2^high), every octave as often as another."""
    return np.ldexp(1 + rng.random(shape), rng.integers(low, high, shape, np.intc))


def weights(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    sizes: Mapping[str, int],
) -> Array:
    """N(0, 2 / fan_in): a matrix (out, in) that keeps the variance through a ReLU."""
    scale = dtype.type(np.sqrt(2 / shape[-1]))
    return np.asarray(normal(rng, shape, dtype, sizes) * scale)


def small(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    sizes: Mapping[str, int],
) -> Array:
    """N(0, 1/100): biases that are not zero, so that a forgotten one shows."""
    return np.asarray(normal(rng, shape, dtype, sizes) * dtype.type(0.1))


def probabilities(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    sizes: Mapping[str, int],
) -> Array:
    """Rows that sum to one: z of N(0, 1) through (1 + z/8)^8, which is near to its exponential."""
    powers = 1 + normal(rng, shape, np.dtype(np.float64), sizes) / 8
    for _ in range(3):
        powers *= powers
    # whole numbers have one sum, in whatever order they are added
    parts = np.rint(powers * 2.0**20)
    return np.asarray(parts / parts.sum(axis=-1, keepdims=True), dtype)


def like_tanh(z: Array) -> Array:
    """z / sqrt(1 + z^2): of z from N(0, 1), about as far in (-1, 1) as tanh is."""
    return np.asarray(z / np.sqrt(1 + z * z))


def like_sigmoid(z: Array) -> Array:
    """The same in (0, 1)."""
    return np.asarray((1 + like_tanh(z)) / 2)


def below(axis: str) -> Distribution:
    """Whole numbers in [0, size of the axis), int64 whatever the floating dtype."""

    def draw(
        rng: np.random.Generator,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        sizes: Mapping[str, int],
    ) -> Array:
        return rng.integers(0, sizes[axis], shape)

    return draw


def integers(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    bound: int,
) -> Array:
    """Whole numbers in [-bound, bound]."""
    kind = np.int8 if bound < 128 else np.int64
    return rng.integers(-bound, bound + 1, shape, dtype=kind).astype(dtype)


def exact_bound(dtype: np.dtype[Any], terms: float) -> int:
    """Largest magnitude of integer factors whose sums of ``terms`` products stay exact.

    float32 keeps whole numbers up to 2^24, float64 up to 2^53. Small factors find as many faults as
    large ones in float32; in float64 the products must go beyond 2^24, or a float32 in the
    middle would be exact as well.
    """
    if dtype == np.float32:
        return 3 if 9 * terms < 2**24 else 1
    return int(min(2**20, np.sqrt(2.0**52 / max(terms, 1))))
