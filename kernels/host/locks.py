"""Locks of a whole module, anew in a child of fork: who held one is not there to let it go."""

from __future__ import annotations

import os
import threading


class ForkedLock:
    """``with _LOCK.lock:`` is a reentrant lock, another one in a child of fork.

    Whoever forks while he holds it lets go of the one that he took.
    """

    def __init__(self) -> None:
        self._renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self.lock = threading.RLock()
