"""The package's own operations, imported when one is first asked for.

Importing them takes a hundred milliseconds, and who calls `einbench.einsum` needs none.
"""

from __future__ import annotations

from collections.abc import Callable

from einbench.host.forking import importing

_WAITING: list[Callable[[], None]] = []
_RUNNING: list[Callable[[], None]] = []


def defer(load: Callable[[], None]) -> None:
    """Have this called by the first `load`."""
    _WAITING.append(load)


def load() -> None:
    """Once, do what was deferred; in another thread wait until it is done."""
    if not _WAITING:
        return
    with importing():
        if _RUNNING or not _WAITING:
            return  # what is being imported asks in turn
        _RUNNING.extend(_WAITING)
        try:
            for each in _RUNNING:
                each()
            _WAITING.clear()
        finally:
            _RUNNING.clear()
