"""Ctrl-C once stops the work and keeps what was done; once more it ends the command at once.

What was measured is on disk by then, for `--resume`. What ends a job, a service or a terminal,
SIGTERM or SIGHUP, does the same.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from einbench.host.early import STOPPING

#: signals that are closer together are one
_SAME_S = 0.1

#: the signals that stopped this command, one at most
_came: list[int] = []


def interrupted_status() -> int:
    """As a shell reports the signal that came: 130 after Ctrl-C, 143 after SIGTERM."""
    return 128 + (_came[0] if _came else signal.SIGINT)


@contextlib.contextmanager
def first_only() -> Iterator[None]:
    """Inside, the first of these signals raises KeyboardInterrupt, and the second ends it all."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    _came.clear()

    def stop(number: int, frame: FrameType | None) -> None:
        _came.append(number)
        _handle(_second())
        raise KeyboardInterrupt

    before = _handle(stop)
    try:
        yield
    finally:
        # after an interrupt the process is about to end, and one more must not show a traceback
        if not _came:
            _restore(before)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Inside, such a signal comes too late: the work is done, and being kept; a second ends it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(number: int, frame: FrameType | None) -> None:
        _handle(_second())

    before = _handle(late if not _came else _second())
    try:
        yield
    finally:
        _restore(before)


def _second() -> Callable[[int, FrameType | None], None]:
    """What handles a signal after the first, which was just now."""
    first_s = time.monotonic()

    def end(number: int, frame: FrameType | None) -> None:
        # a terminal and what started this command may both pass on the same key
        if time.monotonic() - first_s > _SAME_S:
            os.write(2, b"einbench: ended at once\n")
            os._exit(128 + number)

    return end


def _handle(handler: Any) -> dict[int, Any]:
    """Handle these signals; gives what handled them before. nohup's ignored one stays so."""
    before = {number: signal.getsignal(number) for number in STOPPING}
    taken = {
        number: handled
        for number, handled in before.items()
        if number == signal.SIGINT or handled is not signal.SIG_IGN
    }
    for number in taken:
        signal.signal(number, handler)
    return taken


def _restore(before: dict[int, Any]) -> None:
    for number, handled in before.items():
        signal.signal(number, handled)
