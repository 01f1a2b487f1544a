"""Interleaved timing, on a clock that only the kernels move."""

from __future__ import annotations

import gc
import math
import weakref
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from einbench.measure import timing
from einbench.measure.timing import Timing, interleave


class Bench:
    """A clock, kernels that move it, and a log of every call."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.log: list[str] = []

    def clock(self) -> float:
        return self.now_s

    def kernel(self, name: str, *durations_s: float) -> Callable[[], object]:
        """A call that lasts the durations in turn, the last one from then on."""
        number = 0

        def call() -> object:
            nonlocal number
            self.log.append(name)
            self.now_s += durations_s[min(number, len(durations_s) - 1)]
            number += 1
            return f"{name} {number}"

        return call

    def time(
        self, calls: dict[str, Callable[[], object]], budget_s: float, **more: object
    ) -> Timing:
        settings = {"rng": np.random.default_rng(0), "clock": self.clock, **more}
        return interleave(calls, budget_s=budget_s, **settings)  # type: ignore[arg-type]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def collector() -> Iterator[None]:
    before = gc.isenabled()
    gc.enable()
    yield
    if not before:
        gc.disable()


def counted(result: Timing, name: str) -> int:
    return sum(not math.isnan(s) for s in result.samples[name])


def test_seconds_per_call_are_what_the_clock_says(bench: Bench) -> None:
    result = bench.time({"a": bench.kernel("a", 1e-3), "b": bench.kernel("b", 1.5e-3)}, 0.1)
    np.testing.assert_allclose(result.samples["a"], 1e-3)
    np.testing.assert_allclose(result.samples["b"], 1.5e-3)


def test_every_sample_follows_one_untimed_call_of_the_same_kernel(bench: Bench) -> None:
    # every second call after the warm-up is ten times slower: the untimed one comes first
    durations = [1e-3, 1e-3] + [1e-2, 1e-3] * 400
    result = bench.time({"a": bench.kernel("a", *durations), "b": bench.kernel("b", 1e-3)}, 1.0)
    np.testing.assert_allclose(result.samples["a"], 1e-3)
    rounds = bench.log[4:]
    assert all(rounds[i] == rounds[i + 1] for i in range(0, len(rounds), 2))


def test_all_kernels_of_a_round_run_before_any_runs_in_the_next(bench: Bench) -> None:
    names = list("abcde")
    result = bench.time({n: bench.kernel(n, 1e-3) for n in names}, 0.5)
    sampled = bench.log[2 * len(names) :: 2]
    rounds = [sampled[i : i + 5] for i in range(0, len(sampled), 5)]
    assert len(rounds) == result.rounds > 20
    assert all(sorted(one) == names for one in rounds)


def test_the_order_is_drawn_anew_each_round_and_every_kernel_goes_first(bench: Bench) -> None:
    names = list("abcd")
    bench.time({n: bench.kernel(n, 1e-3) for n in names}, 2.0)
    sampled = bench.log[2 * len(names) :: 2]
    orders = Counter(tuple(sampled[i : i + 4]) for i in range(0, len(sampled), 4))
    assert len(orders) > 20  # of 24
    firsts = Counter(order[0] for order in orders.elements())
    assert min(firsts.values()) > sum(firsts.values()) / 8


def test_the_same_seed_gives_the_same_order() -> None:
    logs = []
    for _ in range(2):
        bench = Bench()
        bench.time({n: bench.kernel(n, 1e-3) for n in "abc"}, 0.2)
        logs.append(bench.log)
    assert logs[0] == logs[1]


@given(st.lists(st.floats(1e-8, 2e-3), min_size=1, max_size=5))
def test_a_sample_is_long_enough_for_the_clock(durations: list[float]) -> None:
    bench = Bench()
    calls = {str(i): bench.kernel(str(i), s) for i, s in enumerate(durations)}
    result = bench.time(calls, 0.05, most_rounds=5)
    for name, call_s in zip(calls, durations, strict=True):
        assert result.calls_per_sample[name] * call_s >= timing.MIN_SAMPLE_S * (1 - 1e-9)
        if call_s > timing.MIN_SAMPLE_S * (1 + 1e-9):
            assert result.calls_per_sample[name] == 1


def test_a_first_call_that_compiles_does_not_choose_the_sample_length(bench: Bench) -> None:
    result = bench.time({"jit": bench.kernel("jit", 0.5, 1e-6)}, 0.1)
    assert result.calls_per_sample["jit"] >= 50
    np.testing.assert_allclose(result.samples["jit"], 1e-6, rtol=1e-6)


def test_a_clock_that_stands_still_does_not_hang(bench: Bench) -> None:
    result = bench.time({"a": lambda: None}, 0.1, most_rounds=1)
    assert result.rounds == 1


def test_a_clear_loser_retires_after_three_rounds_and_keeps_its_samples(bench: Bench) -> None:
    calls = {"slow": bench.kernel("slow", 3e-2), "fast": bench.kernel("fast", 1e-3)}
    result = bench.time(calls, 0.5)
    assert counted(result, "slow") == 3
    assert not any(map(math.isnan, result.samples["slow"][:3]))
    assert all(map(math.isnan, result.samples["slow"][3:]))
    assert counted(result, "fast") == result.rounds == len(result.samples["slow"]) > 100


def test_a_loser_that_costs_little_has_enough_samples_for_an_interval(bench: Bench) -> None:
    calls = {"slow": bench.kernel("slow", 3e-3), "fast": bench.kernel("fast", 1e-3)}
    assert counted(bench.time(calls, 0.5), "slow") == 7


def test_three_spoilt_samples_do_not_drop_a_kernel_that_was_once_fast(bench: Bench) -> None:
    """Threads that wait for each other disturb successive samples; the warm-up was quick."""
    calls = {
        "torn": bench.kernel("torn", *[1e-3] * 3, *[9e-2] * 6, 1e-3),
        "steady": bench.kernel("steady", 2e-3),
    }
    result = bench.time(calls, 2.0)
    assert counted(result, "torn") == result.rounds > 20


def test_a_kernel_within_twice_the_best_stays(bench: Bench) -> None:
    calls = {"near": bench.kernel("near", 1.9e-3), "best": bench.kernel("best", 1e-3)}
    result = bench.time(calls, 0.5)
    assert counted(result, "near") == result.rounds > 50


def test_one_bad_sample_does_not_drop_a_fast_kernel(bench: Bench) -> None:
    # warm-up twice, then pairs of untimed and timed: the second timed call is disturbed
    spiky = bench.kernel("spiky", 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 5e-2, 1e-3)
    result = bench.time({"spiky": spiky, "calm": bench.kernel("calm", 1e-3)}, 0.5)
    assert counted(result, "spiky") == result.rounds > 50


@given(
    st.lists(st.floats(1e-5, 1.0), min_size=1, max_size=8),
    st.floats(0.01, 2.0),
    st.integers(0, 99),
)
def test_the_budget_is_kept_and_the_fewest_samples_are_given(
    durations: list[float], budget_s: float, seed: int
) -> None:
    bench = Bench()
    names = [f"k{i}" for i in range(len(durations))]
    calls = {n: bench.kernel(n, s) for n, s in zip(names, durations, strict=True)}
    expected = dict(zip(names, durations, strict=True))
    share_s = budget_s / (2 * max(3, len(calls)))
    rng = np.random.default_rng(seed)
    result = bench.time(calls, budget_s, rng=rng, expected_s=expected)
    slow_s = sum(s for s in durations if s > share_s)
    warm_up_s = sum(20 * max(s, timing.MIN_SAMPLE_S) for s in durations if s <= share_s)
    assert bench.now_s <= slow_s + 3.01 * budget_s + warm_up_s
    assert result.rounds <= timing.MOST_ROUNDS
    for name, call_s in expected.items():
        assert counted(result, name) >= (3 if call_s < 0.99 * share_s else 1)


@pytest.mark.parametrize(
    ("call_s", "rounds"),
    [
        (0.01, 16),  # a round is 3 kernels * 2 calls = 0.06 s: the budget lasts for 16
        (0.05, 7),  # 0.3 s: for 3, seven of them are two budgets
        (0.12, 4),  # 0.72 s: seven would be five budgets, four are less than three
        (0.16, 3),  # 0.96 s: every kernel gets three
    ],
)
def test_fast_kernels_get_seven_rounds_where_three_budgets_allow_it(
    call_s: float, rounds: int, bench: Bench
) -> None:
    assert bench.time({n: bench.kernel(n, call_s) for n in "abc"}, 1.0).rounds == rounds


def test_a_slow_kernel_is_called_once_where_its_time_is_known(bench: Bench) -> None:
    calls = {"loop": bench.kernel("loop", 5.0), "fast": bench.kernel("fast", 1e-3)}
    result = bench.time(calls, 1.0, expected_s={"loop": 4.0})
    assert bench.log.count("loop") == 1
    assert result.samples["loop"][0] == pytest.approx(5.0)
    assert result.outputs["loop"] == "loop 1"
    # a loop that slow takes nothing from the others' budget of 1 s: 2 ms a round
    assert counted(result, "fast") >= 250


def test_slow_calls_skip_the_untimed_call(bench: Bench) -> None:
    result = bench.time({"a": bench.kernel("a", 0.5)}, 2.0, expected_s={"a": 0.5})
    assert bench.log.count("a") == counted(result, "a") >= 4


def test_no_more_rounds_than_asked_for(bench: Bench) -> None:
    assert bench.time({"a": bench.kernel("a", 1e-4)}, 10.0, most_rounds=11).rounds == 11


def test_the_output_kept_is_that_of_the_last_timed_call(bench: Bench) -> None:
    result = bench.time({n: bench.kernel(n, 1e-3) for n in "ab"}, 0.1)
    assert result.outputs == {n: f"{n} {bench.log.count(n)}" for n in "ab"}
    # a round ends with a timed call, so the very last call of each was timed
    assert bench.log[-1] == bench.log[-2]


@pytest.mark.parametrize("call_s", [1e-5, 1e-3])
def test_an_output_is_released_before_the_next_call(bench: Bench, call_s: float) -> None:
    made: list[weakref.ref[np.ndarray]] = []  # type: ignore[type-arg]
    alive: list[int] = []

    def call() -> object:
        bench.now_s += call_s
        alive.append(sum(ref() is not None for ref in made))
        output = np.empty(3)
        made[:] = [weakref.ref(output)]
        return output

    result = bench.time({"a": call}, 0.05)
    assert set(alive) == {0}
    assert made[0]() is result.outputs["a"]


def test_a_kernel_that_raises_leaves_and_the_others_go_on(bench: Bench) -> None:
    good = bench.kernel("good", 1e-3)
    steps = iter(range(9))

    def late() -> object:
        next(steps)
        return good()

    def early() -> object:
        raise ValueError("no such size")

    result = bench.time({"early": early, "late": late, "good": good}, 0.2)
    assert result.failures == {"early": "ValueError: no such size", "late": "StopIteration"}
    assert set(result.samples) == set(result.outputs) == set(result.calls_per_sample) == {"good"}
    assert counted(result, "good") == result.rounds > 10


def test_an_interrupt_goes_through_and_leaves_the_collector_on(
    bench: Bench, collector: None
) -> None:
    steps = iter([None] * 6)

    def call() -> object:
        bench.now_s += 1e-3
        if next(steps, "stop") == "stop":
            raise KeyboardInterrupt
        return None

    with pytest.raises(KeyboardInterrupt):
        bench.time({"a": call}, 1.0)
    assert gc.isenabled()


def test_the_collector_is_off_in_samples_and_on_in_untimed_calls(
    bench: Bench, collector: None
) -> None:
    seen: list[bool] = []

    def call() -> None:
        bench.now_s += 1e-3
        seen.append(gc.isenabled())

    bench.time({"a": call}, 0.1)
    assert seen[2:] == [True, False] * (len(seen[2:]) // 2)
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off(bench: Bench, collector: None) -> None:
    gc.disable()
    bench.time({"a": bench.kernel("a", 1e-3)}, 0.05)
    assert not gc.isenabled()


def test_nothing_to_time_is_no_error(bench: Bench) -> None:
    assert bench.time({}, 1.0) == Timing({}, {}, {}, {}, 0)


@pytest.mark.parametrize("budget_s", [0.0, -1.0, math.nan])
def test_a_budget_that_is_none_is_refused(bench: Bench, budget_s: float) -> None:
    with pytest.raises(ValueError, match=r"budget_s=.*expected more than 0 seconds"):
        bench.time({}, budget_s)


def test_drift_of_the_machine_cancels_in_ratios_within_a_round(bench: Bench) -> None:
    def drifting(call_s: float) -> Callable[[], object]:
        def call() -> None:
            bench.now_s += call_s * (1 + bench.now_s)  # everything ever slower

        return call

    result = bench.time({"a": drifting(2e-3), "b": drifting(1.5e-3)}, 1.0)
    a, b = (np.array(result.samples[n]) for n in "ab")
    assert a.max() / a.min() > 1.5
    assert np.all(np.abs(a / b * 0.75 - 1) < 0.02)


@pytest.mark.parametrize("delayed_calls", [1, 2])
def test_a_kernel_is_not_dropped_for_a_time_slice_in_its_first_samples(
    bench: Bench, delayed_calls: int
) -> None:
    """13.6 ms in place of 0.26 ms, where 5 ms would be its share of the budget."""
    quick = bench.kernel("quick", *[13.6e-3] * delayed_calls, 0.26e-3)
    calls = {"quick": quick, "other": bench.kernel("other", 0.45e-3)}
    timed = bench.time(calls, budget_s=0.03, expected_s={"quick": 13.6e-3, "other": 0.45e-3})
    taken = [s for s in timed.samples["quick"] if not math.isnan(s)]
    assert len(taken) > 3
    assert np.median(taken) == pytest.approx(0.26e-3)


def test_a_kernel_slower_by_more_than_any_time_slice_is_dropped_after_one_sample(
    bench: Bench,
) -> None:
    calls = {"slow": bench.kernel("slow", 0.2), "quick": bench.kernel("quick", 1e-3)}
    timed = bench.time(calls, budget_s=0.3, expected_s={"slow": 0.2, "quick": 1e-3})
    assert sum(not math.isnan(s) for s in timed.samples["slow"]) == 1
