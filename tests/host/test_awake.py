"""A time that spans a stop or a sleep is taken anew."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from einbench.host import awake
from einbench.measure.timing import interleave

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="no process is stopped there")
STOPPED_S = 0.4


def stopped() -> None:
    """This process stops, and is continued by another one once it has stopped.

    The signal may go to any thread, which handles it when it next runs.
    """
    own = os.getpid()
    state = f"ps -o state= -p {own} | grep -q T"
    if Path("/proc/self/status").exists():
        state = f"grep -q State:.T /proc/{own}/status"
    code = f"until {state}; do sleep 0.01; done; sleep {STOPPED_S}; kill -CONT {own}"
    with subprocess.Popen(["/bin/sh", "-c", code]):
        os.kill(own, signal.SIGSTOP)
    time.sleep(0.1)


@POSIX
@pytest.mark.parametrize("when", [1, 9])
def test_a_sample_that_spans_a_stop_is_discarded(when):
    calls = []

    def call():
        calls.append(1)
        if len(calls) == when:
            stopped()

    # the other takes longer: beside other processes the one that is looked at could lose, and end
    timing = interleave(
        {"stopped": call, "other": lambda: sum(range(5000))}, budget_s=10.0,
        rng=np.random.default_rng(0), least_rounds=3, most_rounds=20, min_sample_s=1e-9,
    )  # fmt: skip
    samples = timing.samples["stopped"]
    assert len(calls) > when
    assert len(samples) == timing.rounds == 20
    assert max(samples) < STOPPED_S / 2


@POSIX
def test_stops_are_counted_inside_only_and_the_programs_own_handler_is_called_too():
    came = []
    before = signal.signal(signal.SIGCONT, lambda *_: came.append(1))
    try:
        own = signal.getsignal(signal.SIGCONT)
        with awake.watched():
            since = awake.mark()
            assert not awake.interrupted(since)
            stopped()
            assert awake.interrupted(since)
        assert signal.getsignal(signal.SIGCONT) is own
        since = awake.mark()
        stopped()
        assert not awake.interrupted(since)
        assert len(came) == 2
    finally:
        signal.signal(signal.SIGCONT, before)


def test_what_a_sleeping_machine_spans_is_measured_anew_a_few_times(monkeypatch):
    slept_s = iter([0.0, 20.0, 20.0, 20.01])
    monkeypatch.setattr(awake, "_slept_s", lambda: next(slept_s))
    found = iter([20.5, 0.5])
    assert awake.whole(lambda: next(found)) == 0.5
    always = iter(range(100))
    monkeypatch.setattr(awake, "_slept_s", lambda: float(next(always)))
    found = iter(range(100))
    assert awake.whole(lambda: next(found)) == awake._TRIES - 1


@POSIX
def test_time_that_a_process_is_stopped_for_is_no_waiting():
    asked = []

    def answer(piece_s):
        asked.append(piece_s)
        if len(asked) == 1:
            stopped()
            raise queue.Empty
        return "there"

    assert awake.within(0.001, answer) == "there"
    assert asked == [0.001, 0.001]


@pytest.mark.parametrize("seconds", [0.0, 0.5, 2.5])
def test_a_wait_for_nothing_ends(seconds):
    asked = []

    def nothing(piece_s):
        asked.append(piece_s)
        raise queue.Empty

    with pytest.raises(queue.Empty):
        awake.within(seconds, nothing)
    assert sum(asked) >= seconds
    assert max(asked) <= awake._PIECE_S


@POSIX
def test_beside_the_main_thread_signals_are_left_alone():
    seen = []

    def look():
        with awake.watched():
            seen.append(signal.getsignal(signal.SIGCONT))

    before = signal.getsignal(signal.SIGCONT)
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]
