"""Tables of decisions that are emptied where kernels come or go: others have other winners.

`einbench.auto` looks up what computes any arrays, a network what computes its own. They differ in
what a key must name and in what is decided; how long that is kept is said here.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from einbench.host.locks import ForkedLock
from einbench.lookup import Dispatch
from einbench.operation import Operation, listeners

#: the operation of each; None: any
_DISPATCHERS: WeakKeyDictionary[Dispatch, Operation | None] = WeakKeyDictionary()
_LISTING = ForkedLock()


def renewed(op: Operation | None = None) -> Dispatch:
    """One that is emptied when a kernel of the operation comes or goes, of any where it is None."""
    dispatch = Dispatch()
    with _LISTING.lock:
        _DISPATCHERS[dispatch] = op
    return dispatch


def empty(op: Operation) -> None:
    """Decide every key of an operation anew."""
    with _LISTING.lock:
        present = list(_DISPATCHERS.items())
    for dispatch, of in present:
        if of is None or of is op:
            dispatch.clear()


listeners.append(empty)
