"""Inputs are compared after all first calls: who changes them is found, nobody else is blamed."""

from __future__ import annotations

import ctypes
import time
from typing import Any

import numpy as np
import pytest
from choose_support import Bench

from einbench.check.sized import timed_case
from einbench.check.unchanged import PrivateCopy
from einbench.choose.candidates import first_times
from einbench.measure.look import look
from einbench.problem import Problem


def spoil(inputs: Any) -> None:
    ctypes.memset(inputs.ctypes.data, 1, 4)


@pytest.fixture(params=["always", "once"])
def told(request: pytest.FixtureRequest) -> Any:
    """Kernels of which one changes its inputs, in each call or in the first at this size."""
    bench, calls = Bench(), []
    bench.kernel("first", 0.0)

    def spoils(inputs: Any) -> Any:
        outputs = 2 * inputs
        if len(inputs) == 100:
            calls.append(1)
            if request.param == "always" or len(calls) == 1:
                spoil(inputs)
        return outputs

    bench.kernel("spoils", 0.0, spoils)
    bench.kernel("last", 0.0)
    problem = Problem.of(bench.op, [np.random.default_rng(0).random((100, 3), np.float32)], {})
    return PrivateCopy(problem), list(bench.op), request.param


def test_first_times_are_of_those_that_are_not_to_blame(told) -> None:
    private, kernels, how = told
    found = first_times(private, kernels, time.perf_counter, lambda name: None)
    if how == "always":
        assert (list(found.times), found.odd) == (["first", "last"], ("spoils",))
    else:
        # it cannot be told, and the check of each is to say
        assert (list(found.times), found.odd) == ([], ("first", "spoils", "last"))
    assert not private.changed()


def test_a_look_rejects_who_changes_inputs_and_all_where_that_cannot_be_told(told) -> None:
    private, kernels, how = told
    found = look(private, kernels, timed_case(private.problem, 0), 0)
    if how == "always":
        assert {m: wrong.reason for m, wrong in found.items()} == {
            "spoils": "changes its input inputs at the timed size"
        }
    else:
        assert set(found) == {"first", "spoils", "last"}
        assert all(wrong.reason.startswith("inputs were changed") for wrong in found.values())
    assert not private.changed()
