"""Locks of a module, renewed in a forked child: the thread that held one does not exist there."""

from __future__ import annotations

import os
import threading


class ForkedLock:
    """``with _LOCK.lock:`` is a reentrant lock, another one in a forked child.

    A thread that forks while it holds the lock releases the lock it acquired.
    """

    def __init__(self) -> None:
        self._renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self.lock = threading.RLock()
