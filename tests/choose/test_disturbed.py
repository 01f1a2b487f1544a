"""A choice made while others use the cores is as good as one made in quiet, or not for good."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

import einbench
from einbench.choose import measuring
from einbench.choose.environment import environment
from einbench.choose.wisdom import wisdom
from einbench.measure.disturbance import Disturbance
from einbench.measure.run import Results
from einbench.verbs.fastest import Choice

Start = Callable[..., Any]


class Others:
    """What others have of the cores, run after run, and how often was paused."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *shares: float) -> None:
        self.runs = 0
        self.pauses: list[float] = []
        left: Iterator[float] = iter(shares)
        real = measuring.run

        def run(*args: Any, **more: Any) -> Results:
            self.runs += 1
            share = next(left)
            found = real(*args, **more)
            seen = Disturbance(share, 0, share > 0.1)
            return replace(found, disturbance=seen, timing_s=self.timing_s)

        monkeypatch.setattr(measuring, "run", run)
        monkeypatch.setattr(measuring.time, "sleep", self.pauses.append)
        self.timing_s = 0.25


def measured(bench: Any, tries: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Decided on a fake clock, but with so many tries."""
    real = measuring._Work.__init__

    def init(work: Any, *args: Any) -> None:
        real(work, *args)
        work._effort = replace(work._effort, tries=tries)

    monkeypatch.setattr(measuring._Work, "__init__", init)
    return bench.decide(again=True)


@pytest.mark.parametrize(
    ("shares", "runs", "kept"),
    [((0.0,), 1, 0.0), ((0.9, 0.05), 2, 0.05), ((0.9, 0.4, 0.8, 0.7), 4, 0.4)],
    ids=["quiet", "quiet later", "never quiet: the quietest"],
)
def test_a_disturbed_run_is_made_again_after_a_pause(
    shares: tuple[float, ...], runs: int, kept: float, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = Others(monkeypatch, *shares)
    found = measured(start(loop=2e-3, quick=1e-3), 4, monkeypatch).measured
    assert (others.runs, len(others.pauses)) == (runs, runs - 1)
    assert found.disturbance.other_cores == kept
    spent = found.spent
    assert spent.timing_s == 0.25
    assert spent.discarded_s == pytest.approx(0.25 * (runs - 1))
    assert spent.waiting_s == pytest.approx(0.5 * (runs - 1))


def test_a_long_run_is_not_made_again(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    others = Others(monkeypatch, 0.9)
    others.timing_s = 5.0
    assert measured(start(loop=1.0), 4, monkeypatch).measured.disturbance.disturbs
    assert others.runs == 1


def test_a_choice_made_in_disturbance_is_measured_again_later(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = start(loop=2e-3, quick=1e-3)
    Others(monkeypatch, 0.9, 0.9, 0.0)
    assert "other processes used 0.9 cores" in str(Choice(bench.op["quick"], bench.decide()))
    (kept,) = wisdom().book(bench.op.name).choices
    assert kept.disturbed == 1
    # for a while it answers, and says what it is
    decision = bench.decide()
    assert decision.origin == "remembered"
    assert "will be measured again" in str(Choice(decision.kernel, decision))
    for disturbed in (2, 0):
        made = datetime.datetime.fromisoformat(kept.date) - datetime.timedelta(hours=1)
        wisdom().remember(bench.op.name, kept._replace(date=f"{made:%Y-%m-%dT%H:%M:%SZ}"))
        assert bench.decide().origin == "measured"
        (kept,) = wisdom().book(bench.op.name).choices
        assert kept.disturbed == disturbed
    # made in quiet, it holds
    old = kept._replace(date="2020-01-02T03:04:05Z")
    wisdom().remember(bench.op.name, old)
    assert bench.decide().origin == "remembered"


def test_the_pause_before_it_is_measured_again_grows(start: Start) -> None:
    bench = start(loop=1e-3)
    bench.decide()
    (kept,) = wisdom().book(bench.op.name).choices
    made = datetime.datetime.fromisoformat(kept.date)
    seconds = [60, 240, 960, 3840, 15360, 61440, 61440]
    for occasion, wait_s in enumerate(seconds, 1):
        marked = kept._replace(disturbed=occasion)
        assert not marked.due(made + datetime.timedelta(seconds=wait_s - 1))
        assert marked.due(made + datetime.timedelta(seconds=wait_s))
    assert not kept.due(made + datetime.timedelta(days=999))


@pytest.mark.skipif(sys.platform != "linux", reason="busy cores are known on Linux")
def test_beside_a_busy_process_a_choice_is_not_kept_for_good_or_was_made_in_quiet(
    folder: Any,
) -> None:
    op = einbench.operation("tanh")
    cores = range(len(os.sched_getaffinity(0)))
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in cores]
    try:
        choice = einbench.fastest(op, **op.draw(batch=2000))
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert choice.decision.measured is not None
    (kept,) = wisdom().book("tanh").of(environment(op))
    assert bool(kept.disturbed) == choice.decision.measured.disturbance.disturbs
    assert kept.disturbed
    assert "disturbed: other processes used" in str(choice)
