from __future__ import annotations

import numpy as np
import pytest

from einbench.network.plane import two_classes


def test_points_and_labels_of_both_classes_come_from_the_seed() -> None:
    points, labels = two_classes(101, seed=4)
    assert points.shape == (101, 2)
    assert points.dtype == np.float32
    assert np.bincount(labels).tolist() == [51, 50]
    again, same = two_classes(101, seed=4)
    assert (points == again).all()
    assert (labels == same).all()
    assert (two_classes(101, seed=5)[0] != points).any()


def test_no_line_separates_the_classes() -> None:
    points, labels = two_classes(20_000, dtype="float64")
    best = 0.0
    for angle in np.linspace(0, np.pi, 180, endpoint=False):
        order = np.argsort(points @ [np.cos(angle), np.sin(angle)])
        # how far the classes have drawn apart left of every place where the line could stand
        lead = np.cumsum(2 * labels[order] - 1)
        best = max(best, 0.5 + np.abs(lead).max() / len(points))
    assert 0.7 < best < 0.76


def test_the_classes_do_not_overlap() -> None:
    points, labels = two_classes(2000)
    first, second = points[labels == 0], points[labels == 1]
    apart = np.linalg.norm(first[:, None] - second[None], axis=2)
    assert apart.min() > 0.4


@pytest.mark.parametrize("count", [1, 0, -5])
def test_too_few_points_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"count={count}; two classes take at least 2"):
        two_classes(count)


def test_half_a_point_is_refused() -> None:
    with pytest.raises(TypeError, match="whole number of points"):
        two_classes(2.5)  # type: ignore[arg-type]
