"""A turn is the median of many groups, however long one of them was held up."""

from __future__ import annotations

import gc
import time

import numpy as np
import pytest

from einbench.contexts import AFTER_PAUSE
from einbench.measure import turns
from einbench.measure.turns import LocalTurn, Turn, turn_s


@pytest.fixture
def clock(monkeypatch):
    """A clock that only calls move."""
    now = [0.0]
    monkeypatch.setattr(turns.time, "perf_counter", lambda: now[0])
    return now


def test_one_group_that_was_held_up_is_no_median(clock):
    made = []

    def call():
        made.append(len(made))
        clock[0] += 0.02 if len(made) == 17 else 0.0001

    # the first group that is timed, which would alone have filled the turn
    assert turn_s(call, 2, warm=True) == pytest.approx(0.0001)
    assert len(made) > 50


def test_a_slow_call_is_made_once_and_another_untimed_only_where_warm(clock):
    made = []

    def call():
        made.append(1)
        clock[0] += 0.3

    assert turn_s(call, 1, warm=False) == pytest.approx(0.3)
    assert len(made) == 1
    turn_s(call, 1, warm=True)
    assert len(made) == 3


def test_the_collector_is_off_meanwhile_and_on_again(clock):
    seen = []

    def call():
        seen.append(gc.isenabled())
        clock[0] += 0.01

    before = gc.isenabled()
    gc.enable()
    try:
        turn_s(call, 1, warm=True)
        assert not any(seen)
        assert gc.isenabled()
    finally:
        if not before:
            gc.disable()


def test_a_local_turn_gives_what_its_call_gives_or_the_memory_it_writes_to():
    held = np.zeros(3)
    turn = LocalTurn(lambda: held[:2].fill(1), held)
    assert isinstance(turn, Turn)
    assert not isinstance(time.sleep, Turn)
    assert turn.result() is held
    # what it does not write is nothing that another call left there
    np.testing.assert_array_equal(held, [1, 1, np.nan])
    assert LocalTurn(lambda: 3).result() == 3


def test_a_call_in_a_context_follows_what_precedes_it_there(clock, monkeypatch):
    said = []
    monkeypatch.setitem(turns.PRECEDING, AFTER_PAUSE, lambda like_s: lambda: said.append(like_s))

    def call():
        said.append("call")
        clock[0] += 0.01

    assert turns.after_s(call, AFTER_PAUSE, 7e-4, warm=True) == pytest.approx(0.01)
    assert said == ["call", 7e-4, "call"]
    del said[:]
    assert LocalTurn(call).after(AFTER_PAUSE, 7e-4, warm=False) == pytest.approx(0.01)
    assert said == [7e-4, "call"]
