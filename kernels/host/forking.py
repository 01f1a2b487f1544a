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
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

#: seconds; most kernels compile in less, and all modules are imported in less
_WAIT_S = 10.0
#: why this process cannot compile; that numba is being imported, and that it was
_LOST: list[str] = []
_BEGUN: list[bool] = []
_IMPORTED: list[bool] = []
_REGISTERED: list[bool] = []
#: what `import_apart` is importing, and what it was in a thread that this process does not have
_GOING: list[str] = []
_HALF: set[str] = set()


class _Around:
    """A lock that each thread which forks holds meanwhile, if it gets it in time."""

    def __init__(self, lock: Any) -> None:
        self.lock = lock
        self._holding: set[int] = set()

    def hold(self) -> None:
        me = threading.get_ident()
        if self.lock is not None and me not in self._holding and self.lock.acquire(timeout=_WAIT_S):
            self._holding.add(me)

    def release(self) -> bool:
        """Whether it was held."""
        held = threading.get_ident() in self._holding
        if held:
            self._holding.discard(threading.get_ident())
            self.lock.release()
        return held


_IMPORTS = _Around(threading.RLock())
#: numba's, once it is imported
_COMPILER = _Around(None)


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Import inside, and threads that fork wait until it is done."""
    with _IMPORTS.lock:
        if not _REGISTERED:
            _REGISTERED.append(True)
            _register()
        yield


def import_apart(name: str, *others: str) -> ModuleType:
    """A module with hooks of its own around forks, which must not come to be while one waits.

    Args:
        name: of the module.
        others: what it imports and more than it: forks wait for these, where there are such.

    Raises:
        ImportError: this process was forked while another thread was importing it.
    """
    if name in _HALF:
        raise ImportError(f"this process was forked while another thread was importing {name}")
    with importing():
        for other in others:
            with contextlib.suppress(ImportError):
                import_module(other)
    _GOING.append(name)
    try:
        return import_module(name)
    finally:
        _GOING.remove(name)


def _begin_child() -> None:
    _HALF.update(_GOING)
    _GOING.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_child)


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

        _COMPILER.lock = global_compiler_lock._lock
        _IMPORTED.append(True)


def _said(problem: Exception) -> str:
    return " ".join(str(problem).split()).rstrip(".") or type(problem).__name__


def _settings() -> str:
    """What of the environment numba reads as it is imported."""
    found = [f"{name}={value}" for name, value in os.environ.items() if name.startswith("NUMBA_")]
    return f" (set here: {', '.join(sorted(found))})" if found else ""


def _register() -> None:
    """Hold both locks around each fork from now on.

    Hooks before a fork run in the order opposite to that of registering: a thread that is waited
    for may need what those of `logging` hold, so they are registered before.
    """
    import logging  # noqa: F401 - as said

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_hold, after_in_parent=_release, after_in_child=_begin_child_without
        )


def _hold() -> None:
    _COMPILER.hold()  # who compiles may import in turn
    _IMPORTS.hold()
    _COMPILER.hold()  # where numba was imported meanwhile


def _release() -> None:
    _IMPORTS.release()
    _COMPILER.release()


def _begin_child_without() -> None:
    """In a child no thread that holds a lock exists."""
    if not _IMPORTS.release():
        _IMPORTS.lock = threading.RLock()
        if _BEGUN:
            _LOST.append("importing numba")
    if not _COMPILER.release() and _COMPILER.lock is not None:
        _LOST.append("compiling")
