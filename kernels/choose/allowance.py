"""How long choosing may take of a program that comes with ever new sizes.

A program that calls with few kinds of arguments measures each when it comes, and calls it often. Of
one whose arguments differ from call to call measuring would take nearly all of the time: what is
measured of one name beyond its first seconds may take a tenth of the time that the process runs.
Larger arrays than any before are expected to take longer, and wait until there is time for that.
What it does not allow is answered by a rule or an estimate for now, and measured when it comes
again and the time is there.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

#: seconds of measuring for each name that are not asked for, and with larger arrays than any before
_FREE_S, _MOST_S = 1.25, 1.75
#: and the part of the time since the first measurement that all names may take beyond these
_PART = 0.1
#: seconds of a measurement grow with the bytes of its arrays to this power: most of what is
#: measured is timed for as long whatever its size, and the rest is in proportion to it
_GROWTH = 1 / 4
_STARTED: list[float] = []


class _Spent(NamedTuple):
    """What choosing took, in all and of the largest arrays."""

    seconds: float = 0.0
    largest_s: float = 0.0
    largest_bytes: int = 0


#: by operation or canonical expression
_SPENT: dict[str, _Spent] = {}


def allows(name: str, arrays: Iterable[Any]) -> bool:
    """Whether an operation or an expression may be measured now with such arrays."""
    spent = _SPENT.get(name, _Spent())
    over = _bytes(arrays) / max(spent.largest_bytes, 1)
    coming_s = spent.largest_s * over**_GROWTH if over > 1 else 0.0
    if spent.seconds < _FREE_S and spent.seconds + coming_s < _MOST_S:
        return True
    beyond_s = sum(max(0.0, each.seconds - _FREE_S) for each in _SPENT.values())
    return beyond_s + coming_s < _PART * (time.monotonic() - _STARTED[0])


@contextmanager
def spending(name: str, arrays: Iterable[Any]) -> Iterator[None]:
    """Count what a measurement takes, whatever comes of it; not what a busy machine adds."""
    began_s, used_s, size = time.monotonic(), time.process_time(), _bytes(arrays)
    if not _STARTED:
        _STARTED.append(began_s)
    try:
        yield
    finally:
        took_s = min(time.monotonic() - began_s, time.process_time() - used_s)
        spent = _SPENT.get(name, _Spent())
        largest = (took_s, size) if size >= spent.largest_bytes else spent[1:]
        _SPENT[name] = _Spent(spent.seconds + took_s, *largest)


def forget() -> None:
    """Count anew."""
    _STARTED.clear()
    _SPENT.clear()


def _bytes(arrays: Iterable[Any]) -> int:
    return sum(array.nbytes for array in arrays)
