"""The number of threads belongs to the choice: measured, remembered, set for each call."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import einbench
from einbench.choose import fewer as module
from einbench.choose.environment import Threads
from einbench.choose.evidence import records
from einbench.choose.fewer import fewer, on_threads, text, threads_of
from einbench.choose.wisdom import wisdom
from einbench.cli import main
from einbench.host.threading_layer import Count
from einbench.verbs.fastest import Choice

Start = Callable[..., Any]
EIGHT = Threads(1, 8)


class Used:
    """How many threads calls have, in place of numba's count."""

    def __init__(self) -> None:
        self.now = 8
        self.count = Count(lambda: self.now, self.set, 8)

    def set(self, threads: int) -> None:
        self.now = threads


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> Iterator[Used]:
    found = Used()
    monkeypatch.setattr(module, "count", lambda: found.count)
    on_threads.cache_clear()
    yield found
    on_threads.cache_clear()


@pytest.fixture
def pooled(start: Start, used: Used, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A bench with a kernel on the pool, whose seconds depend on the number of threads."""
    bench = start(loop=5e-4)

    def threaded(seconds: Callable[[int], float]) -> Any:
        bench.kernel("pool", lambda batch: seconds(used.now))
        # where a body is of a plain function, so that no compiler is needed
        monkeypatch.setattr(bench.op["pool"].body, "parallel", True, raising=False)
        return bench

    return threaded


def test_halves_are_tried_of_kernels_on_several_threads() -> None:
    simd = einbench.operation("softmax_vjp")["simd"]
    assert list(fewer(simd, 16)) == [8, 4, 2, 1]
    assert list(fewer(simd, 6)) == [3, 1]
    assert list(fewer(simd, 1)) == []
    assert list(fewer(einbench.operation("softmax_vjp")["einsum"], 16)) == []


def test_the_number_that_is_fastest_is_chosen_remembered_and_used(pooled: Any, used: Used) -> None:
    bench = pooled(lambda threads: {8: 4e-5, 4: 3e-5, 2: 2e-5, 1: 6e-5}[threads])
    for origin in ("measured", "remembered"):
        decision = bench.decide(threads=EIGHT)
        assert (decision.origin, decision.kernel.method) == (origin, "pool")
        assert threads_of(decision.kernel) == 2
        (row,) = [r for r in records(decision) if r.winner]
        assert row.kernel == "pool"
        assert row.median_s == pytest.approx(2e-5)
        said = str(Choice(decision.kernel, decision))
        assert "pool on 2 threads: faster than on all 8" in said
        assert "pool on 2 threads" in repr(decision)
    assert used.now == 8
    bench.now_s = 0.0
    array = np.ones((4, 3), np.float32)
    decision.kernel.entry([array], {})(array)
    assert bench.now_s == pytest.approx(2e-5)
    assert used.now == 8
    (choice,) = wisdom().book(bench.op.name).choices
    assert choice.threads == 2


def test_what_is_remembered_says_the_number(pooled: Any) -> None:
    bench = pooled(lambda threads: {8: 4e-5, 4: 3e-5, 2: 2e-5, 1: 6e-5}[threads])
    bench.decide(threads=EIGHT)
    done = CliRunner().invoke(main, ["wisdom", "show", bench.op.name, "--json", "-"])
    assert done.exit_code == 0, done.output
    (choice,) = json.loads(done.stdout)["choices"]
    assert (choice["kernel"], choice["on_threads"]) == ("pool", 2)
    assert "pool on 2 threads" in CliRunner().invoke(main, ["wisdom", "show"]).output.replace(
        "\u00a0", " "
    )


@pytest.mark.parametrize(
    "seconds",
    [lambda threads: 8e-5 / threads, lambda threads: 3e-5, lambda threads: 2e-3 * threads],
    ids=["all pay", "a tie", "long calls"],
)
def test_all_threads_are_taken_unless_fewer_win_outright(pooled: Any, seconds: Any) -> None:
    bench = pooled(seconds)
    decision = bench.decide(threads=EIGHT)
    assert threads_of(decision.kernel) == 0
    assert bench.decide(threads=EIGHT).kernel is decision.kernel
    (choice,) = wisdom().book(bench.op.name).choices
    assert choice.threads == 0


def test_a_number_on_which_it_is_wrong_is_not_taken(start: Start, used: Used) -> None:
    bench = start(loop=5e-4)
    bench.kernel(
        "pool", lambda batch: {8: 4e-5, 4: 3e-5, 2: 2e-5, 1: 6e-5}[used.now],
        lambda inputs: (2 if used.now != 2 else 3) * inputs,
    )  # fmt: skip
    bench.op["pool"].body.parallel = True
    assert threads_of(bench.decide(threads=EIGHT).kernel) == 4


def test_the_number_is_set_for_the_call_alone_and_never_raised(used: Used) -> None:
    kernel = einbench.operation("relu")["ufunc"]
    seen: list[int] = []

    def call(*arrays: Any) -> Any:
        seen.append(used.now)
        if len(arrays) > 1:
            raise ValueError("two")
        return arrays[0]

    limited = module._limited(call, 3, used.count)
    assert limited(1) == 1
    with pytest.raises(ValueError, match="two"):
        limited(1, 2)
    assert (seen, used.now) == ([3, 3], 8)
    used.now = 2
    limited(1)
    assert (seen[-1], used.now) == (2, 2)
    assert on_threads(kernel, 0) is kernel
    assert on_threads(kernel, 2) is on_threads(kernel, 2)


def test_a_real_kernel_runs_on_so_many_with_memory_for_its_result_too() -> None:
    op = einbench.operation("softmax_vjp")
    given = list(op.draw(batch=64).values())
    wanted = op["simd"](*given)
    kernel = on_threads(op["simd"], 1)
    assert threads_of(kernel) == 1
    np.testing.assert_array_equal(kernel(*given), wanted)
    out = np.empty_like(wanted)
    kernel.entry(given, {}, out)(*given, out)
    np.testing.assert_array_equal(out, wanted)
    for again in (copy.copy(kernel), copy.deepcopy(kernel)):
        assert threads_of(again) == 1
    assert pickle.loads(pickle.dumps(kernel)) is op["simd"]  # noqa: S301 - made here


def test_in_words() -> None:
    assert text("tiled", 0) == "tiled"
    assert text("tiled", 1) == "tiled on 1 thread"
    assert text("tiled", 4) == "tiled on 4 threads"
