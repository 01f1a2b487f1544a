"""A choice is not made while other processes have the cores, if that passes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from einbench.choose import measuring
from einbench.choose.environment import Threads
from einbench.measure.predict import Prediction
from einbench.measure.run import Results


class Others:
    """What others have of the cores, run after run, and how often was paused."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *shares: float) -> None:
        self.runs = 0
        self.pauses: list[float] = []
        left: Iterator[float] = iter(shares)
        monkeypatch.setattr(measuring, "moment", lambda: None)
        monkeypatch.setattr(measuring, "other_cores", lambda before, after: next(left))
        monkeypatch.setattr(measuring, "disturbs", lambda others, threads: others > 0.1)
        monkeypatch.setattr(measuring.time, "sleep", self.pauses.append)

    def measure(self, timing_s: float = 0.5) -> tuple[float, float]:
        def run() -> Results:
            self.runs += 1
            known = {"runs": Prediction(1, 1, self.runs)}
            return Results([], timing_s, known)

        measured, others = measuring._quietest(run, Threads(2, 2), tries=4)
        return measured.known["runs"].seconds, others


def test_a_quiet_run_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    others = Others(monkeypatch, 0.0)
    assert others.measure() == (1, 0.0)
    assert (others.runs, others.pauses) == (1, [])


def test_a_disturbed_run_is_made_again_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    others = Others(monkeypatch, 0.9, 0.05)
    assert others.measure() == (2, 0.05)
    assert len(others.pauses) == 1


def test_where_it_never_is_quiet_the_quietest_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    others = Others(monkeypatch, 0.9, 0.4, 0.8, 0.7)
    assert others.measure() == (2, 0.4)
    assert others.runs == 4


def test_a_long_run_is_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    others = Others(monkeypatch, 0.9)
    assert others.measure(timing_s=5.0) == (1, 0.9)
