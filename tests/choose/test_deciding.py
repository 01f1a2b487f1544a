"""What is measured, what memory answers, which kernel wins: on a clock advanced by kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import filelock
import numpy as np
import pytest
from choose_support import Bench

import einbench
from einbench.choose import environment
from einbench.choose.evidence import records
from einbench.choose.wisdom import wisdom
from einbench.verbs.fastest import Choice

Start = Callable[..., Any]


def timed(bench: Bench) -> int:
    """Calls so far."""
    return len(bench.log)


def test_the_fastest_on_the_clock_is_chosen(start: Start) -> None:
    decision = start(loop=2e-3, quick=1e-3, slow=3e-3).decide()
    assert (decision.origin, decision.kernel.method) == ("measured", "quick")
    medians = {r.kernel: r.median_s for r in records(decision)}
    assert medians == pytest.approx({"loop": 8e-3, "quick": 4e-3, "slow": 12e-3})


def test_what_was_measured_is_remembered_and_nothing_is_called_again(start: Start) -> None:
    bench = start(loop=2e-3, quick=1e-3)
    bench.decide()
    calls, now_s = timed(bench), bench.now_s
    decision = bench.decide()
    assert (decision.origin, decision.kernel.method) == ("remembered", "quick")
    assert (timed(bench), bench.now_s) == (calls, now_s)


@pytest.mark.parametrize(
    ("known", "asked", "origin"),
    [
        ("measure", "measure", "remembered"),
        ("patient", "measure", "remembered"),
        ("patient", "patient", "remembered"),
        ("measure", "estimate", "remembered"),
        ("patient", "estimate", "remembered"),
        ("measure", "patient", "measured"),
    ],
)
def test_a_choice_serves_its_own_rigor_and_lower_ones(
    known: str, asked: str, origin: str, start: Start
) -> None:
    bench = start(loop=2e-3, quick=1e-3)
    bench.decide(rigor=known)
    assert bench.decide(rigor=asked).origin == origin


def test_a_more_thorough_choice_takes_the_place_of_the_lesser(start: Start) -> None:
    bench = start(loop=2e-3, quick=1e-3)
    bench.decide()
    bench.decide(rigor="patient")
    (choice,) = wisdom().book(bench.op.name).choices
    assert choice.rigor == "patient"
    assert bench.decide().recalled.evidence == choice


@pytest.mark.parametrize(("ratio", "winner"), [(1.015, "simple"), (1.03, "clever")])
def test_within_two_percent_the_simplest_wins(ratio: float, winner: str, start: Start) -> None:
    bench = start(slow=5e-3, simple=ratio * 1e-3, clever=1e-3)
    measured, remembered = bench.decide(), bench.decide()
    assert measured.kernel.method == remembered.kernel.method == winner
    tied = ["simple", "clever"] if winner == "simple" else []
    for decision in (measured, remembered):
        assert [r.kernel for r in records(decision) if r.tie] == tied
        assert [r.kernel for r in records(decision) if r.winner] == [winner]


def test_a_tie_is_said_when_it_is_measured_and_when_it_is_remembered(start: Start) -> None:
    bench = start(slow=5e-3, simple=1.015e-3, clever=1e-3)
    for decision in (bench.decide(), bench.decide()):
        said = str(Choice(decision.kernel, decision))
        assert "tie" in said
        assert all(method in said for method in ("simple", "clever", "slow"))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda inputs: 3 * inputs,
        np.zeros_like,
        lambda inputs: (2 * inputs).astype("float64"),
        lambda inputs: np.multiply(inputs, 2, out=inputs),
        lambda inputs: 2 * inputs if len(inputs) < 1000 else 3 * inputs,
    ],
    ids=["wrong", "zeros", "dtype", "in place", "wrong where it is large"],
)
def test_a_kernel_that_fails_the_check_never_wins(wrong: Any, start: Start) -> None:
    bench = start(loop=2e-6)
    bench.kernel("wrong", 1e-9, wrong)
    for decision in (bench.decide(2000), bench.decide(2000)):
        assert decision.kernel.method == "loop"
        (row,) = [r for r in records(decision) if r.kernel == "wrong"]
        assert row.status == "rejected"
        assert row.reason


def test_a_kernel_that_goes_wrong_while_it_is_timed_never_wins(start: Start) -> None:
    bench = start(loop=2e-3)
    calls: list[int] = []

    def tires(inputs: Any) -> Any:
        calls.append(len(inputs))
        return (3 if calls.count(7) > 20 else 2) * inputs

    bench.kernel("tires", 1e-5, tires)
    assert bench.decide(7).kernel.method == "loop"
    assert calls.count(7) > 20


def test_a_kernel_that_raises_at_the_size_leaves_and_says_why(start: Start) -> None:
    bench = start(loop=2e-3)

    def small_only(inputs: Any) -> Any:
        if inputs.shape[0] == 4999:
            raise ValueError("not at 4,999")
        return 2 * inputs

    bench.kernel("small", 1e-9, small_only)
    decision = bench.decide(4999)
    assert decision.kernel.method == "loop"
    (row,) = [r for r in records(decision) if r.kernel == "small"]
    assert (row.status, row.reason) == ("failed", "ValueError: not at 4,999")


def test_without_a_right_kernel_nothing_is_chosen_and_nothing_remembered(start: Start) -> None:
    bench = start()
    bench.kernel("thrice", 1e-3, lambda inputs: 3 * inputs)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"no kernel is left to choose from \(thrice: "):
            bench.decide()
    assert wisdom().book(bench.op.name).choices == ()


def test_again_measures_whatever_is_remembered_and_remembers_that(start: Start) -> None:
    seconds = {"loop": 2e-3, "quick": 1e-3}
    bench = start(loop=lambda b: b * seconds["loop"], quick=lambda b: b * seconds["quick"])
    assert bench.decide().kernel.method == "quick"
    seconds["quick"] = 9e-3  # another program has changed the machine
    assert bench.decide().kernel.method == "quick"
    decision = bench.decide(again=True)
    assert (decision.origin, decision.kernel.method) == ("measured", "loop")
    # both within the resolution of dates, a second
    decision = bench.decide()
    assert (decision.origin, decision.kernel.method) == ("remembered", "loop")


@pytest.mark.parametrize("part", ["cpu", "blas", "python", "numpy", "numba"])
def test_in_another_environment_an_old_choice_is_a_hint_and_no_answer(
    part: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = start(loop=2e-3, quick=1e-3)
    bench.decide()
    (old,) = wisdom().book(bench.op.name).choices
    changed = environment.machine()._replace(**{part: "another"})
    monkeypatch.setattr(environment, "machine", lambda: changed)
    decision = bench.decide()
    assert decision.origin == "measured"
    assert decision.hint == old
    assert bench.decide().origin == "remembered"
    monkeypatch.undo()


def test_a_hint_of_another_environment_is_not_interpolated_from(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = start(loop=2e-3, quick=1e-3)
    bench.decide(4)
    changed = environment.machine()._replace(numpy="1.0")
    with monkeypatch.context() as patched:
        patched.setattr(environment, "machine", lambda: changed)
        bench.decide(16)
    assert bench.decide(8).origin == "measured"


def test_a_new_kernel_makes_old_choices_hints(start: Start) -> None:
    bench = start(loop=2e-3)
    bench.decide()
    bench.kernel("quick", 1e-3)
    decision = bench.decide()
    assert (decision.origin, decision.kernel.method) == ("measured", "quick")
    assert decision.hint.kernel == "loop"


def test_what_imported_wisdom_names_is_checked_before_it_is_called(start: Start) -> None:
    bench = start(loop=2e-3)
    bench.kernel("wrong", 1e-3, lambda inputs: 3 * inputs)
    trusted = start(loop=2e-3, wrong=1e-3)
    trusted.decide()
    (choice,) = wisdom().book(trusted.op.name).choices
    forged = choice._replace(environment=environment.environment(bench.op))
    wisdom().remember(bench.op.name, forged)
    decision = bench.decide()
    assert (decision.origin, decision.kernel.method) == ("measured", "loop")


@pytest.mark.parametrize(
    ("call_s", "at_least_s"), [(1e-3, 0.3), (0.02, 0.3), (0.2, 0.6), (1.0, 3.0)]
)
def test_timing_takes_as_long_as_it_is_allowed_or_three_calls_of_the_winner(
    call_s: float, at_least_s: float, start: Start
) -> None:
    taken_s = start(loop=call_s).decide(1).measured.spent.timing_s
    # every timed call follows an untimed one
    assert 0.8 * at_least_s <= taken_s <= max(1.4 * at_least_s, 16 * call_s)


@pytest.mark.parametrize("call_s", [1e-6, 1e-3, 0.03, 0.2, 2.0])
@pytest.mark.parametrize("others", [(), (1.2, 3.0), (1.01, 1.5, 1.9, 3.9, 50.0)])
def test_choosing_takes_half_a_second_or_twenty_calls_of_the_winner_but_for_the_check(
    call_s: float, others: tuple[float, ...], start: Start
) -> None:
    bench = start(**{f"way{n}": call_s / 100 * ratio for n, ratio in enumerate((1.0, *others))})
    spent = bench.decide(100).measured.spent
    assert spent.first_s + spent.timing_s <= max(0.5, 20 * call_s)


def test_the_parts_of_a_measurement_add_up_to_all_of_it(start: Start) -> None:
    bench = start(loop=2e-3, quick=1e-3)
    began_s = bench.now_s
    spent = bench.decide().measured.spent
    assert spent.whole_s == pytest.approx(bench.now_s - began_s)
    assert min(spent.first_s, spent.check_s, spent.sized_s, spent.timing_s) > 0


def test_the_ten_calls_are_as_long_as_they_are_and_not_as_was_foreseen(start: Start) -> None:
    """A call of one row takes as long as one of 64: memory for the weights, say."""
    assert start(loop=lambda batch: 0.1).decide(64).measured.spent.timing_s <= 2.5


def test_a_patient_measurement_takes_longer(start: Start) -> None:
    assert start(loop=0.01).decide(1, "patient").measured.spent.timing_s >= 4.5


def test_a_budget_in_seconds_takes_the_place_of_what_rigor_says(start: Start) -> None:
    bench = start(loop=0.005)
    assert bench.decide(1, budget_s=0.2).measured.spent.timing_s == pytest.approx(0.2, rel=0.3)


def test_a_kernel_much_slower_than_the_fastest_is_not_called_at_the_size(start: Start) -> None:
    bench = start(loop=1.0, quick=1e-3)
    decision = bench.decide(200)
    assert ("loop", 200) not in bench.log
    (row,) = [r for r in records(decision) if r.kernel == "loop"]
    assert row.status == "skipped"
    assert "at this size" in row.reason


@pytest.mark.long
def test_a_kernel_may_call_the_fastest_of_another_operation(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no lock that this process holds is waited for meanwhile."""
    monkeypatch.setattr("einbench.choose.wisdom._MEASURING_TIMEOUT_S", 0.02)
    refused: list[BaseException] = []
    acquire = filelock.FileLock.acquire

    def recording(self: Any, *args: Any, **more: Any) -> Any:
        try:
            return acquire(self, *args, **more)
        except BaseException as problem:
            refused.append(problem)
            raise

    monkeypatch.setattr(filelock.FileLock, "acquire", recording)
    inner = start(loop=1e-3)
    outer = start(loop=2e-3)
    outer.kernel("composed", 1e-3, getattr(einbench.auto, inner.op.name))
    decision = outer.decide()
    assert [r.status for r in records(decision)] == ["ok", "ok"], records(decision)
    assert decision.kernel.method == "composed"
    assert refused == []


def test_a_kernel_that_takes_a_librarys_arrays_is_no_candidate(start: Start) -> None:
    race = start(loop=2e-3, quick=1e-3)

    def torchs(inputs: Any) -> Any:
        raise AssertionError("called with NumPy arrays")

    race.op.kernel("torch_eager", runtime="torch")(torchs)
    for origin in ("measured", "remembered"):
        decision = race.decide(4)
        assert (decision.origin, decision.kernel.method) == (origin, "quick")
        assert [r.kernel for r in records(decision)] == ["loop", "quick"]


def test_one_large_row_is_not_given_to_a_kernel_that_would_take_long(start: Start) -> None:
    bench = start(quick=1e-3)
    seen: list[int] = []

    def loop(inputs: Any) -> Any:
        seen.append(inputs.shape[1])
        bench.now_s += 1e-6 * inputs.size
        return 2 * inputs

    bench.op.kernel("loop")(loop)
    decision = bench.decide(1, features=2_000_000)
    assert decision.kernel.method == "quick"
    assert max(seen) < 2_000_000
    (row,) = [r for r in records(decision) if r.kernel == "loop"]
    assert row.status == "skipped"
    assert row.predicted_s == pytest.approx(2.0, rel=0.01)
    assert "from a smaller one" in row.reason
