"""How long choosing may take of a program that comes with ever new sizes.

A program that calls with few kinds of arguments measures each when it comes, and calls it often. Of
one whose arguments differ from call to call measuring would take nearly all of the time: what is
measured of one name beyond its first seconds may take a tenth of the time that the process runs.
What it does not allow is answered by a rule or an estimate for now, and measured when it comes
again and the time is there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

#: seconds of measuring for each name that are not asked for
_FREE_S = 2.0
#: and the part of the time since the first measurement that all names may take beyond these
_PART = 0.1
_STARTED: list[float] = []
#: operation or canonical expression -> seconds that choosing took
_SPENT_S: dict[str, float] = {}


def allows(name: str) -> bool:
    """Whether something may be measured now of an operation or an expression."""
    if _SPENT_S.get(name, 0.0) < _FREE_S:
        return True
    beyond_s = sum(max(0.0, spent_s - _FREE_S) for spent_s in _SPENT_S.values())
    return beyond_s < _PART * (time.monotonic() - _STARTED[0])


@contextmanager
def spending(name: str) -> Iterator[None]:
    """Count what a measurement takes, whatever comes of it; not what a busy machine adds."""
    began_s, used_s = time.monotonic(), time.process_time()
    if not _STARTED:
        _STARTED.append(began_s)
    try:
        yield
    finally:
        spent_s = min(time.monotonic() - began_s, time.process_time() - used_s)
        _SPENT_S[name] = _SPENT_S.get(name, 0.0) + spent_s


def forget() -> None:
    """Count anew."""
    _STARTED.clear()
    _SPENT_S.clear()
