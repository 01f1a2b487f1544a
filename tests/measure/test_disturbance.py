"""Load of other processes on the same cores, seen from this process."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from einbench.measure import disturbance
from einbench.measure.disturbance import Moment, disturbs, moment, other_cores


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disturbance.os, "cpu_count", lambda: 4)


@pytest.mark.usefixtures("four_cores")
def test_others_have_what_is_neither_idle_nor_ours() -> None:
    assert other_cores(Moment(0, 0, 0), Moment(2, 3, 4)) == pytest.approx(0.5)
    assert other_cores(Moment(0, 0, 0), Moment(1, 4, 0)) == 0


@pytest.mark.usefixtures("four_cores")
def test_what_is_counted_in_hundredths_says_nothing_of_a_moment() -> None:
    assert other_cores(Moment(0, 0, 0), Moment(0.05, 0, 0)) == 0


@pytest.mark.usefixtures("four_cores")
@pytest.mark.parametrize(
    ("others", "threads", "expected"),
    [(0.05, 4, False), (0.2, 4, True), (2.5, 1, False), (3.5, 1, True), (1.5, 3, True)],
)
def test_only_cores_that_the_kernels_missed_disturb(
    others: float, threads: int, expected: bool
) -> None:
    assert disturbs(others, threads) is expected


def test_a_process_that_computes_is_seen() -> None:
    busy = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        time.sleep(0.3)
        before = moment()
        time.sleep(0.5)
        assert other_cores(before, moment()) > 0.5
    finally:
        for process in busy:
            process.kill()
            process.wait()
