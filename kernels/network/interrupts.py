"""Ctrl-C waits for the end of a step.

An exception that is raised inside compiled code, or inside the first import of numba, comes out as
another one, or leaves numba unusable in this process. So while a training runs, a SIGINT is only
noted, and delivered to the previous handler at the next point where nothing is half done; a
second one is delivered at once.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any


@contextlib.contextmanager
def between_steps() -> Iterator[Callable[[], None]]:
    """Gives a function to call between steps: it delivers what has come meanwhile."""
    before: Any = None
    if threading.current_thread() is threading.main_thread():  # signals are the main thread's
        before = signal.getsignal(signal.SIGINT)
    if not callable(before):
        yield lambda: None
        return
    waiting: list[FrameType | None] = []

    def note(number: int, frame: FrameType | None) -> None:
        waiting.append(frame)
        if len(waiting) > 1:
            before(number, frame)

    def deliver() -> None:
        if waiting:
            frame = waiting.pop()
            waiting.clear()
            before(signal.SIGINT, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield deliver
    finally:
        if signal.getsignal(signal.SIGINT) is note:
            signal.signal(signal.SIGINT, before)
    deliver()
