"""Rounds in blocks, on a clock that only the kernels move."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import numpy as np

from einbench.measure.blocks import interleave_in_blocks
from einbench.measure.timing import MOST_ROUNDS, Timing, interleave


class Bench:
    """A clock that calls move, and how often each was called in which block."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.block = -1
        self.log: Counter[tuple[int, str]] = Counter()

    def kernel(self, name: str, *by_block_s: float) -> Callable[[], object]:
        def call() -> object:
            self.log[self.block, name] += 1
            duration_s = by_block_s[min(self.block, len(by_block_s) - 1)]
            if duration_s < 0:
                raise RuntimeError("gone")
            self.now_s += duration_s
            return self.block

        return call

    def time(
        self, blocks: int, budget_s: float = 1.0, *, brief: bool = False,
        **durations_s: tuple[float, ...],
    ) -> Timing:  # fmt: skip
        def calls() -> dict[str, Callable[[], object]]:
            self.block += 1
            return {name: self.kernel(name, *s) for name, s in durations_s.items()}

        return interleave_in_blocks(
            calls, blocks, budget_s=budget_s, rng=np.random.default_rng(0),
            expected_s={name: s[0] for name, s in durations_s.items()},
            clock=lambda: self.now_s, least_calls=10, brief=brief,
        )  # fmt: skip


def test_one_block_is_interleaving_as_it_was() -> None:
    one, plain = Bench(), Bench()
    found = one.time(1, a=(1e-3,), b=(1.5e-3,))
    plain.block = 0
    expected = interleave(
        {"a": plain.kernel("a", 1e-3), "b": plain.kernel("b", 1.5e-3)},
        budget_s=1.0, rng=np.random.default_rng(0), expected_s={"a": 1e-3, "b": 1.5e-3},
        clock=lambda: plain.now_s, least_calls=10,
    )  # fmt: skip
    assert found.samples == expected.samples
    assert found.blocks == (expected.rounds,)


def test_calls_are_made_anew_for_each_block_and_their_rounds_put_together() -> None:
    """Also of a kernel that one block disturbs: it was as fast as the best before."""
    bench = Bench()
    found = bench.time(4, a=(1e-3, 2e-3, 30e-3, 1e-3), b=(1e-3,))
    assert bench.block == 3
    assert len(found.blocks) == 4
    assert sum(found.blocks) == found.rounds == len(found.samples["a"])
    starts = np.cumsum((0, *found.blocks[:-1]))
    np.testing.assert_allclose([found.samples["a"][n] for n in starts], [1e-3, 2e-3, 30e-3, 1e-3])
    assert found.outputs["a"] == 3


def test_who_is_beaten_clearly_takes_no_part_in_the_next_block() -> None:
    bench = Bench()
    found = bench.time(3, best=(1e-3,), near=(1.5e-3,), far=(5e-3,))
    assert bench.log[1, "far"] == bench.log[2, "far"] == 0
    assert bench.log[2, "near"] > 0
    first = found.blocks[0]
    assert all(math.isnan(s) for s in found.samples["far"][first:])
    assert not math.isnan(found.samples["far"][0])


def test_blocks_share_one_budget() -> None:
    bench = Bench()
    bench.time(5, budget_s=1.0, a=(10e-3,), b=(11e-3,))
    # and warm up in each
    assert 0.8 < bench.now_s < 1.5


def test_ten_calls_of_the_fastest_are_made_where_they_take_longer() -> None:
    bench = Bench()
    found = bench.time(5, budget_s=0.1, a=(0.5,), b=(0.6,))
    assert 10 <= sum(bench.log[n, "a"] for n in range(5)) <= 30
    assert np.count_nonzero(~np.isnan(found.samples["a"])) >= 5


def test_short_calls_get_more_blocks_and_no_more_than_four_times_as_many() -> None:
    found = Bench().time(10, budget_s=100.0, a=(1e-4,), b=(1e-4,))
    assert len(found.blocks) == 40
    assert max(found.blocks) * 10 <= MOST_ROUNDS


def test_more_blocks_end_with_the_budget() -> None:
    bench = Bench()
    found = bench.time(5, budget_s=0.1, a=(1e-4,), b=(1e-4,))
    assert 5 < len(found.blocks) < 20
    assert bench.now_s < 0.15


def test_a_kernel_that_fails_in_a_later_block_is_in_failures_and_nowhere_else() -> None:
    found = Bench().time(3, a=(1e-3,), b=(1e-3, -1.0))
    assert found.failures == {"b": "RuntimeError: gone"}
    assert set(found.samples) == set(found.outputs) == {"a"}


def test_without_any_kernel_left_blocks_end() -> None:
    found = Bench().time(3, a=(-1.0,))
    assert set(found.failures) == {"a"}
    assert found.samples == {}


def test_a_brief_measurement_ends_where_one_kernel_is_left() -> None:
    whole, brief = Bench(), Bench()
    whole.time(4, a=(1e-3,), far=(1e-2,))
    found = brief.time(4, brief=True, a=(1e-3,), far=(1e-2,))
    assert len(found.blocks) == 1
    assert np.count_nonzero(~np.isnan(found.samples["a"])) >= 7
    assert brief.now_s < whole.now_s / 2
    # one that was alone from the beginning is timed for the whole budget
    assert len(Bench().time(4, brief=True, a=(1e-3,)).blocks) > 1


def test_a_brief_measurement_takes_no_longer_than_its_budget_or_calls() -> None:
    bench = Bench()
    bench.time(10, 0.1, brief=True, a=(0.5,), b=(0.6,))
    assert bench.now_s <= 10 * 0.5
