"""A kernel without timing any: what is guessed from what is remembered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from choose_support import doubling, run

import einbench
from einbench.choose.book import Book, Remembered, Time
from einbench.choose.environment import Environment, Machine, Threads, environment
from einbench.choose.estimate import Estimate, estimate
from einbench.choose.signature import Signature
from einbench.choose.wisdom import Wisdom
from einbench.operation import Operation
from einbench.registry import forget

Seconds = Mapping[str, float]
EVEN = {"plain": 3e-3, "middling": 1e-3, "clever": 2e-3}


class Memory(Wisdom):
    """What is remembered, without a disk."""

    kept = Book()

    def book(self, operation: str) -> Book:
        return self.kept

    def keep(self, *choices: Remembered) -> None:
        self.kept = Book(self.kept.choices + choices)


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(str(tmp_path))


@pytest.fixture
def op() -> Iterator[Operation]:
    made = doubling("estimated", flops=lambda s: 10 * s["batch"] * s["features"])
    for method in ("plain", "middling", "clever"):
        made.kernel(method)(lambda inputs: 2 * inputs)
    yield made
    forget("estimated")


def asked(batch: int, features: int = 100, **parts: Any) -> Signature:
    sizes = (("batch", batch), ("features", features))
    plain = {"options": (), "dtype": "float32", "integers": "", "layout": "C"}
    return Signature(**{"sizes": sizes, "threads": Threads(1, 1), **plain, **parts})


def choice(
    here: Environment, signature: Signature, seconds: Seconds, left_out: Mapping[str, str] = {}
) -> Remembered:
    times = {m: Time(s, 0.99 * s, 1.01 * s, 9, 0.5) for m, s in seconds.items()}
    best = min(seconds, key=seconds.__getitem__)
    date = "2026-01-02T03:04:05Z"
    return Remembered(here, signature, "measure", date, best, (best,), times, left_out)


def ask(op: Operation, memory: Memory, signature: Signature) -> Estimate:
    here = environment(op)
    return estimate(op, signature, here, memory, [method for method, _ in here.candidates])


def crossing(batch: int) -> Seconds:
    """``plain`` has the least overhead and ``clever`` the least work."""
    return {
        "plain": 1e-6 + 1e-6 * batch,
        "middling": 8e-6 + 5e-7 * batch,
        "clever": 5e-5 + 5e-8 * batch,
    }


def test_the_fastest_is_found_between_and_beyond_remembered_sizes(op, memory):
    for batch in (1, 16, 256, 4096):
        memory.keep(choice(environment(op), asked(batch), crossing(batch)))
    for batch, fastest in ((0, "plain"), (2, "plain"), (1000, "clever"), (10**7, "clever")):
        found = ask(op, memory, asked(batch))
        assert found.kernel is op[fastest]
        assert found.predicted_s.keys() == {"plain", "middling", "clever"}


def test_times_grow_with_the_roofline(op, memory):
    memory.keep(choice(environment(op), asked(4096), EVEN))
    found = ask(op, memory, asked(40_960)).predicted_s
    assert found["middling"] == pytest.approx(1e-2, rel=0.05)
    # of hardly any work a call remains
    assert ask(op, memory, asked(1)).predicted_s["middling"] > 2e-6


def test_the_nearest_timing_counts_most(op, memory):
    near = {"plain": 1e-3, "middling": 3e-3, "clever": 3e-3}
    memory.keep(choice(environment(op), asked(64), near))
    memory.keep(*[choice(environment(op), asked(n), EVEN) for n in (1, 4096)])
    found = ask(op, memory, asked(60))
    assert found.kernel is op["plain"]
    assert [dict(c.signature.sizes)["batch"] for c in found.evidence] == [64, 1, 4096]


def test_ties_go_to_the_simplest(op, memory):
    nearly = {"plain": 1.01e-3, "middling": 1e-3, "clever": 1.005e-3}
    memory.keep(choice(environment(op), asked(64), nearly))
    assert ask(op, memory, asked(64)).kernel is op["plain"]


@pytest.mark.parametrize(
    "other",
    [{"dtype": "float64"}, {"layout": "F"}, {"integers": "int64"}, {"threads": Threads(2, 2)}],
    ids=lambda other: next(iter(other)),
)
def test_another_kind_is_a_hint_and_no_more(op, memory, other):
    memory.keep(choice(environment(op), asked(256, **other), EVEN))
    assert ask(op, memory, asked(256)).kernel is op["middling"]
    memory.keep(choice(environment(op), asked(300), {**EVEN, "plain": 1e-5}))
    assert ask(op, memory, asked(256)).kernel is op["plain"]


def test_another_machine_is_a_hint_and_no_more(op, memory):
    here = environment(op)
    there = here._replace(machine=Machine("another", "blas 1", "py 3", "2.0", None))
    memory.keep(choice(there, asked(256), EVEN))
    assert ask(op, memory, asked(256)).kernel is op["middling"]
    memory.keep(choice(here, asked(4096), {**EVEN, "plain": 1e-5}))
    assert ask(op, memory, asked(256)).kernel is op["plain"]


def test_of_two_timings_as_near_the_newer_is_named(op, memory):
    here = environment(op)
    memory.keep(choice(here._replace(code="old"), asked(64), EVEN))
    memory.keep(choice(here, asked(64), EVEN))
    assert ask(op, memory, asked(60)).evidence[0].environment == here


def test_a_kernel_without_a_timing_is_not_guessed_at(op, memory):
    memory.keep(choice(environment(op), asked(64), {"plain": 1e-3, "middling": 2e-3}))
    found = ask(op, memory, asked(64))
    assert found.kernel is op["plain"]
    assert "clever" not in found.predicted_s


def test_a_kernel_that_was_pruned_is_taken_for_four_times_the_winner(op, memory):
    reason = {"clever": "skipped: about 40 s at this size"}
    memory.keep(choice(environment(op), asked(64), {"plain": 1e-3, "middling": 2e-3}, reason))
    found = ask(op, memory, asked(64))
    assert found.kernel is op["plain"]
    assert found.predicted_s["clever"] == pytest.approx(4e-3)


def test_a_kernel_that_went_wrong_at_some_size_is_not_chosen(op, memory):
    reason = {"clever": "rejected: off by 1e9 units of rounding"}
    memory.keep(choice(environment(op), asked(64), {**EVEN, "clever": 1e-6}))
    memory.keep(choice(environment(op), asked(640), {"plain": 1e-3, "middling": 2e-3}, reason))
    found = ask(op, memory, asked(64))
    assert found.kernel is op["middling"]
    assert "clever" not in found.predicted_s


def test_a_kernel_without_memory_for_its_temporaries_is_not_chosen(op, memory):
    op.kernel("wasteful", extra_elements=lambda s: 1e6 * s["batch"])(lambda inputs: 2 * inputs)
    memory.keep(choice(environment(op), asked(64), {"plain": 1e-3, "wasteful": 1e-6}))
    assert ask(op, memory, asked(64)).kernel is op["wasteful"]
    assert ask(op, memory, asked(4096)).kernel is op["plain"]


def test_kernels_that_are_gone_are_not_missed(op, memory):
    memory.keep(choice(environment(op), asked(64), crossing(64)))
    op.remove("plain")
    op.remove("clever")
    assert ask(op, memory, asked(64)).predicted_s.keys() == {"middling"}


def test_with_nothing_remembered_or_other_axes_the_last_registered_is_taken(op, memory):
    memory.keep(choice(environment(op), asked(64, sizes=(("rows", 64),)), EVEN))
    found = ask(op, memory, asked(64))
    assert found == Estimate(op["clever"], {}, ())


@pytest.mark.parametrize("name", list(einbench.operations))
@pytest.mark.parametrize("batch", [0, 1, 10**9])
def test_every_operation_has_an_estimate_with_nothing_remembered(name, batch, memory):
    there = einbench.operation(name)
    sizes = there.all_sizes(batch if "batch" in there.axes else None, {})
    options = tuple((option, values[0]) for option, values in there.options.items())
    layout = "C" * len(there.inputs)
    found = ask(there, memory, asked(0, sizes=tuple(sizes.items()), options=options, layout=layout))
    assert found.kernel.available


def test_estimating_imports_no_numba_and_times_nothing(tmp_path):
    run(
        """
import sys, time, einbench
from einbench.choose.estimate import estimate
time.perf_counter = None
drawn = einbench.operation("softmax").draw(batch=8)
op = einbench.operation("softmax")
from einbench.choose.environment import environment, threads
from einbench.choose.signature import signature
from einbench.choose.wisdom import wisdom
here = environment(op)
bound = op.bind(**drawn)
found = estimate(op, signature(op, bound, threads()), here, wisdom(), list(op.kernels))
assert found.kernel.method in op
heavy = {"numba", "scipy", "pandas", "psutil", "threadpoolctl"} & set(sys.modules)
assert not heavy, heavy
""",
        EINBENCH_WISDOM=str(tmp_path),
    )
