"""Distributions that inputs are drawn from: draw(rng, shape, dtype, sizes) -> array."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
# a string, for evaluating it would import numpy.random, a fifth of NumPy's own time
Distribution: TypeAlias = (
    "Callable[[np.random.Generator, tuple[int, ...], np.dtype[Any], Mapping[str, int]], Array]"
)


def normal(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    sizes: Mapping[str, int],
) -> Array:
    """N(0, 1)."""
    return np.asarray(rng.standard_normal(shape, dtype=dtype.type))


def weights(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    sizes: Mapping[str, int],
) -> Array:
    """N(0, 2 / fan_in): a matrix (out, in) that keeps the variance through a ReLU."""
    scale = dtype.type(np.sqrt(2 / shape[-1]))
    return np.asarray(rng.standard_normal(shape, dtype=dtype.type) * scale)


def small(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    sizes: Mapping[str, int],
) -> Array:
    """N(0, 1/100): biases that are not zero, so that a forgotten one shows."""
    return np.asarray(rng.standard_normal(shape, dtype=dtype.type) * dtype.type(0.1))


def probabilities(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    sizes: Mapping[str, int],
) -> Array:
    """Rows that sum to one: softmax of N(0, 1)."""
    powers = np.exp(rng.standard_normal(shape, dtype=dtype.type))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


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
