"""How long choosing may take of a program that comes with ever new sizes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from choose_support import Bench

import einbench
from einbench.choose import allowance, environment
from einbench.choose.auto import Auto
from einbench.dropin import measured


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s

    process_time = monotonic


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    allowance.forget()
    found = Clock()
    monkeypatch.setattr(allowance, "time", found)
    yield found
    allowance.forget()


SMALL = np.ones(10)


def spend(clock: Clock, name: str, seconds: float, array: np.ndarray = SMALL) -> None:
    with allowance.spending(name, [array]):
        clock.now_s += seconds


def test_the_first_seconds_of_each_name_are_free(clock):
    spend(clock, "ij->i", 1.2)
    assert allowance.allows("ij->i", [SMALL])
    spend(clock, "ij->i", 0.2)
    assert not allowance.allows("ij->i", [SMALL])
    assert allowance.allows("ij->j", [SMALL])


def test_beyond_them_a_tenth_of_the_time_is_allowed(clock):
    spend(clock, "ij->i", 3.25)  # two beyond
    clock.now_s += 16.7
    assert not allowance.allows("ij->i", [SMALL])
    clock.now_s += 0.2
    assert allowance.allows("ij->i", [SMALL])


def test_larger_arrays_wait_until_there_is_time_for_what_they_are_expected_to_take(clock):
    large = np.ones(10 * 4**4)
    spend(clock, "ij->i", 0.3)  # 1.2 seconds with the large ones, and 0.3 spent
    assert allowance.allows("ij->i", [large])
    spend(clock, "ij->i", 0.6)  # 2.4 seconds with the large ones
    assert allowance.allows("ij->i", [SMALL])
    assert not allowance.allows("ij->i", [large])
    clock.now_s += 23.0
    assert not allowance.allows("ij->i", [large])
    clock.now_s += 0.2
    assert allowance.allows("ij->i", [large])
    spend(clock, "ij->i", 0.3, large)
    assert allowance.allows("ij->i", [large])
    clock.now_s -= 20.0
    assert not allowance.allows("ij->i", [np.ones(large.size * 2**4)])


def test_what_raises_is_counted(clock):
    def fail() -> None:
        clock.now_s += 3.0
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), allowance.spending("ij->i", [SMALL]):
        fail()
    assert not allowance.allows("ij->i", [SMALL])


@pytest.fixture
def allowed(tmp_path, monkeypatch):
    """A list that says whether anything may be measured: its last entry."""
    monkeypatch.setenv("EINBENCH_WISDOM", str(tmp_path))
    environment.refresh()
    said = [True]
    monkeypatch.setattr(allowance, "allows", lambda name, arrays: said[-1])
    yield said
    environment.refresh()


@pytest.fixture
def measurements(monkeypatch):
    """Sizes that einsum measured."""
    found: list[tuple[int, ...]] = []
    real = measured.measured

    def counted(task, *rest):
        found.append(task.contraction.sizes)
        return real(task, *rest)

    monkeypatch.setattr(measured, "measured", counted)
    return found


def test_einsum_measures_a_size_later_where_it_may_not_now(allowed, measurements, tmp_path):
    a, b = np.random.default_rng(0).random((2, 70, 70))
    allowed.append(False)
    for _ in range(3):
        np.testing.assert_allclose(einbench.einsum("ij,jk->ik", a, b), a @ b)
    assert measurements == []
    allowed.append(True)
    for _ in range(3):
        np.testing.assert_allclose(einbench.einsum("ij,jk->ik", a, b), a @ b)
    assert measurements == [(70, 70, 70)]
    (file,) = tmp_path.glob("*.json")
    assert [c["sizes"]["a"] for c in json.loads(file.read_text())["choices"]] == [70]


def test_a_size_that_comes_when_too_much_was_measured_is_estimated_for_now(clock):
    bench = Bench()
    bench.kernel("loop", 0.0, lambda inputs: np.stack([2 * row for row in inputs]))
    bench.kernel("quick", 0.0)
    auto = Auto()
    function = getattr(auto, bench.op.name)

    def decided(batch: int) -> tuple[str, set[str]]:
        """Which kernels were called, and which by a second call."""
        bench.log.clear()
        function(np.ones((batch, 3), np.float32))
        measured = len(bench.log) > 20
        bench.log.clear()
        function(np.ones((batch, 3), np.float32))
        return "measured" if measured else "estimated", {method for method, _ in bench.log}

    assert decided(100) == ("measured", {"quick"})
    spend(clock, bench.op.name, 3.5)
    assert decided(50_000) == ("estimated", {"quick"})
    # what is remembered is not forgotten
    assert decided(100) == ("estimated", {"quick"})
    clock.now_s += 60.0
    # the call that finds that there is time is still answered as before
    function(np.ones((50_000, 3), np.float32))
    assert decided(50_000) == ("measured", {"quick"})


def test_who_asks_for_a_choice_gets_it_measured_however_much_was(clock):
    bench = Bench()
    bench.kernel("loop", 0.0)
    spend(clock, bench.op.name, 3.5)
    assert einbench.fastest(bench.op, np.ones((10, 3), np.float32)).origin == "measured"
    assert not allowance.allows(bench.op.name, [SMALL])
