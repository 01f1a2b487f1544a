"""Imports and numba's compiler around fork: no child waits for a thread that it does not have.

A child inherits locks as they are: those of modules that another thread of its parent is importing
just then, and numba's while another thread compiles. Its own importing or compiling would wait for
ever; so a thread that forks waits for those that import inside `importing`, or compile. It waits
for some seconds only, as they may wait in turn for what this one holds while it forks. A child that
was forked meanwhile does not compile: it says so.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

#: seconds; most kernels compile in less, and all modules are imported in less
_WAIT_S = 10.0
#: why this process cannot compile; that numba is being imported, and that it was
_LOST: list[str] = []
_BEGUN: list[bool] = []
_IMPORTED: list[bool] = []
_REGISTERED: list[bool] = []


class _Around:
    """A lock that each thread which forks holds meanwhile, if it gets it in time."""

    def __init__(self, lock: Any) -> None:
        self.lock = lock
        self._holding: set[int] = set()

    def hold(self) -> None:
        if self.lock.acquire(timeout=_WAIT_S):
            self._holding.add(threading.get_ident())

    def release(self) -> bool:
        """Whether it was held."""
        held = threading.get_ident() in self._holding
        if held:
            self._holding.discard(threading.get_ident())
            self.lock.release()
        return held


_IMPORTS = _Around(threading.RLock())


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Import inside, and threads that fork wait until it is done."""
    with _IMPORTS.lock:
        if not _REGISTERED:
            _REGISTERED.append(True)
            _register(_IMPORTS, "importing numba", lambda: bool(_BEGUN))
        yield


def import_numba() -> None:
    """Import numba, if it can be used in this process.

    Raises:
        ImportError: it cannot be imported, as where its settings in the environment are wrong; or
            this process was forked while another thread was importing it or compiling, for long.
    """
    if _LOST:
        raise ImportError(
            f"numba cannot be used in this process, which was forked while another thread was "
            f"{_LOST[0]}: compile before it is forked, or start it by spawn"
        )
    if _IMPORTED:
        return
    with importing():
        if _IMPORTED:
            return
        _BEGUN.append(True)
        try:
            import numba  # noqa: F401
        except Exception as problem:  # of its settings it raises anything
            raise ImportError(f"numba cannot be imported: {_said(problem)}{_settings()}") from None
        finally:
            _BEGUN.clear()
        from numba.core.compiler_lock import global_compiler_lock

        _register(_Around(global_compiler_lock._lock), "compiling", lambda: True)
        _IMPORTED.append(True)


def _said(problem: Exception) -> str:
    return " ".join(str(problem).split()).rstrip(".") or type(problem).__name__


def _settings() -> str:
    """What of the environment numba reads as it is imported."""
    found = [f"{name}={value}" for name, value in os.environ.items() if name.startswith("NUMBA_")]
    return f" (set here: {', '.join(sorted(found))})" if found else ""


def _register(around: _Around, doing: str, lost: Callable[[], bool]) -> None:
    """Hold a lock around each fork from now on.

    Hooks before a fork run in the order opposite to that of registering: a thread that is waited
    for may need what those of `logging` hold, so they are registered before.
    """
    import logging  # noqa: F401 - as said

    def begin_child() -> None:
        if not around.release():
            _LOST.extend([doing] if lost() else [])
            around.lock = threading.RLock()  # numba keeps its own, which no thread here will have

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=around.hold, after_in_parent=around.release, after_in_child=begin_child
        )
