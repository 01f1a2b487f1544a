"""Ratios over launches: what is beyond a threshold, and what noise must not do."""

from __future__ import annotations

import numpy as np
import pytest

from einbench.gate.estimate import Estimate, estimate, interval


def launches(ratios, base_s=1e-5, rounds=5):
    return [{"base_s": [base_s] * rounds, "head_s": [base_s * r] * rounds} for r in ratios]


def noisy(rng, factor, spread=0.1, count=7):
    return launches(factor * np.exp(rng.normal(0, spread, count)))


def test_the_ratio_is_the_median_over_launches_of_the_median_over_rounds():
    found = estimate(
        [
            {"base_s": [1.0, 1.0, 1.0], "head_s": [1.1, 9.0, 1.1]},
            {"base_s": [2.0, 2.0, 2.0], "head_s": [2.4, 2.4, 0.1]},
            {"base_s": [1.0, 1.0, 1.0], "head_s": [1.3, 1.3, 1.3]},
        ]
    )
    assert found.ratio == pytest.approx(1.2)
    assert found.low == pytest.approx(1.1)
    assert found.high == pytest.approx(1.3)
    assert found.launches == 3
    assert found.base_s == pytest.approx(1.0)
    assert found.head_s == pytest.approx(found.ratio * found.base_s)


def test_what_slows_both_sides_of_a_round_alike_leaves_no_trace():
    slow = np.array([1.0, 7.0, 1.0, 30.0, 2.0])
    found = estimate([{"base_s": slow, "head_s": 1.2 * slow}] * 7)
    assert found.ratio == pytest.approx(1.2)
    assert found.high - found.low < 1e-12


def test_one_launch_that_went_astray_does_not_move_the_ratio():
    assert estimate(launches([1.0] * 6 + [5.0])).ratio == pytest.approx(1.0)


def test_no_launch_is_an_error():
    with pytest.raises(ValueError, match="no launch"):
        estimate([])


def test_the_interval_holds_the_true_ratio_most_of_the_time():
    rng = np.random.default_rng(1)
    held = 0
    for seed in range(300):
        low, high = interval(np.exp(rng.normal(0, 0.1, 7)), seed)
        held += low <= 1 <= high
    assert held / 300 > 0.8
    assert held < 300  # and is no interval that holds everything


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("none", Estimate(1.3, 1.2, 1.4, 1e-5, 1.3e-5, 7)),
        ("ratio", Estimate(1.05, 1.04, 1.06, 1e-5, 1.05e-5, 7)),
        ("interval", Estimate(1.3, 1.05, 1.4, 1e-5, 1.3e-5, 7)),
        ("floor", Estimate(1.3, 1.2, 1.4, 1e-7, 1.3e-7, 7)),
    ],
)
def test_slower_needs_the_ratio_the_interval_and_the_floor(fault, found):
    assert found.slower(1.1, 2e-7) == (fault == "none")
    assert found.undecided(1.1, 2e-7) == (fault == "interval")


def test_faster_is_slower_the_other_way_round():
    assert Estimate(0.7, 0.65, 0.75, 1e-5, 0.7e-5, 7).faster(1.1, 2e-7)
    assert not Estimate(0.95, 0.9, 1.0, 1e-5, 0.95e-5, 7).faster(1.1, 2e-7)
    assert not Estimate(0.7, 0.65, 0.75, 1e-7, 0.7e-7, 7).faster(1.1, 2e-7)


def test_asked_twice_noise_of_ten_percent_is_no_regression_and_a_third_more_is_one():
    rng = np.random.default_rng(2)

    def regresses(factor):
        return all(estimate(noisy(rng, factor)).slower(1.1, 2e-7) for _ in range(2))

    assert sum(regresses(1.0) for _ in range(300)) == 0
    assert sum(regresses(1.5) for _ in range(100)) > 90
