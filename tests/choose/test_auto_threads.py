"""einbench.auto and fastest from many threads, their counts of threads, and forked children."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from choose_support import OPERATION, Held, run

import einbench
from einbench.choose import environment
from einbench.choose.auto import Auto
from einbench.choose.environment import Threads

Start = Callable[..., Any]
X = np.ones((4, 3), "float32")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
pytestmark = pytest.mark.usefixtures("auto")


@pytest.mark.parametrize("ask", ["auto", "fastest", "both"])
def test_many_threads_that_ask_for_the_same_at_once_measure_once(
    ask: str, start: Start, auto: Auto, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch, lambda: time.sleep(0.05))
    bench = start(loop=1e-3, other=2e-3)
    barrier = threading.Barrier(8)

    def work(number: int) -> bool:
        barrier.wait()
        if ask == "auto" or (ask == "both" and number % 2):
            return bool((getattr(auto, bench.op.name)(X) == 2).all())
        return bool((einbench.fastest(bench.op, X)(X) == 2).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))
    assert held.count == 1


def test_many_threads_with_many_signatures_get_right_results(
    start: Start, auto: Auto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While everything is decided anew again and again."""
    bench = start(loop=1e-3)
    monkeypatch.setattr("einbench.lookup.MOST_KEYS", 5)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    stop = threading.Event()

    def work(seed: int) -> int:
        rng, done = np.random.default_rng(seed), 0
        while not stop.is_set():
            x = np.full((int(rng.integers(1, 8)), 3), seed, "float32")
            assert (getattr(auto, bench.op.name)(x) == 2 * seed).all()
            done += 1
        return done

    try:
        with ThreadPoolExecutor(4) as pool:
            working = [pool.submit(work, seed) for seed in range(4)]
            for _ in range(300):
                auto.refresh()
                repr(auto)
                time.sleep(0.001)
            stop.set()
            assert all(w.result(60) for w in working)
    finally:
        stop.set()
        sys.setswitchinterval(before)


class RefreshedAuto(Auto):
    """One whose `refresh` comes at the worst moment: right after threads are read."""

    reads = 0

    def __getattribute__(self, name: str) -> Any:
        found = object.__getattribute__(self, name)
        if name == "_threads" and found is not None:
            object.__setattr__(self, "_threads", None)
            type(self).reads += 1
            return found if type(self).reads == 1 else object.__getattribute__(self, name)
        return found


def test_a_refresh_between_reading_threads_and_deciding_does_no_harm(start: Start) -> None:
    bench = start(loop=1e-3)
    for batch in (2, 3, 600):
        assert (getattr(RefreshedAuto(), bench.op.name)(np.ones((batch, 3))) == 2).all()


def counts() -> list[Any]:
    import threadpoolctl

    found = sorted((i["filepath"], i["num_threads"]) for i in threadpoolctl.threadpool_info()
                   if i["user_api"] == "blas")  # fmt: skip
    if "numba" in sys.modules:
        import numba

        found.append(("numba", numba.get_num_threads()))
    return found


@pytest.mark.parametrize("threads", [None, 1])
@pytest.mark.parametrize("fails", [False, True])
def test_counts_of_threads_are_left_as_they_were(
    threads: int | None, fails: bool, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("threadpoolctl")
    if not einbench.operation("relu")["numba_parallel"].reason:
        einbench.operation("relu")["numba_parallel"](X)
    before = counts()
    linear = einbench.operation("linear").draw(5, features=4, units=3)
    einbench.fastest("linear", **linear, threads=threads)
    einbench.auto.linear(**linear)
    if fails:
        bench = start()
        bench.kernel("wrong", 1e-3, lambda inputs: 3 * inputs)
        with pytest.raises(ValueError, match="no kernel is left"):
            einbench.fastest(bench.op, X, threads=threads)
    assert counts() == before


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one thread is all there is")
def test_counts_of_threads_are_left_as_they_were_by_two_threads_at_once(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first that limits them is the first to leave."""
    pytest.importorskip("threadpoolctl")
    one, two = start(loop=1e-3), start(loop=1e-3)
    einbench.fastest(one.op, X[:1], threads=1)  # everything is imported and has started
    before = counts()
    inside = threading.Event()
    real = environment.threads

    def threads() -> Threads:
        inside.set()
        time.sleep(0.2)
        return real()

    monkeypatch.setattr(environment, "threads", threads)
    first = threading.Thread(target=einbench.fastest, args=(one.op, X), kwargs={"threads": 1})
    first.start()
    inside.wait(20)
    time.sleep(0.1)
    second = threading.Thread(target=einbench.fastest, args=(two.op, X), kwargs={"threads": 2})
    second.start()
    first.join(20), second.join(20)
    assert counts()[:1] == before[:1]


FORK = """
import signal, threading, time
from einbench.jit import compiled
from einbench.choose import dispatch, looked_at
import einbench.choose.wisdom as written
written._MEASURING_TIMEOUT_S = 0.5  # the lock on disk is the parent's, and is kept meanwhile
entered, leave = threading.Event(), threading.Event()

def hold():
    HOLD

holder = threading.Thread(target=hold, daemon=True)
holder.start()
assert entered.wait(20)
child = os.fork()
if not child:
    signal.alarm(20)  # ends a child that would wait forever
    found = einbench.auto.ASK(np.ones((5, 3)))
    os._exit(0 if found.size else 1)
status = os.waitpid(child, 0)[1]
leave.set()
holder.join(20)
print(status)
"""
MEASURING = """real = measuring.check_small
    def slow(*args, **more):
        if threading.current_thread() is holder:
            entered.set(), leave.wait(30)
        return real(*args, **more)
    measuring.check_small = slow
    einbench.auto.doubled(np.ones((4, 3)))
"""
LOCKED = """with LOCK:
        entered.set(), leave.wait(30)
"""


@pytest.mark.long
@needs_fork
@pytest.mark.parametrize(
    ("hold", "ask"),
    [
        (LOCKED.replace("LOCK", "wisdom()._lock"), "doubled"),
        (LOCKED.replace("LOCK", "looked_at.MEASURING.lock"), "doubled"),
        (LOCKED.replace("LOCK", "dispatch._LISTING.lock"), "doubled"),
        (LOCKED.replace("LOCK", "compiled._LOCK.lock"), "relu"),
        (MEASURING, "doubled"),
    ],
    ids=["wisdom", "measuring", "listing", "compiling", "a measurement"],
)
def test_a_child_forked_while_another_thread_is_at_work_is_not_stuck(hold: str, ask: str) -> None:
    script = OPERATION + FORK.replace("HOLD", hold).replace("ASK", ask)
    assert run(script).stdout.strip() == "0"
