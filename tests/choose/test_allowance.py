"""How long choosing may take of a program that comes with ever new sizes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

import einbench
from einbench.choose import allowance, environment
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


def spend(clock: Clock, name: str, seconds: float) -> None:
    with allowance.spending(name):
        clock.now_s += seconds


def test_the_first_seconds_of_each_name_are_free(clock):
    spend(clock, "ij->i", 1.9)
    assert allowance.allows("ij->i")
    spend(clock, "ij->i", 1.9)
    assert not allowance.allows("ij->i")
    assert allowance.allows("ij->j")


def test_beyond_them_a_tenth_of_the_time_is_allowed(clock):
    spend(clock, "ij->i", 4.0)  # two beyond
    clock.now_s += 15.9
    assert not allowance.allows("ij->i")
    clock.now_s += 0.2
    assert allowance.allows("ij->i")


def test_what_raises_is_counted(clock):
    def fail() -> None:
        clock.now_s += 3.0
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), allowance.spending("ij->i"):
        fail()
    assert not allowance.allows("ij->i")


@pytest.fixture
def allowed(tmp_path, monkeypatch):
    """A list that says whether anything may be measured: its last entry."""
    monkeypatch.setenv("EINBENCH_WISDOM", str(tmp_path))
    environment.refresh()
    said = [True]
    monkeypatch.setattr(allowance, "allows", lambda name: said[-1])
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
