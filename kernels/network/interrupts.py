"""Ctrl-C waits for the end of a step.

An exception that is raised inside compiled code, or inside the first import of numba, comes out as
another one, or leaves numba unusable in this process. So while a training runs, a SIGINT is only
noted, and delivered to the previous handler at the next point where nothing is half done; a
second one is delivered at once. So are SIGTERM and SIGHUP where the program handles them.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from einbench.host.early import STOPPING

#: what delivers, of the blocks that are entered
_ENTERED: list[Callable[[], None]] = []


def deliver() -> None:
    """Where nothing is half done inside a step: as the function that `between_steps` gives."""
    if _ENTERED and threading.current_thread() is threading.main_thread():
        _ENTERED[-1]()


@contextlib.contextmanager
def between_steps() -> Iterator[Callable[[], None]]:
    """Gives a function to call between steps: it delivers what has come meanwhile."""
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():  # signals are the main thread's
        handlers = {number: signal.getsignal(number) for number in STOPPING}
        before = {number: handler for number, handler in handlers.items() if callable(handler)}
    if not before:
        yield lambda: None
        return
    waiting: list[tuple[int, FrameType | None]] = []

    def note(number: int, frame: FrameType | None) -> None:
        waiting.append((number, frame))
        if len(waiting) > 1:
            before[number](number, frame)

    def delivered() -> None:
        if waiting:
            number, frame = waiting.pop()
            waiting.clear()
            before[number](number, frame)

    for number in before:
        signal.signal(number, note)
    _ENTERED.append(delivered)
    try:
        yield delivered
    finally:
        _ENTERED.remove(delivered)
        for number, handler in before.items():
            if signal.getsignal(number) is note:
                signal.signal(number, handler)
    delivered()
