"""Whether this process was stopped, or the machine slept: a time that spans that is no time.

A process that was stopped is sent SIGCONT as it goes on. While a machine sleeps, Linux counts the
seconds on one clock and not on another. Who waits for an answer waits in pieces: one that took far
longer than asked for was no waiting.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NamedTuple, TypeVar

Found = TypeVar("Found")

#: readings of two clocks one after the other differ by less
_LEAST_SLEEP_S = 0.05
#: seconds of a piece of a wait, and how much longer one takes in which this process was stopped
_PIECE_S, _STOPPED_S = 1.0, 0.25
#: seconds after a span that may hold a stop, within which a thread that has a signal handles it
_HANDLED_S = 0.01
#: a machine that is stopped again and again gets a time all the same
_TRIES = 5
_continued = 0


class Mark(NamedTuple):
    """A moment, to be compared with a later one."""

    continued: int
    slept_s: float
    at_s: float


def mark() -> Mark:
    """The current moment."""
    return Mark(_continued, _slept_s(), time.monotonic())


def interrupted(since: Mark) -> bool:
    """Whether there was a stop or a sleep since."""
    if time.monotonic() - since.at_s > _STOPPED_S:
        # another thread may have been given the signal, and handles it when it next runs
        time.sleep(_HANDLED_S)
    return _continued != since.continued or _slept_s() - since.slept_s > _LEAST_SLEEP_S


def whole(measure: Callable[[], Found]) -> Found:
    """What it measures; anew where that was interrupted."""
    for _ in range(_TRIES):
        before = mark()
        found = measure()
        if not interrupted(before):
            break
    return found


def within(seconds: float, get: Callable[[float], Found]) -> Found:
    """What ``get(seconds)`` gives in so many seconds that this process was not stopped for.

    Raises:
        queue.Empty: nothing came, as ``get`` says of its own seconds.
    """
    left_s = seconds
    while True:
        piece_s, began_s = min(left_s, _PIECE_S), time.monotonic()
        try:
            return get(piece_s)
        except queue.Empty:
            # what came while this process was stopped may be taken only after it goes on
            if time.monotonic() - began_s < piece_s + _STOPPED_S:
                left_s -= piece_s
            if left_s <= 0:
                raise


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Inside, stops of the process are noticed, if this is its main thread; sleep always is."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGCONT"):
        yield
        return
    before = signal.getsignal(signal.SIGCONT)

    def note(number: int, frame: FrameType | None) -> None:
        global _continued  # noqa: PLW0603 - of the process, as its handlers are
        _continued += 1
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGCONT, note)
    try:
        yield
    finally:
        # None: a handler that Python did not install, and cannot put back
        if before is not None:
            signal.signal(signal.SIGCONT, before)


if hasattr(time, "CLOCK_BOOTTIME"):

    def _slept_s() -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)

else:

    def _slept_s() -> float:
        return 0.0
