"""Ratios are formed within rounds, and launches that differ widen their interval."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="module")
def ratio(room):
    return room("ratios").ratio


def test_drift_that_hits_both_leaves_the_ratio_alone(ratio):
    drift = np.linspace(1, 5, 20).reshape(2, 10)
    found = ratio(3 * drift, drift)
    assert (found.median, found.low, found.high) == pytest.approx((3, 3, 3))


def test_the_interval_holds_the_median_and_narrows_with_rounds(ratio):
    rng = np.random.default_rng(0)
    few, many = (
        ratio(np.exp(rng.normal(0, 0.2, (3, rounds))), np.ones((3, rounds))) for rounds in (5, 100)
    )
    assert few.low < few.median < few.high
    assert many.high - many.low < few.high - few.low


def test_launches_that_differ_are_not_averaged_away_by_their_rounds(ratio):
    launches = np.repeat([[1.0], [1.5], [2.0]], 100, axis=1)
    found = ratio(launches, np.ones_like(launches))
    assert (found.low, found.median, found.high) == (1, 1.5, 2)
