"""Memory is traced only where no other thread may allocate as that begins or ends."""

from __future__ import annotations

import sys
import threading
import tracemalloc

import numpy as np
import pytest

from einbench.measure import tracing
from einbench.measure.memory import peak_extra_bytes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what threads do is not known")


@pytest.fixture(autouse=True)
def _as_before_it_was_mended(monkeypatch):
    monkeypatch.setattr(tracing, "_MENDED", False)


@pytest.fixture
def beside():
    """Start a thread that works until the test ends."""
    end, threads = threading.Event(), []

    def start(work):
        def until_the_end():
            while not end.is_set():
                work(end)

        threads.append(threading.Thread(target=until_the_end))
        threads[-1].start()

    yield start
    end.set()
    for thread in threads:
        thread.join()


def test_threads_that_wait_hinder_nothing(beside):
    beside(lambda end: end.wait(60))
    assert any(tracing._wait(tracing._others(), 0.02) for _ in range(100))
    interval_s = sys.getswitchinterval()
    with tracing.tracing() as counts:
        assert counts
        assert tracemalloc.is_tracing()
    assert not tracemalloc.is_tracing()
    assert sys.getswitchinterval() == interval_s
    assert peak_extra_bytes(lambda: np.ones(1000) + np.ones(1000)) >= 16_000


def test_beside_one_that_works_nothing_is_traced(beside):
    numbers = np.ones(1 << 20)
    beside(lambda end: numbers.sum())
    seen = set()
    for _ in range(20):
        with tracing.tracing() as counts:
            seen.add(counts)
            assert tracemalloc.is_tracing() == counts
    assert False in seen
    assert not tracemalloc.is_tracing()


def test_tracing_goes_on_where_a_thread_began_to_work_and_never_waits(beside, monkeypatch):
    monkeypatch.setattr(tracing, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(tracing, "_wait", lambda others, pause_s: pause_s == tracing._USUAL_S)
    beside(lambda end: end.wait(60))
    try:
        with tracing.tracing() as counts:
            assert counts
        assert tracemalloc.is_tracing()
    finally:
        monkeypatch.undo()
        tracemalloc.stop()


def test_the_packages_own_threads_are_not_waited_for(beside):
    names = {thread.name for thread in threading.enumerate()}
    assert tracing._others() == tuple(
        thread.native_id
        for thread in threading.enumerate()
        if thread is not threading.current_thread() and not thread.name.startswith("einbench")
    ), names
    mine = threading.Thread(target=threading.Event().wait, args=(0.5,), name="einbench-listener")
    mine.start()
    assert mine.native_id not in tracing._others()
    mine.join()
