"""Threads that BLAS leaves spinning are ended between samples, and only then."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from kernels.measure import spinning
from kernels.measure.machine import usable_threads
from kernels.measure.spinning import stop_spinning

A = np.random.default_rng(0).random((700, 700))


def spun_s() -> float:
    """Processor seconds that this process takes while it sleeps for 20 ms."""
    before_s = time.process_time()
    time.sleep(0.02)
    return time.process_time() - before_s


needs_threads = pytest.mark.skipif(
    usable_threads() < 2 or not spinning._stoppers(), reason="no BLAS here that spins"
)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The threads of a test runner do not multiply matrices."""
    monkeypatch.setattr(spinning.threading, "active_count", lambda: 1)


@needs_threads
def test_after_it_no_thread_of_blas_takes_a_core(alone: None) -> None:
    spinning_s, quiet_s = [], []
    for _ in range(5):
        A @ A
        spinning_s.append(spun_s())
        A @ A
        stop_spinning()
        quiet_s.append(spun_s())
    assert max(spinning_s) > 0.01, "nothing spins: this test shows nothing"
    assert min(quiet_s) < 0.002


def test_products_after_it_are_the_same(alone: None) -> None:
    expected = A @ A
    for _ in range(3):
        stop_spinning()
        np.testing.assert_array_equal(A @ A, expected)


@needs_threads
def test_beside_another_python_thread_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[int] = []
    monkeypatch.setattr(spinning, "_stoppers", lambda: (lambda: called.append(1),))
    before = threading.active_count()
    counted = threading.active_count
    monkeypatch.setattr(spinning.threading, "active_count", lambda: counted() - before + 1)
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    stop_spinning()
    assert not called
    done.set()
    other.join()
    stop_spinning()
    assert called == [1]
