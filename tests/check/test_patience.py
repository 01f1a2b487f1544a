"""Slow kernels are asked at fewer sizes, whichever axis is large."""

from __future__ import annotations

import numpy as np
import pytest

import einbench
from einbench.check import patience as module
from einbench.check.patience import Patience
from einbench.check.posed import Posed, pose_all
from einbench.check.probe import Probe

OP = einbench.expression("bij,bjk->bik")


def posed(rows: int, side: int, series: str = "values") -> Posed:
    drawn = OP.draw(rows, "float32", 0, i=side, j=side, k=side)
    (found,) = pose_all(OP, [Probe("at", "", drawn, {}, series=series)], np.dtype("float32"))
    return found


@pytest.fixture
def after(monkeypatch: pytest.MonkeyPatch):
    """The patience with a kernel whose first call, at 10 rows of 3 x 3, took so many seconds."""

    def call(took_s: float) -> Patience:
        clock = iter([0.0, took_s])
        monkeypatch.setattr(module.time, "process_time", lambda: next(clock))
        patience = Patience(series_s=0.01)
        with patience.spent(posed(10, 3)):
            pass
        return patience

    return call


@pytest.mark.parametrize(("rows", "side"), [(10, 3), (1, 3), (100, 3), (10, 30)])
def test_a_quick_kernel_is_asked_everything(after, rows, side):
    assert after(1e-6).allows(posed(rows, side))


@pytest.mark.parametrize(("rows", "side"), [(100, 3), (10, 30)])
def test_a_slow_one_is_not_asked_at_sizes_that_would_take_long(after, rows, side):
    patience = after(0.002)
    assert not patience.allows(posed(rows, side))
    assert patience.allows(posed(10, 3))
    assert patience.allows(posed(rows, side, series=""))


def test_one_that_has_taken_long_is_not_asked_the_rest_of_its_series(after):
    patience = after(0.02)
    assert not patience.allows(posed(1, 1))
    assert patience.allows(posed(1, 1, series="layouts"))
