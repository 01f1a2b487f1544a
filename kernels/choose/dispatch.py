"""The one table of arguments -> what to call: decided where a key is new, then looked up.

`einbench.auto` looks up what computes any arrays, a network what computes its own. They differ in
what a key must name and in what is decided; how long that is kept is said here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any
from weakref import WeakSet

from einbench.choose.policy import on_change
from einbench.host.locks import ForkedLock
from einbench.operation import Operation, listeners

#: with more than so many keys a dispatcher decides all of them anew
MOST_KEYS = 4096

_DISPATCHERS: WeakSet[Dispatch] = WeakSet()
_LISTING = ForkedLock()


class Dispatch:
    """``find(key, ...)`` is what was decided when that key was new.

    Other kernels have other winners: it is emptied when a kernel of the operation comes or goes, of
    any operation where ``op`` is None. Safe to use from many threads; of two that ask for one new
    key at once both decide.
    """

    def __init__(self, op: Operation | None = None) -> None:
        self.op = op
        #: key -> what was decided, for look-ups that save the call of `find`; what is read from one
        #: such dict is written to none but that: after `clear` there is another
        self.decided: dict[Hashable, Any] = {}
        with _LISTING.lock:
            _DISPATCHERS.add(self)

    def find(self, key: Hashable, short: Hashable, decide: Callable[..., Any], *given: Any) -> Any:
        """What was decided for the key, or ``decide(*given)`` now, which is never None.

        Where ``short`` is not None, (key, found) stands under that too, unless another key does.
        """
        decided = self.decided
        found = decided.get(key)
        if found is None:
            found = decided[key] = decide(*given)
        if short is not None:
            decided.setdefault(short, (key, found))
        if len(decided) > 2 * MOST_KEYS:
            self.clear()
        return found

    def clear(self) -> None:
        """Decide every key anew; what is being decided now is not kept."""
        self.decided = {}


def _empty(op: Operation) -> None:
    with _LISTING.lock:
        present = list(_DISPATCHERS)
    for dispatch in present:
        if dispatch.op is None or dispatch.op is op:
            dispatch.clear()


def _empty_all() -> None:
    with _LISTING.lock:
        present = list(_DISPATCHERS)
    for dispatch in present:
        dispatch.clear()


listeners.append(_empty)
on_change.append(_empty_all)
