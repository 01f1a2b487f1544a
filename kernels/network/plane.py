"""S1's two-class problem: points in the plane that no line separates."""

from __future__ import annotations

from math import factorial

import numpy as np
import numpy.typing as npt

from einbench import draws
from einbench.names import check_dtype

Array = npt.NDArray[np.float64]

#: half turns that each arm makes around the origin
_HALF_TURNS = 1.5
#: radius where an arm begins and where it ends
_INNER, _OUTER = 0.5, 2.5
_NOISE = 0.1
#: an angle is halved so often, to where so many terms of its series are enough
_HALVED, _TERMS = 4, 8


def two_classes(
    count: int = 400, seed: int | None = 0, dtype: npt.DTypeLike = "float32"
) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.int64]]:
    """Two arms of a spiral, one a class, wound into each other.

    ::

        t uniform in [0, 1),  class k in {0, 1}
        radius = 0.5 + 2 t,   angle = 1.5 pi t + pi k
        point  = radius (cos angle, sin angle) + N(0, 0.1^2) in both directions

    Turning the plane by half a turn puts one arm onto the other, so that neither lies on a side of
    its own: the best line has 74 % of the points on their right sides. The arms are about 0.9
    apart, nine times the noise: a 2-10-10-2 network of ReLUs learns to separate them, 99.6 to
    100 % of points drawn anew after 20,000 steps of one random sample at rate 0.005.

    Args:
        count: of points, half of them (rounded up) of class 0, in random order.
        seed: of all that is random; None draws anew every time.
        dtype: of the points.

    Returns:
        Points (count, 2) and labels (count,), 0 or 1. S1's columns are ``points.T``.

    Raises:
        ValueError: fewer than two points.
    """
    wanted = check_dtype(dtype)
    if isinstance(count, bool) or not isinstance(count, int | np.integer):
        raise TypeError(f"count={count!r}; expected a whole number of points from 2")
    if count < 2:
        raise ValueError(f"count={count}; two classes take at least 2 points")
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count, dtype=np.int64) % 2)
    along = rng.random(count)
    radius = _INNER + (_OUTER - _INNER) * along
    arms = np.stack(_direction(np.pi * _HALF_TURNS * along), axis=1)
    arms *= (radius * (1 - 2 * labels))[:, None]
    noise = draws.normal(rng, arms.shape, np.dtype(np.float64), {})
    return (arms + _NOISE * noise).astype(wanted), labels


def _direction(angle: Array) -> tuple[Array, Array]:
    """cos(angle), sin(angle) for angles up to 2 pi, to the same bits everywhere, as `draws` are."""
    small = angle / 2**_HALVED
    square = small * small
    cos, sin = np.zeros_like(angle), np.zeros_like(angle)
    for term in reversed(range(_TERMS)):  # by Horner
        cos = (-1) ** term / factorial(2 * term) + cos * square
        sin = (-1) ** term / factorial(2 * term + 1) + sin * square
    sin = sin * small
    for _ in range(_HALVED):
        cos, sin = cos * cos - sin * sin, 2 * (cos * sin)
    return cos, sin
