"""Nothing is measured while a thread of this package works beside it."""

from __future__ import annotations

import threading

import numpy as np

from einbench.host import background
from einbench.measure.memory import peak_extra_bytes


def blocked_thread() -> tuple[threading.Thread, threading.Event]:
    go = threading.Event()
    thread = background.working(threading.Thread(target=go.wait, args=(30,), daemon=True))
    thread.start()
    return thread, go


def test_waiting_ends_when_they_have() -> None:
    thread, go = blocked_thread()
    waiting = threading.Thread(target=background.wait)
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    go.set()
    waiting.join(30)
    assert not waiting.is_alive()
    assert not thread.is_alive()


def test_a_thread_does_not_wait_for_itself_nor_for_one_not_started() -> None:
    ended = threading.Event()

    def work() -> None:
        background.wait()
        ended.set()

    background.working(threading.Thread(target=work))
    thread = background.working(threading.Thread(target=work))
    thread.start()
    assert ended.wait(30)


def test_memory_is_measured_after_them() -> None:
    thread, go = blocked_thread()
    alive = []
    threading.Timer(0.1, go.set).start()
    peak_extra_bytes(lambda: alive.append(thread.is_alive()) or np.ones(3))
    assert alive == [False]
