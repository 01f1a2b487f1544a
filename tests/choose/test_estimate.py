"""A kernel without timing any: what is guessed from what is remembered, and how sure that is."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from choose_support import doubling, run

import einbench
from einbench.choose.book import Book, Remembered, Time
from einbench.choose.environment import Environment, Machine, Threads, environment
from einbench.choose.estimate import Estimate, estimate
from einbench.choose.model import Guess, sure_within
from einbench.choose.signature import Signature
from einbench.choose.typical import typical
from einbench.choose.wisdom import Wisdom
from einbench.operation import Operation
from einbench.registry import forget

Seconds = Mapping[str, float]


class Memory:
    """What is remembered, without a disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.books: dict[str, Book] = {}

    def book(self, operation: str) -> Book:
        return self.books.get(operation, Book())

    def operations(self) -> list[str]:
        return sorted(self.books)

    def keep(self, operation: str, *choices: Remembered) -> None:
        self.books[operation] = Book(self.book(operation).choices + choices)


@pytest.fixture
def memory(tmp_path: Path) -> Any:
    return Memory(tmp_path)


@pytest.fixture
def op() -> Iterator[Operation]:
    """Three kernels with names that no method has."""
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


def ask(op: Operation, memory: Any, signature: Signature) -> Estimate:
    here = environment(op)
    return estimate(op, signature, here, memory, [method for method, _ in here.candidates])


def crossing(batch: int) -> Seconds:
    """``plain`` has the least overhead and ``clever`` the least work."""
    return {
        "plain": 1e-6 + 1e-6 * batch,
        "middling": 8e-6 + 5e-7 * batch,
        "clever": 5e-5 + 5e-8 * batch,
    }


def remember(op: Operation, memory: Any, *batches: int) -> None:
    for batch in batches:
        memory.keep(op.name, choice(environment(op), asked(batch), crossing(batch)))


def test_the_fastest_is_found_between_and_beyond_remembered_sizes(op, memory):
    remember(op, memory, 1, 16, 256, 4096)
    for batch, fastest in ((0, "plain"), (2, "plain"), (1000, "clever"), (10**7, "clever")):
        found = ask(op, memory, asked(batch))
        assert found.kernel is op[fastest]
        assert found.predicted_s.keys() == {"plain", "middling", "clever"}


def test_predictions_follow_overhead_and_work(op, memory):
    remember(op, memory, 1, 16, 256, 4096)
    for batch in (4, 100, 1000):
        found = ask(op, memory, asked(batch)).predicted_s
        for method, seconds in crossing(batch).items():
            assert found[method] == pytest.approx(seconds, rel=0.25)
    # what is bound by arithmetic and what by traffic shows only where the caches end
    beyond = ask(op, memory, asked(40_000)).predicted_s
    for method, seconds in crossing(40_000).items():
        assert seconds / 4 < beyond[method] < seconds * 4


def test_a_remembered_size_is_guessed_as_it_was(op, memory):
    odd = {"plain": 3e-4, "middling": 2e-6, "clever": 4e-4}
    remember(op, memory, 1, 4096)
    memory.keep(op.name, *[choice(environment(op), asked(64), odd)] * 3)
    assert ask(op, memory, asked(64)).kernel is op["middling"]


def test_ties_go_to_the_simplest(op, memory):
    nearly = {"plain": 1.01e-3, "middling": 1e-3, "clever": 1.005e-3}
    apart = {"plain": 1.1e-3, "middling": 1e-3, "clever": 1.005e-3}
    for seconds, chosen in ((nearly, "plain"), (apart, "middling")):
        memory.books.clear()
        memory.keep(op.name, choice(environment(op), asked(64), seconds))
        assert ask(op, memory, asked(64)).kernel is op[chosen]


def test_it_is_less_sure_where_it_knows_less(op, memory):
    nothing = ask(op, memory, asked(1000)).sure
    remember(op, memory, 1)
    little = ask(op, memory, asked(1000)).sure
    remember(op, memory, 16, 256, 4096)
    much = ask(op, memory, asked(1000)).sure
    assert 1 / 3 < nothing < 0.7
    assert little < much
    # at the size where two take as long nobody can know which
    crossing_batch = 14
    assert ask(op, memory, asked(crossing_batch)).sure < much


@pytest.mark.parametrize(
    "other",
    [{"dtype": "float64"}, {"layout": "F"}, {"integers": "int64"}],
    ids=lambda other: next(iter(other)),
)
def test_another_kind_is_a_hint_and_no_more(op, memory, other):
    seconds = {"plain": 3e-3, "middling": 1e-3, "clever": 2e-3}
    batches = (16, 256, 4096)
    memory.keep(op.name, *[choice(environment(op), asked(n, **other), seconds) for n in batches])
    hinted = ask(op, memory, asked(256))
    memory.books.clear()
    memory.keep(op.name, *[choice(environment(op), asked(n), seconds) for n in batches])
    known = ask(op, memory, asked(256))
    assert hinted.kernel is known.kernel is op["middling"]
    assert hinted.sure < known.sure


def test_another_machine_is_a_hint_that_the_basis_names(op, memory):
    seconds = {"plain": 3e-3, "middling": 1e-3, "clever": 2e-3}
    here = environment(op)
    there = here._replace(machine=Machine("another", "blas 1", "py 3", "2.0", None))
    memory.keep(op.name, *[choice(there, asked(n), seconds) for n in (16, 256, 4096)])
    hinted = ask(op, memory, asked(256))
    memory.keep(op.name, *[choice(here, asked(n), seconds) for n in (16, 256, 4096)])
    known = ask(op, memory, asked(256))
    assert hinted.kernel is op["middling"]
    assert hinted.sure < known.sure
    assert "9 of another machine or version" in hinted.basis
    assert known.basis.startswith("9 remembered timings of 3 of 3 kernels")


def test_what_was_measured_stays_known_when_a_kernel_is_added(op, memory):
    remember(op, memory, 1, 16, 256, 4096)
    op.kernel("late")(lambda inputs: 2 * inputs)
    found = ask(op, memory, asked(1000))
    assert "12 remembered timings of 3 of 4 kernels" in found.basis


def test_a_method_known_from_other_operations_needs_no_timing(memory):
    made = doubling("estimated", flops=lambda s: 10 * s["batch"] * s["features"])
    try:
        for method in ("loop", "ufunc"):
            made.kernel(method)(lambda inputs: 2 * inputs)
        found = ask(made, memory, asked(4096))
        assert found.kernel is made["ufunc"]
        # an interpreted loop is slower by orders of magnitude, and nobody doubts it
        assert found.predicted_s["loop"] > 20 * found.predicted_s["ufunc"]
        assert found.sure > 0.9
        assert typical().cpu in found.basis
    finally:
        forget("estimated")


def test_a_method_that_is_slow_here_is_expected_to_be_slow_elsewhere(op, memory):
    for name, shape in (("softmax", "classes"), ("relu", "features"), ("tanh", "features")):
        there = einbench.operation(name)
        sizes = (("batch", 64), (shape, 10))
        slow = choice(environment(there), asked(64, sizes=sizes), {"numba": 1.0})
        memory.keep(name, slow)
    op.kernel("numba")(lambda inputs: 2 * inputs)
    elsewhere = ask(op, memory, asked(64)).predicted_s["numba"]
    memory.books.clear()
    assert elsewhere > 50 * ask(op, memory, asked(64)).predicted_s["numba"]


def test_a_kernel_that_was_hopeless_is_not_taken_for_unknown(op, memory):
    seconds = {"plain": 1e-3, "middling": 2e-3}
    reason = {"clever": "skipped: about 40 s at this size"}
    memory.keep(op.name, choice(environment(op), asked(64), seconds, reason))
    found = ask(op, memory, asked(64))
    assert found.kernel is op["plain"]
    assert found.predicted_s["clever"] > 2e-3


def test_a_kernel_that_went_wrong_at_some_size_is_not_chosen(op, memory):
    seconds = {"plain": 1e-3, "middling": 2e-3}
    reason = {"clever": "rejected: off by 1e9 units of rounding"}
    memory.keep(op.name, choice(environment(op), asked(64), seconds, reason))
    found = ask(op, memory, asked(4096))
    assert found.kernel is op["plain"]
    assert "clever" not in found.predicted_s


def test_a_kernel_without_memory_for_its_temporaries_is_not_chosen(op, memory):
    op.kernel("wasteful", extra_elements=lambda s: 1e6 * s["batch"])(lambda inputs: 2 * inputs)
    seconds = {"plain": 1e-3, "wasteful": 1e-6}
    memory.keep(op.name, choice(environment(op), asked(64), seconds))
    assert ask(op, memory, asked(64)).kernel is op["wasteful"]
    assert ask(op, memory, asked(4096)).kernel is not op["wasteful"]


def test_kernels_that_are_gone_are_not_missed(op, memory):
    remember(op, memory, 1, 16, 256, 4096)
    op.remove("clever")
    assert ask(op, memory, asked(4096)).kernel is op["middling"]


def test_other_axes_and_operations_of_old_say_nothing(op, memory):
    old = choice(environment(op), asked(64, sizes=(("rows", 64),)), {"plain": 1e-3})
    memory.keep(op.name, old)
    memory.keep("forgotten_operation", old)
    assert 0 < ask(op, memory, asked(64)).sure < 1


@pytest.mark.parametrize("name", list(einbench.operations))
@pytest.mark.parametrize("batch", [0, 1, 10**9])
def test_every_operation_has_an_estimate_with_nothing_remembered(name, batch, memory):
    there = einbench.operation(name)
    sizes = there.all_sizes(batch if "batch" in there.axes else None, {})
    options = tuple((option, values[0]) for option, values in there.options.items())
    layout = "C" * len(there.inputs)
    found = ask(there, memory, asked(0, sizes=tuple(sizes.items()), options=options, layout=layout))
    assert found.kernel.method in there
    assert all(0 < seconds < math.inf for seconds in found.predicted_s.values())
    assert 0 <= found.sure <= 1
    assert "nominal" in found.basis


def test_an_operation_without_a_batch_axis(memory):
    made = doubling(
        "rowless", inputs={"inputs": "features"}, outputs={"outputs": "features"},
        independent=("features",), flops=lambda s: s["features"],
    )  # fmt: skip
    made.kernel("only")(lambda inputs: 2 * inputs)
    try:
        found = ask(made, memory, asked(0, sizes=(("features", 7),)))
        assert found.kernel is made["only"]
        assert found.sure == 1
    finally:
        forget("rowless")


def test_roofs_that_were_measured_here_are_no_longer_nominal(op, tmp_path):
    memory = Wisdom(str(tmp_path))
    signature = asked(10**6, features=10**3)
    nominal = ask(op, memory, signature)
    _write_roofs(tmp_path, slower=100.0)
    slow = ask(op, memory, signature)
    assert "nominal" in nominal.basis
    assert "nominal" not in slow.basis
    for method, seconds in nominal.predicted_s.items():
        assert slow.predicted_s[method] > 20 * seconds
    assert memory.operations() == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: text.replace("einbench.roofline/1", "einbench.roofline/2"),
        lambda text: text.replace('"cpu": ', '"cpu": "another ", "was": '),
        lambda text: text.replace('"float32": ', '"float32": -'),
        lambda text: text.replace('"threads": 1', '"threads": true'),
    ],
)
def test_roofs_that_are_damaged_or_foreign_are_not_believed(op, tmp_path, damage):
    path = _write_roofs(tmp_path, slower=100.0)
    path.write_text(damage(path.read_text()))
    assert "nominal" in ask(op, Wisdom(str(tmp_path)), asked(64)).basis


def _write_roofs(folder: Path, slower: float) -> Path:
    from einbench.choose import roofs
    from einbench.choose.environment import machine

    slow = [
        roofs.Roof(
            one.threads,
            {dtype: speed / slower for dtype, speed in one.peaks.items()},
            tuple((size, speed / slower) for size, speed in one.bandwidths),
        )
        for one in typical().roofs
    ]
    path = folder / "machine" / "roofline.json"
    path.parent.mkdir()
    path.write_text(
        json.dumps(
            {
                "schema": roofs.SCHEMA,
                "machine": machine()._asdict(),
                "roofs": roofs.plain_roofs(tuple(slow)),
            }
        )
    )
    return path


def test_roofs_are_measured_once(tmp_path, monkeypatch):
    from einbench.choose import roofs

    measured: list[int] = []

    def measure(threads: int) -> roofs.Roof:
        measured.append(threads)
        return roofs.roof(typical().roofs, 1)._replace(threads=threads)

    monkeypatch.setattr(roofs, "measure_roof", measure)
    memory = Wisdom(str(tmp_path))
    first = roofs.remember_roofs(memory, Threads(3, 3))
    assert roofs.remember_roofs(memory, Threads(3, 3)) == first
    assert sorted(measured) == [1, 3]
    roofs.remember_roofs(memory, Threads(2, 2))
    assert sorted(measured) == [1, 2, 3]
    assert [one.threads for one in roofs.remembered_roofs(memory) or ()] == [1, 2, 3]


def test_a_folder_that_cannot_be_written_to_costs_no_roofs(tmp_path, monkeypatch):
    from einbench.choose import roofs

    monkeypatch.setattr(roofs, "measure_roof", lambda n: typical().roofs[0]._replace(threads=n))
    (tmp_path / "file").write_text("")
    assert roofs.remember_roofs(Wisdom(str(tmp_path / "file")), Threads(1, 1))


def test_the_probability_is_the_one_that_drawing_finds():
    rng = random.Random(0)  # noqa: S311 - draws, not secrets
    guesses = {"mine": Guess(0.0, 1.0, 0.2), "near": Guess(0.1, 1.0, 0.3), "far": Guess(2, 1, 1)}
    right = sum(
        drawn["mine"] <= min(drawn.values()) + math.log(1.1)
        for _ in range(20_000)
        for drawn in [{m: g.log_s + g.own_scale * _student(rng) for m, g in guesses.items()}]
    )
    assert sure_within("mine", guesses, 1.1) == pytest.approx(right / 20_000, abs=0.015)


def _student(rng: random.Random) -> float:
    return rng.gauss(0, 1) / math.sqrt(sum(rng.gauss(0, 1) ** 2 for _ in range(3)) / 3)


class World:
    """Kernels whose times are known: overhead, work, a cache that ends, and disturbances."""

    def __init__(self, rng: random.Random, methods: tuple[str, ...], sd: float) -> None:
        self.rng, self.sd = rng, sd
        self.facts = {
            method: (
                10 ** rng.uniform(-5.6, -5),
                10 ** rng.uniform(-7.2, -6.8),
                rng.uniform(1, 1.5),
                2 ** rng.uniform(4, 14),
            )
            for method in methods
        }

    def seconds(self, batch: int) -> Seconds:
        """At one moment, which is slow for all kernels or for none."""
        moment = self.rng.gauss(0, self.sd)
        return {
            method: (call_s + row_s * batch * (slower if batch > cached else 1))
            * math.exp(moment + self.rng.gauss(0, self.sd))
            for method, (call_s, row_s, slower, cached) in self.facts.items()
        }


def _said_and_true(op: Operation, memory: Any, sd: float) -> list[tuple[float, float]]:
    """(mean of what was said, part that came true): of guesses hardly, fairly and very sure."""
    rng = random.Random(1)  # noqa: S311 - as above
    guesses: list[tuple[float, bool]] = []
    for _ in range(200):
        world = World(rng, tuple(op.kernels), sd)
        memory.books.clear()
        for batch in rng.sample((1, 8, 64, 512, 4096), k=rng.randint(1, 5)):
            memory.keep(op.name, choice(environment(op), asked(batch), world.seconds(batch)))
        batch = round(2 ** rng.uniform(0, 16))
        found, truth = ask(op, memory, asked(batch)), world.seconds(batch)
        right = truth[found.kernel.method] <= 1.1 * min(truth.values())
        guesses.append((found.sure, right))
    parts = []
    for low, high in ((0.0, 0.6), (0.6, 0.85), (0.85, 1.0)):
        part = [guess for guess in guesses if low <= guess[0] < high]
        if len(part) > 20:
            parts.append((_mean([sure for sure, _ in part]), _mean([right for _, right in part])))
    return parts


@pytest.mark.parametrize(("sd", "boast"), [(0.03, 0.05), (0.2, 0.15)])
def test_what_it_calls_sure_comes_true_as_often(op, memory, sd, boast):
    parts = _said_and_true(op, memory, sd)
    assert len(parts) == 3
    for said, came_true in parts:
        # it may be modest where kernels are steadier than most, and never boasts by much
        assert -boast < came_true - said < 0.3
    assert parts[2][1] > max(parts[0][1], parts[1][1]) + 0.1


def test_a_model_that_boasts_would_be_found_out(op, memory, monkeypatch):
    from einbench.choose import estimate as room

    honest = room.sure_within
    monkeypatch.setattr(room, "sure_within", lambda *of: (1 + honest(*of)) / 2)
    assert any(said - came_true > 0.15 for said, came_true in _said_and_true(op, memory, 0.2))


def _mean(values: list[Any]) -> float:
    return sum(values) / len(values)


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


def test_what_the_package_ships_says_where_it_comes_from():
    shipped = typical()
    assert shipped.cpu
    assert shipped.date.startswith("20")
    assert shipped.habits.keys() >= {"loop", "einsum", "matmul", "numba"}
    assert {"matmul", "einsum_path"} <= shipped.threaded
    assert "loop" not in shipped.threaded
