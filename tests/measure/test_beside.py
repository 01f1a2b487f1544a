"""Calls in other contexts than alone: what precedes them, who is timed in them, and who wins."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import pytest

import einbench
from einbench.contexts import AFTER_BLAS, AFTER_PAUSE, ALONE, BESIDE, CONTEXTS, PROGRAM, ranked_s
from einbench.measure import beside, blocks, candidate
from einbench.measure.ranking import rank_in_context
from einbench.measure.timing import LEAST_ROUNDS, Timing, interleave

#: seconds of what precedes a call
BEFORE_S = {"pause": 2e-3, "blas": 1e-3}


class Program:
    """A clock, and calls that last as what was called just before has it."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.log: list[str] = []

    def clock(self) -> float:
        return self.now_s

    def kernel(self, name: str, alone_s: float, **after_s: float) -> Callable[[], object]:
        def call() -> None:
            self.now_s += after_s.get(self.log[-1] if self.log else "", alone_s)
            self.log.append(name)

        return call

    def preceding(self, name: str) -> beside.Preceding:
        def call() -> None:
            self.now_s += BEFORE_S[name]
            self.log.append(name)

        return lambda call_s: call

    def time(self, calls: dict[str, Callable[[], object]], **more: object) -> Timing:
        settings = {
            "budget_s": 0.5, "rng": np.random.default_rng(0), "clock": self.clock,
            "beside": {AFTER_PAUSE: self.preceding("pause"), AFTER_BLAS: self.preceding("blas")},
        }  # fmt: skip
        return interleave(calls, **settings | more)  # type: ignore[arg-type]


@pytest.fixture
def program() -> Program:
    return Program()


def winner(result: Timing, context: str) -> str | None:
    return rank_in_context(context, result.samples, result.beside).winner


def test_every_call_in_a_context_follows_what_it_is_named_after(program: Program) -> None:
    result = program.time({"a": program.kernel("a", 1e-4, pause=3e-4, blas=7e-4)})
    np.testing.assert_allclose(result.samples["a"], 1e-4)
    np.testing.assert_allclose(result.beside[AFTER_PAUSE]["a"], 3e-4)
    np.testing.assert_allclose(result.beside[AFTER_BLAS]["a"], 7e-4)
    assert len(result.samples["a"]) == result.rounds > 20


def test_threads_are_ended_before_a_call_alone_and_awake_after_a_product(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidate, "stop_spinning", lambda: program.log.append("stop"))
    result = program.time(
        {"a": program.kernel("a", 1e-3), "b": program.kernel("b", 1e-3)}, most_rounds=5
    )
    rounds = program.log[program.log.index("stop") :]
    slots = [rounds[start : start + 16] for start in range(0, len(rounds), 16)]
    assert len(slots) == result.rounds
    for slot in slots:
        for first, second in (slot[:5], slot[5:10]), (slot[10:13], slot[13:]):
            assert {first[-1], second[-1]} == {"a", "b"}
        for quiet in slot[:5], slot[5:10]:
            name = quiet[1]
            assert quiet == ["stop", name, name, "pause", name]
        # once awake they are left so until all were called
        for awake in slot[10:13], slot[13:]:
            assert awake == [awake[0], "blas", awake[0]]


def test_each_context_has_a_winner_of_its_own_and_a_program_that_of_the_geometric_mean(
    program: Program,
) -> None:
    calls = {
        "hot": program.kernel("hot", 1.0e-4, pause=1.5e-4, blas=4.0e-4),
        "even": program.kernel("even", 1.4e-4, pause=1.4e-4, blas=1.6e-4),
        "cold": program.kernel("cold", 1.9e-4, pause=1.9e-4, blas=1.5e-4),
    }
    result = program.time(calls, context=PROGRAM)
    won = {context: winner(result, context) for context in CONTEXTS}
    assert won == {ALONE: "hot", AFTER_PAUSE: "even", AFTER_BLAS: "cold", PROGRAM: "even"}


def test_a_kernel_that_loses_alone_and_wins_after_blas_is_not_dropped(program: Program) -> None:
    calls = {
        "hot": program.kernel("hot", 1e-4, pause=5e-4, blas=3e-3),
        "cold": program.kernel("cold", 5e-4, pause=5e-4, blas=5e-4),
    }
    result = program.time(calls, context=PROGRAM)
    counted = sum(not math.isnan(s) for s in result.beside[AFTER_BLAS]["cold"])
    assert counted == result.rounds > LEAST_ROUNDS
    assert winner(result, PROGRAM) == "cold"
    alone = program.time(calls, context=ALONE)
    assert sum(not math.isnan(s) for s in alone.samples["cold"]) < alone.rounds


def test_it_is_not_left_out_of_later_blocks_either(program: Program) -> None:
    calls = {
        "hot": program.kernel("hot", 1e-4, pause=5e-4, blas=3e-3),
        "cold": program.kernel("cold", 5e-4, pause=5e-4, blas=5e-4),
        "far": program.kernel("far", 1.1e-3),
    }
    result = blocks.interleave_in_blocks(
        lambda: calls, 4, budget_s=0.4, rng=np.random.default_rng(0), expected_s={},
        clock=program.clock, context=PROGRAM,
        beside={AFTER_PAUSE: program.preceding("pause"), AFTER_BLAS: program.preceding("blas")},
    )  # fmt: skip
    assert len(result.blocks) >= 4
    assert not math.isnan(result.beside[AFTER_BLAS]["cold"][-1])
    assert math.isnan(result.samples["far"][-1])
    for samples in (result.samples, *result.beside.values()):
        assert {len(times) for times in samples.values()} == {result.rounds}


def test_a_context_that_calls_would_not_notice_is_not_timed_and_alone_counts(
    program: Program,
) -> None:
    asked: list[float] = []

    def never(call_s: float) -> None:
        asked.append(call_s)

    result = program.time(
        {"a": program.kernel("a", 1e-3), "b": program.kernel("b", 2e-3)},
        beside={AFTER_PAUSE: never, AFTER_BLAS: program.preceding("blas")},
    )
    assert asked == [pytest.approx(1e-3)]
    assert list(result.beside) == [AFTER_BLAS]
    assert ranked_s(PROGRAM, 8.0, {AFTER_BLAS: 1.0}) == pytest.approx(4.0)
    assert ranked_s(AFTER_PAUSE, 8.0, {AFTER_BLAS: 1.0}) == 8.0


def test_a_slow_loop_is_not_called_three_times_as_often(program: Program) -> None:
    result = program.time({"a": program.kernel("a", 1e-3), "loop": program.kernel("loop", 0.4)})
    assert program.log.count("loop") <= 4
    assert all("loop" not in samples for samples in result.beside.values())
    # nor does its time alone win against the others' after BLAS
    assert winner(result, PROGRAM) == "a"


@pytest.mark.parametrize("disturbed", [False, True])
def test_the_simplest_of_ties_loses_in_no_context_what_it_gains_in_another(
    program: Program, disturbed: bool
) -> None:
    calls = {
        "simple": program.kernel("simple", 1.6e-4, pause=1e-4, blas=1e-4),
        "even": program.kernel("even", 1.0e-4, pause=1.27e-4, blas=1.25e-4),
        "equal": program.kernel("equal", 1.0e-4, pause=1.26e-4, blas=1.26e-4),
    }
    result = program.time(calls, context=PROGRAM)
    found = rank_in_context(PROGRAM, result.samples, result.beside, disturbed=disturbed)
    assert (found.winner, found.ties) == ("even", ("even", "equal"))


def test_a_kernel_that_was_dropped_wins_by_no_few_samples() -> None:
    kept, dropped = (2.0,) * 10, (1.0, 1.0, *[math.nan] * 8)
    found = rank_in_context(
        PROGRAM,
        {"dropped": dropped, "kept": kept},
        {AFTER_BLAS: {"dropped": dropped, "kept": kept}},
    )
    assert found.winner == "kept"
    assert set(found.summaries) == {"dropped", "kept"}


def test_the_product_takes_about_as_long_as_the_kernel_within_bounds() -> None:
    rate = 1e11
    sides = [beside.side(s, rate) for s in (0.0, 1e-6, 1e-3, 4e-3, 1.0)]
    assert sides == sorted(sides)
    assert sides[0] == sides[1] == 192
    assert sides[-1] == 1024
    assert 2 * sides[2] ** 3 / rate == pytest.approx(1e-3, rel=0.25)
    assert all(side % 32 == 0 for side in sides)


def test_what_precedes_a_call_is_a_product_of_numpy_and_two_milliseconds_of_sleep() -> None:
    assert list(beside.PRECEDING) == list(BESIDE)
    pause = beside.PRECEDING[AFTER_PAUSE](1e-5)
    assert pause is not None
    assert (pause.func, pause.args) == (time.sleep, (0.002,))  # type: ignore[attr-defined]
    product = beside.PRECEDING[AFTER_BLAS](1e-5)
    assert product is not None
    made = product()
    assert isinstance(made, np.ndarray)
    np.testing.assert_array_equal(made, np.full((192, 192), 192, np.float32))
    assert beside.PRECEDING[AFTER_PAUSE](0.03) is None
    assert beside.PRECEDING[AFTER_BLAS](0.6) is None


@pytest.mark.parametrize(
    ("contexts", "call_s", "expected_s"),
    [
        ((), 1e-3, 3e-3),
        ((AFTER_PAUSE,), 1e-3, 2 * 3e-3 + 2 * 2e-3),
        ((AFTER_BLAS,), 1e-3, 2 * 3e-3 + 2 * 1e-3),
        ((AFTER_PAUSE, AFTER_BLAS), 1e-3, 3 * 3e-3 + 2 * 3e-3),
        # what a call would not notice precedes none
        ((AFTER_PAUSE, AFTER_BLAS), 0.1, 2 * 0.3 + 2 * 0.1),
        ((AFTER_PAUSE, AFTER_BLAS), 1.0, 3.0),
    ],
)
def test_a_round_takes_what_is_called_in_it(
    contexts: tuple[str, ...], call_s: float, expected_s: float
) -> None:
    assert beside.round_s(contexts, [call_s, 2 * call_s]) == pytest.approx(expected_s)


@pytest.mark.long
def test_a_record_has_medians_and_intervals_in_every_context() -> None:
    comparison = einbench.compare("softmax", batches=64, budget_s=0.4, context=AFTER_BLAS)
    timed = [r for r in comparison.records if r.winner]
    assert len(timed) == 1
    (record,) = timed
    assert record.context == AFTER_BLAS
    assert record.after_blas_low_s <= record.after_blas_s <= record.after_blas_high_s
    assert record.after_pause_low_s <= record.after_pause_s <= record.after_pause_high_s
    assert comparison.settings["context"] == AFTER_BLAS
    again = einbench.Record.from_json(record.to_json())
    assert again == record
    with pytest.raises(ValueError, match="context"):
        einbench.compare("softmax", context="beside")


@pytest.mark.parametrize("how", [{"isolate": True}, {"reuse_outputs": True}])
def test_where_calls_are_turns_they_are_timed_in_every_context_too(how: dict[str, bool]) -> None:
    records = einbench.compare("relu", batches=1, budget_s=0.3, **how).records  # type: ignore[arg-type]
    (winner,) = (record for record in records if record.winner)
    assert winner.context == PROGRAM
    assert winner.after_pause_low_s <= winner.after_pause_s <= winner.after_pause_high_s
    assert winner.after_blas_low_s <= winner.after_blas_s <= winner.after_blas_high_s


def test_records_of_older_versions_were_ranked_alone() -> None:
    record = einbench.compare("softmax", batches=1, budget_s=0.05).records[0]
    old = {
        name: value
        for name, value in record.to_json().items()
        if name != "context" and not name.startswith("after_")
    }
    read = einbench.Record.from_json(old)
    assert (read.context, read.after_blas_s, read.after_pause_high_s) == (ALONE, None, None)
