"""Filling the memory ahead: which cells, in which order, and none of them twice."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.choose import tune
from einbench.choose.environment import Threads, threads
from einbench.choose.signature import signature
from einbench.choose.usual import signature_of, usual, with_inputs
from einbench.choose.wisdom import wisdom

Start = Callable[..., Any]


def test_by_default_all_operations_at_batches_with_near_neighbours():
    cells = tune.plan()
    assert list(dict.fromkeys(c.operation.name for c in cells)) == list(einbench.operations)
    assert [c.batch for c in cells[:9]] == list(tune.BATCHES)
    assert all(b <= 4 * a for a, b in itertools.pairwise(tune.BATCHES))
    assert {c.dtype.name for c in cells} == {"float32"}


def test_an_operation_is_finished_before_the_next_and_small_batches_come_first():
    cells = tune.plan(["tanh", "relu", "tanh"], [16, 1, 16], ["float64", "float32"])
    assert [(c.operation.name, c.dtype.name, c.batch) for c in cells] == [
        (name, dtype, batch)
        for name in ("tanh", "relu")
        for dtype in ("float64", "float32")
        for batch in (1, 16)
    ]


def test_an_operation_without_batches_has_one_cell(start):
    vectors = {"inputs": {"inputs": "features"}, "outputs": {"outputs": "features"}}
    bench = start({**vectors, "independent": ("features",)}, loop=1e-3)
    (only,) = tune.plan([bench.op])
    assert only.batch is None
    assert str(only) == bench.op.name


@pytest.mark.parametrize("name", einbench.operations)
def test_a_signature_is_that_of_the_arrays_it_stands_for(name):
    op = einbench.operation(name)
    asked = usual(op, 3, np.dtype("float64"), {})
    arrays = with_inputs(asked).arrays
    assert signature_of(asked, threads()) == signature(op, op.bind(**arrays), threads())
    assert not any(array.flags.writeable for array in arrays.values())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"names": ["rellu"]}, "did you mean relu"),
        ({"batches": [-1]}, "batch=-1 is no size"),
        ({"batches": []}, "no batch was given"),
        ({"names": ["linear"], "batches": [60_001]}, "60,000 images"),
        ({"dtypes": ["float16"]}, "choose float32 or float64"),
        ({"names": ["relu"], "sizes": {"feature": 3}}, "did you mean features"),
        ({"sizes": {"features": 0}}, "features=0 is no size"),
    ],
)
def test_what_cannot_be_tuned_is_reported_before_anything_is_measured(wrong, message):
    with pytest.raises(ValueError, match=message):
        tune.plan(**wrong)


def test_what_is_remembered_is_not_measured_again(start: Start):
    bench = start(loop=2e-3, quick=1e-3)
    cells = tune.plan([bench.op], [1, 4])
    first = list(tune.tune(cells, clock=bench.clock))
    calls = len(bench.log)
    reported: list[tuple[float, str]] = []
    second = list(tune.tune(cells, clock=bench.clock, progress=lambda *done: reported.append(done)))
    assert [t.origin for t in first] == ["measured"] * 2
    assert [t.origin for t in second] == ["remembered"] * 2
    assert [t.decision.kernel.method for t in second] == ["quick"] * 2
    assert len(bench.log) == calls
    assert reported == [(1.0, "done")]


def test_every_cell_is_kept_before_the_next_is_begun_and_a_later_run_does_the_rest(start: Start):
    bench = start(loop=2e-3, quick=1e-3)
    cells = tune.plan([bench.op], [1, 4, 16])
    running = tune.tune(cells, clock=bench.clock)
    assert next(running).problem.batch == 1
    running.close()  # as an exception would
    assert [len(c.signature.sizes) for c in wisdom().book(bench.op.name).choices] == [2]
    later = list(tune.tune(cells, clock=bench.clock))
    assert [t.origin for t in later] == ["remembered", "measured", "measured"]


def test_a_size_between_remembered_ones_is_measured_all_the_same(start: Start):
    bench = start(loop=2e-3, quick=1e-3)
    list(tune.tune(tune.plan([bench.op], [1, 16]), clock=bench.clock))
    (middle,) = tune.tune(tune.plan([bench.op], [4]), clock=bench.clock)
    assert middle.origin == "measured"


def test_again_and_more_rigor_measure_anew(start: Start):
    bench = start(loop=2e-3, quick=1e-3)
    cells = tune.plan([bench.op], [4])
    for asked in ({}, {"again": True}, {"rigor": "patient"}):
        (tuned,) = tune.tune(cells, clock=bench.clock, **asked)
        assert tuned.origin == "measured"
    (tuned,) = tune.tune(cells, clock=bench.clock)
    assert tuned.origin == "remembered"


def test_threads_are_part_of_the_question(start: Start):
    bench = start(loop=2e-3)
    cells = tune.plan([bench.op], [4])
    (tuned,) = tune.tune(cells, threads=1, clock=bench.clock)
    assert tuned.decision.signature.threads == Threads(1, 1)


def test_a_cell_without_a_right_kernel_is_reported_and_the_rest_is_tuned(start: Start):
    wrong, right = start(), start(loop=1e-3)
    wrong.kernel("loop", 1e-3, lambda inputs: 3 * inputs)
    cells = tune.plan([wrong.op, right.op], [4])
    first, second = tune.tune(cells, clock=right.clock)
    assert (first.origin, second.origin) == ("failed", "measured")
    assert "no kernel is left to choose from" in first.reason


def test_progress_says_what_is_being_measured_and_never_goes_back(start: Start):
    bench = start(loop=2e-3)
    reported: list[tuple[float, str]] = []
    cells = tune.plan([bench.op], [1, 4])
    list(tune.tune(cells, clock=bench.clock, progress=lambda *done: reported.append(done)))
    assert [label for _, label in reported] == [
        f"{bench.op.name} batch 1 (1 of 2)", f"{bench.op.name} batch 4 (2 of 2)", "done",
    ]  # fmt: skip
    parts = [part for part, _ in reported]
    assert parts == sorted(parts)
    assert parts[-1] == 1.0


def test_no_other_rigor_is_one(start: Start):
    with pytest.raises(ValueError, match="no rigor 'estimate'; known: measure, patient"):
        next(tune.tune(tune.plan(["relu"]), "estimate"))
