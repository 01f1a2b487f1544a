"""Ctrl-C in a training comes between steps, whatever was running when it was pressed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import einbench
from einbench.network.interrupts import between_steps

N = einbench.network
RNG = np.random.default_rng(0)
X = RNG.standard_normal((500, 20)).astype("float32")
Y = RNG.integers(0, 3, 500)

FIRST_IMPORT = """
import os, signal, threading, numpy as np, einbench
N = einbench.network
rng = np.random.default_rng(0)
x, y = rng.standard_normal((500, 20)).astype("f4"), rng.integers(0, 3, 500)
net = N.Sequential([N.Linear(20, 8), N.ReLU(), N.Linear(8, 3)], kernels="numba")
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
history = net.fit(x, y, epochs=10**6, batch=50, on_interrupt="return")
print(history.stopped)
again = N.Sequential([N.Linear(20, 8), N.ReLU(), N.Linear(8, 3)], kernels="numba")
print(len(again.fit(x, y, epochs=2, batch=50).loss))
"""

#: a command of its own after this is started as a shell starts one that ends with &
IGNORING = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def network(family: str) -> N.Sequential:
    layers = [N.Linear(20, 16), N.ReLU(), N.Linear(16, 12), N.ReLU(), N.Linear(12, 3)]
    return N.Sequential(layers, kernels=family)


def pressed_after(seconds_s: float) -> threading.Timer:
    timer = threading.Timer(seconds_s, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    return timer


@pytest.mark.parametrize("family", ["numba", "tiled", "matmul"])
def test_inside_a_compiled_kernel_it_is_an_interrupt_all_the_same(family: str) -> None:
    network(family).fit(X, Y, batch=50)  # compiled beforehand
    for delay_s in (0.02, 0.05, 0.08):
        net = network(family)
        ends: list[list[np.ndarray]] = []
        timer = pressed_after(delay_s)
        history = net.fit(
            X, Y, epochs=10**6, batch=50, on_interrupt="return",
            on_epoch=lambda _, net=net, ends=ends: ends.append(
                [p.copy() for p in net.parameters.values()]
            ),
        )  # fmt: skip
        timer.join()
        assert history.stopped == "interrupted"
        assert history.epochs in (len(ends), len(ends) - 1)
        kept = ends[history.epochs - 1] if history.epochs else None
        for now, then in zip(net.parameters.values(), kept or [], strict=False):
            np.testing.assert_array_equal(now, then)


def test_in_the_first_import_of_numba_it_leaves_numba_whole() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST_IMPORT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["interrupted", "2"]


def test_the_first_is_held_until_asked_for() -> None:
    reached = []

    def hold() -> None:
        with between_steps() as deliver:
            os.kill(os.getpid(), signal.SIGINT)
            reached.append("held")
            deliver()
            reached.append("not delivered")

    with pytest.raises(KeyboardInterrupt):
        hold()
    assert reached == ["held"]


def test_the_second_is_not_held() -> None:
    reached = []

    def hold() -> None:
        with between_steps():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            reached.append("held")

    with pytest.raises(KeyboardInterrupt):
        hold()
    assert not reached


def test_one_that_was_not_awaited_is_delivered_at_the_end() -> None:
    with pytest.raises(KeyboardInterrupt), between_steps():
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_who_runs_in_the_background_is_not_interrupted() -> None:
    script = "import os, signal\nfrom einbench.network.interrupts import between_steps\n"
    script += "with between_steps() as deliver:\n"
    script += "    os.kill(os.getpid(), signal.SIGINT)\n    deliver()\nprint('whole')"
    done = subprocess.run(
        [sys.executable, "-c", IGNORING, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("whole\n", "")


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_these_tests_are_interrupted_even_if_they_run_in_the_background() -> None:
    pressed = f"{__file__}::{test_one_that_was_not_awaited_is_delivered_at_the_end.__name__}"
    done = subprocess.run(
        [sys.executable, "-c", IGNORING, "-m", "pytest", "-q", "-p", "no:cacheprovider", pressed],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_beside_the_main_thread_signals_are_left_alone() -> None:
    found: list[object] = []

    def look() -> None:
        with between_steps() as deliver:
            deliver()
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGINT)]
