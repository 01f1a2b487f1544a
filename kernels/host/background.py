"""Threads of this package that work beside the program for some seconds, and end."""

from __future__ import annotations

import threading
import weakref

_WORKING: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
_ENDING = threading.Event()


class Ending(Exception):  # noqa: N818 - what the process does
    """The process ends: what is left to do is left to the next one."""


def working(thread: threading.Thread) -> threading.Thread:
    """Have `wait` wait for it."""
    _WORKING.add(thread)
    return thread


def busy() -> bool:
    """Whether any other thread of them works now."""
    # in a forked child they do not exist
    present = threading.current_thread()
    return any(each.is_alive() and each is not present for each in tuple(_WORKING))


def wait() -> None:
    """Until they have ended: what is measured beside them is not what it would be alone."""
    for thread in tuple(_WORKING):
        # in a forked child they do not exist
        if thread.is_alive() and thread is not threading.current_thread():
            thread.join()


def end() -> None:
    """Have them end at the next `go_on`."""
    _ENDING.set()


def pause(seconds: float) -> None:
    """Sleep for so long.

    Raises:
        Ending: as `go_on` does, which ends the sleep too.
    """
    _ENDING.wait(seconds)
    go_on()


def go_on() -> None:
    """Called by long work between two steps.

    Raises:
        Ending: this is one of these threads, and the process ends.
    """
    if _ENDING.is_set() and threading.current_thread() in _WORKING:
        raise Ending
