"""numba's compiler around fork: no child inherits its lock from a thread that is not there.

A thread that forks waits until no other is compiling, or importing numba for the first time:
seconds at most. Without that the child would wait for ever when it compiles something itself.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

_IMPORTING = threading.RLock()
#: the locks of numba that the forking thread holds
_HELD: list[Any] = []
#: not empty where numba was imported
_IMPORTED: list[bool] = []


def import_numba() -> None:
    """Import it, while no other thread forks.

    Raises:
        ImportError: it cannot be, as where its settings in the environment are wrong.
    """
    # who compiles holds numba's lock, which must come second: where it is imported nothing is held
    if _IMPORTED:
        return
    with _IMPORTING:
        try:
            import numba  # noqa: F401
        except Exception as problem:  # of its settings it raises anything
            raise ImportError(
                f"numba cannot be imported: {_said(problem)}{_settings()}"
            ) from problem
        _IMPORTED.append(True)


def _said(problem: Exception) -> str:
    return " ".join(str(problem).split()).rstrip(".") or type(problem).__name__


def _settings() -> str:
    """What of the environment numba reads as it is imported."""
    found = [f"{name}={value}" for name, value in os.environ.items() if name.startswith("NUMBA_")]
    return f" (set here: {', '.join(sorted(found))})" if found else ""


def _hold() -> None:
    _IMPORTING.acquire()
    module = sys.modules.get("numba.core.compiler_lock")
    lock = getattr(module, "global_compiler_lock", None)
    if lock is not None:
        lock.acquire()
        _HELD.append(lock)


def _release() -> None:
    while _HELD:
        _HELD.pop().release()
    _IMPORTING.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_release)
