"""Ctrl-C once stops the work; pressed again it does not stop the keeping of what was done.

What ends a job, a service or a terminal, SIGTERM or SIGHUP, does the same.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from einbench.host.early import STOPPING

#: the signals that stopped this command, one at most
_came: list[int] = []


def interrupted_status() -> int:
    """As a shell reports the signal that came: 130 after Ctrl-C, 143 after SIGTERM."""
    return 128 + (_came[0] if _came else signal.SIGINT)


@contextlib.contextmanager
def first_only() -> Iterator[None]:
    """Inside, the first of these signals raises KeyboardInterrupt and later ones are ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    _came.clear()

    def stop(number: int, frame: FrameType | None) -> None:
        _handle(signal.SIG_IGN)
        _came.append(number)
        raise KeyboardInterrupt

    before = _handle(stop)
    try:
        yield
    finally:
        # after an interrupt the process is about to end, and must not be disturbed
        if not _came:
            _restore(before)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Inside, such a signal comes too late: the work is done, and being kept."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = _handle(signal.SIG_IGN)
    try:
        yield
    finally:
        _restore(before)


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
