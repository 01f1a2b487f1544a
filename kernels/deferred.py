"""The package's own operations, imported when one is first asked for.

Importing them takes a hundred milliseconds, and who calls `einbench.einsum` needs none. A child
that was forked meanwhile would wait for modules that another thread had begun to import, so a
thread that forks waits for those that import.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

#: seconds; importing takes a tenth of one
_WAIT_S = 10.0
_LOCK = threading.RLock()
_WAITING: list[Callable[[], None]] = []
_RUNNING: list[Callable[[], None]] = []
#: threads that hold the lock while they fork
_HOLDING: set[int] = set()


def defer(load: Callable[[], None]) -> None:
    """Have this called by the first `load`."""
    _WAITING.append(load)


def load() -> None:
    """Once, do what was deferred; in another thread wait until it is done."""
    if not _WAITING:
        return
    with _LOCK:
        if _RUNNING or not _WAITING:
            return  # what is being imported asks in turn
        _RUNNING.extend(_WAITING)
        try:
            for each in _RUNNING:
                each()
            _WAITING.clear()
        finally:
            _RUNNING.clear()


def _hold() -> None:
    if _WAITING and _LOCK.acquire(timeout=_WAIT_S):
        _HOLDING.add(threading.get_ident())


def _release() -> None:
    if threading.get_ident() in _HOLDING:
        _HOLDING.discard(threading.get_ident())
        _LOCK.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_release)
