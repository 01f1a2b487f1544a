"""numba's compiler around fork: no child waits for a thread that it does not have.

A child inherits numba's lock as it is. If another thread of its parent is compiling just then, its
own compiling would wait for ever; so a thread that forks waits for those that compile. It waits for
some seconds only, as one that compiles may wait in turn for what this one holds while it forks, and
not for an import of numba. A child that was forked meanwhile does not compile: it says so.
"""

from __future__ import annotations

import os
import threading
from typing import Any

#: seconds; most kernels compile in less
_WAIT_S = 10.0
_IMPORTING = threading.Lock()
#: why this process cannot compile, or that numba was imported
_LOST: list[str] = []
_IMPORTED: list[bool] = []
#: threads that hold numba's lock while they fork
_HOLDING: set[int] = set()


def import_numba() -> None:
    """Import numba, if it can be used in this process.

    Raises:
        ImportError: it cannot be imported, as where its settings in the environment are wrong; or
            this process was forked while another thread was compiling.
    """
    if _LOST:
        raise ImportError(
            f"numba cannot be used in this process, which was forked while another thread was "
            f"{_LOST[0]}: compile before it is forked, or start it by spawn"
        )
    if _IMPORTED:
        return
    with _IMPORTING:
        if _IMPORTED:
            return
        try:
            import numba  # noqa: F401
        except Exception as problem:  # of its settings it raises anything
            raise ImportError(f"numba cannot be imported: {_said(problem)}{_settings()}") from None
        _take_part()
        _IMPORTED.append(True)


def _said(problem: Exception) -> str:
    return " ".join(str(problem).split()).rstrip(".") or type(problem).__name__


def _settings() -> str:
    """What of the environment numba reads as it is imported."""
    found = [f"{name}={value}" for name, value in os.environ.items() if name.startswith("NUMBA_")]
    return f" (set here: {', '.join(sorted(found))})" if found else ""


def _take_part() -> None:
    """Hold numba's lock around each fork from now on.

    Registered after the hooks of `logging` it runs before them: a thread that compiles may need
    what they hold.
    """
    from numba.core.compiler_lock import global_compiler_lock

    lock: Any = global_compiler_lock._lock

    def hold() -> None:
        if lock.acquire(timeout=_WAIT_S):
            _HOLDING.add(threading.get_ident())

    def release() -> bool:
        held = threading.get_ident() in _HOLDING
        if held:
            _HOLDING.discard(threading.get_ident())
            lock.release()
        return held

    def begin_child() -> None:
        if not release():
            _LOST.append("compiling")
        _HOLDING.clear()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=hold, after_in_parent=release, after_in_child=begin_child)


def _begin_child() -> None:
    if _IMPORTING.locked():
        _LOST.append("importing numba")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_child)
