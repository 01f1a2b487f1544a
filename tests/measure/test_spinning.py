"""Threads that BLAS leaves spinning are ended between samples, and only then."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from einbench.host.machine import usable_threads
from einbench.measure import spinning
from einbench.measure.spinning import stop_spinning

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
    monkeypatch.setattr(spinning, "_alone", lambda: True)


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
    before = set(threading.enumerate()) - {threading.current_thread()}
    found = threading.enumerate
    monkeypatch.setattr(spinning.threading, "enumerate", lambda: set(found()) - before)
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    stop_spinning()
    assert not called
    done.set()
    other.join()
    stop_spinning()
    assert called == [1]


#: after a parallel kernel has run, the pool's threads are there for good
BESIDE_POOL = """
import threading, time
import numpy as np
import einbench
from einbench.measure.spinning import stop_spinning

relu = einbench.operation("relu")
relu["simd"](**relu.draw(1000, "float32", seed=1))
assert threading.active_count() > 1, "no pool"
A = np.random.default_rng(0).random((700, 700))
spun_s = []
for _ in range(10):
    A @ A
    stop_spinning()
    before_s = time.process_time()
    time.sleep(0.02)
    spun_s.append(time.process_time() - before_s)
print(min(spun_s))
"""


@needs_threads
def test_threads_of_the_pool_are_no_reason_to_let_it_spin() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BESIDE_POOL], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 0.002
