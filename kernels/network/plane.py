"""S1's two-class problem: points in the plane that no line separates."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from einbench.names import check_dtype

#: half turns that each arm makes around the origin
_HALF_TURNS = 1.5
#: radius where an arm begins and where it ends
_INNER, _OUTER = 0.5, 2.5
_NOISE = 0.1


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
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(count, dtype=np.int64) % 2)
    along = generator.random(count)
    radius = _INNER + (_OUTER - _INNER) * along
    angle = np.pi * (_HALF_TURNS * along + labels)
    arms = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return (arms + generator.normal(0, _NOISE, arms.shape)).astype(wanted), labels
