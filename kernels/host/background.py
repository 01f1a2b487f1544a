"""Threads of this package that work beside the program for some seconds, and end."""

from __future__ import annotations

import threading
import weakref

_WORKING: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


def working(thread: threading.Thread) -> threading.Thread:
    """Have `wait` wait for it."""
    _WORKING.add(thread)
    return thread


def wait() -> None:
    """Until they have ended: what is measured beside them is not what it would be alone."""
    for thread in tuple(_WORKING):
        # in a forked child they do not exist
        if thread.is_alive() and thread is not threading.current_thread():
            thread.join()
