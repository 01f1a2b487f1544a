"""Sizes that were not measured, between sizes that were: decided on a fake clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from einbench.choose.environment import Threads
from einbench.choose.evidence import records
from einbench.choose.wisdom import wisdom
from einbench.verbs.fastest import Choice

Start = Callable[..., Any]


def test_between_sizes_that_agree_the_kernel_is_called_once_and_none_is_measured(
    start: Start,
) -> None:
    bench = start(loop=2e-3, quick=1e-3)
    bench.decide(4)
    bench.decide(64)
    calls = len(bench.log)
    for _ in range(2):
        decision = bench.decide(10)
        assert (decision.origin, decision.kernel.method) == ("interpolated", "quick")
    assert bench.log[calls:] == [("quick", 10)]


@pytest.mark.long
@pytest.mark.parametrize("rigor", ["measure", "estimate"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda outputs: outputs[-1:].fill(0),
        lambda outputs: outputs[:1].fill(0),
        lambda outputs: outputs.fill(0),
    ],
    ids=["last row", "first row", "everything"],
)
def test_a_kernel_that_is_wrong_just_between_two_sizes_is_never_served_there(
    spoil: Callable[[Any], Any], rigor: str, start: Start
) -> None:
    bench = start(loop=2e-3)

    def wrong_at_421(inputs: Any) -> Any:
        outputs = 2 * inputs
        if len(inputs) == 421:
            spoil(outputs)
        return outputs

    bench.kernel("quick", 1e-3, wrong_at_421)
    assert bench.decide(256).kernel.method == "quick"
    assert bench.decide(1024).kernel.method == "quick"
    assert bench.decide(422).origin == "interpolated"
    decision = bench.decide(421, rigor)
    assert decision.kernel.method == "loop"
    assert decision.origin == ("measured" if rigor == "measure" else "estimated")


def test_seconds_are_interpolated_in_log_size(start: Start) -> None:
    bench = start(loop=2e-3, quick=1e-3)
    bench.decide(4)
    bench.decide(64)
    decision = bench.decide(16)
    found = {r.kernel: r.predicted_s for r in records(decision)}
    assert found == pytest.approx({"loop": 32e-3, "quick": 16e-3})
    assert {r.median_s for r in records(decision)} == {None}
    assert "quick" in str(Choice(decision.kernel, decision))


def crossing(start: Start) -> Any:
    """``loop`` is faster up to batch 20, ``steady`` above."""
    return start(loop=1e-5, steady=lambda batch: 20e-5)


def test_between_near_sizes_that_disagree_the_interpolated_times_decide(start: Start) -> None:
    bench = crossing(start)
    assert bench.decide(10).kernel.method == "loop"
    assert bench.decide(40).kernel.method == "steady"
    for batch, method in ((15, "loop"), (19, "loop"), (21, "steady"), (30, "steady")):
        decision = bench.decide(batch)
        assert (decision.origin, decision.kernel.method) == ("interpolated", method)


def test_between_far_sizes_that_disagree_it_is_measured_where_no_kernel_leads(start: Start) -> None:
    bench = start(loop=1e-5, steady=lambda batch: 20e-5 + 4e-6 * batch)
    assert bench.decide(10).kernel.method == "loop"
    assert bench.decide(200).kernel.method == "steady"
    assert (bench.decide(40).origin, bench.decide(12).origin) == ("measured", "interpolated")


def test_what_ties_at_one_and_wins_at_the_other_is_agreed_on(start: Start) -> None:
    bench = start(loop=lambda b: 1e-3 if b < 10 else 9e-3, quick=lambda b: 1e-3)
    assert bench.decide(4).kernel.method == "loop"
    assert bench.decide(40).kernel.method == "quick"
    decision = bench.decide(20)
    assert (decision.origin, decision.kernel.method) == ("interpolated", "quick")


def test_a_disagreement_between_neighbours_is_not_stepped_over(start: Start) -> None:
    """The nearest of two axes agree; what lies between them does not."""
    bench = start(loop=1e-5, odd=lambda batch: 1e-6 if batch == 10 else 1e-3)
    for batch, features in ((5, 2), (10, 3), (20, 6)):
        bench.decide(batch, features=features)
    # (10, 3) is inside the box from (5, 2) to (20, 6), and neither below nor above this
    assert bench.decide(8, features=5).origin == "measured"


@pytest.mark.parametrize("batch", [2, 257, 1000])
def test_far_outside_of_what_is_known_it_is_measured(batch: int, start: Start) -> None:
    bench = start(loop=2e-3, quick=1e-3)
    bench.decide(10)
    bench.decide(64)
    assert bench.decide(batch).origin == "measured"


@pytest.mark.parametrize("batch", [3, 9, 65, 256])
def test_just_outside_the_kernel_of_the_two_nearest_is_looked_at_and_served(
    batch: int, start: Start
) -> None:
    bench = start(loop=2e-3, quick=1e-3)
    bench.decide(10)
    bench.decide(64)
    calls = len(bench.log)
    decision = bench.decide(batch)
    assert (decision.origin, decision.kernel.method) == ("interpolated", "quick")
    assert bench.log[calls:] == [("quick", batch)]
    predicted = {record.kernel: record.predicted_s for record in records(decision)}
    assert predicted == pytest.approx({"loop": 2e-3 * batch, "quick": 1e-3 * batch})


def test_no_further_outside_than_it_is_known_to_hold(start: Start) -> None:
    bench = start(loop=2e-3, quick=1e-3)
    bench.decide(32)
    bench.decide(64)
    assert bench.decide(128).origin == "interpolated"
    assert bench.decide(129).origin == "measured"


def test_just_outside_of_sizes_that_disagree_it_is_measured(start: Start) -> None:
    bench = start(loop=lambda b: 1e-5 * b if b < 30 else 9e-5 * b, quick=3e-5)
    assert bench.decide(10).kernel.method == "loop"
    assert bench.decide(64).kernel.method == "quick"
    assert bench.decide(70).origin == "measured"


def test_just_outside_along_another_axis_as_well_it_is_measured(start: Start) -> None:
    bench = start(loop=2e-3, quick=1e-3)
    bench.decide(10)
    bench.decide(64)
    assert bench.decide(65, features=4).origin == "measured"


def test_a_kernel_that_is_wrong_just_outside_is_never_served_there(start: Start) -> None:
    bench = start(loop=2e-3)
    bench.kernel("quick", 1e-3, lambda inputs: (2 + (len(inputs) == 143)) * inputs)
    bench.decide(10)
    bench.decide(64)
    decision = bench.decide(143)
    assert (decision.origin, decision.kernel.method) == ("measured", "loop")


@pytest.mark.parametrize(("upper", "origin"), [(256, "interpolated"), (257, "measured")])
def test_neighbours_too_far_apart_say_nothing(upper: int, origin: str, start: Start) -> None:
    bench = start(loop=2e-6, quick=1e-6)
    bench.decide(1)
    bench.decide(upper)
    assert bench.decide(16).origin == origin


@pytest.mark.parametrize(
    "other",
    [
        {"features": 4},
        {"dtype": "float64"},
        {"fortran": True},
        {"threads": Threads(2, 1)},
        {"threads": Threads(1, 2)},
    ],
    ids=lambda other: next(iter(other)),
)
def test_choices_of_another_kind_are_no_neighbours(other: dict[str, Any], start: Start) -> None:
    bench = start(loop=2e-3, quick=1e-3)
    bench.decide(4)
    bench.decide(64)
    assert bench.decide(16, **other).origin == "measured"


def test_options_are_no_axis(start: Start) -> None:
    bench = start({"options": {"mode": ("a", "b")}}, loop=2e-3, quick=1e-3)
    bench.decide(4)
    bench.decide(64)
    assert bench.decide(16, options={"mode": "b"}).origin == "measured"
    assert bench.decide(16, options={"mode": "a"}).origin == "interpolated"


def test_several_axes_are_interpolated_together(start: Start) -> None:
    bench = start(loop=2e-3, quick=1e-3)
    bench.decide(4, features=2)
    bench.decide(64, features=32)
    decision = bench.decide(16, features=8)
    assert decision.origin == "interpolated"
    assert bench.decide(16, features=33).origin == "measured"


def test_neighbours_that_were_less_thorough_do_not_answer_a_patient_request(start: Start) -> None:
    bench = start(loop=2e-3, quick=1e-3)
    bench.decide(4)
    bench.decide(64, "patient")
    assert bench.decide(16).origin == "interpolated"
    assert bench.decide(16, "patient").origin == "measured"


def test_what_was_interpolated_is_not_remembered_as_measured(start: Start) -> None:
    bench = start(loop=2e-3, quick=1e-3)
    bench.decide(4)
    bench.decide(64)
    for _ in range(2):
        assert bench.decide(16).origin == "interpolated"
    assert len(wisdom().book(bench.op.name).choices) == 2


def test_a_batch_of_none_between_two_is_measured(start: Start) -> None:
    bench = start(loop=2e-3, quick=1e-3)
    assert bench.decide(0).origin == "measured"
    assert bench.decide(0).origin == "remembered"


def test_a_remembered_batch_of_none_hides_no_neighbour(start: Start) -> None:
    bench = start(loop=2e-3, quick=1e-3)
    for batch in (0, 1, 64):
        bench.decide(batch)
    decision = bench.decide(16)
    assert (decision.origin, decision.kernel.method) == ("interpolated", "quick")
