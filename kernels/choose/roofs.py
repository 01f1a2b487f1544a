"""best_s = flops / peak + bytes / bandwidth, from roofs that somebody measured and kept.

    {"schema": "einbench.roofline/1", "machine": {"cpu": ..., "blas": ..., ...},
     "roofs": [{"threads": 2, "peaks": {"float32": FLOP/s, ...},
                "bandwidths": [[bytes, bytes/s], ...]}, ...]}

They lie in the folder ``machine`` inside the wisdom folder, where no operation's book is looked
for. What does not have exactly this form, or is of another machine, is not believed: the nominal
roofs that the package ships serve instead.
"""

from __future__ import annotations

import bisect
import contextlib
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from einbench.choose.environment import Threads, machine
from einbench.choose.wisdom import Wisdom
from einbench.host.documents import Unreadable, load, write_whole

SCHEMA = "einbench.roofline/1"
_MOST_BYTES = 1 << 20
#: from the first cache to main memory; beyond, the ends hold
_WORKING_SETS = (1 << 16, 1 << 20, 1 << 23, 1 << 26)
#: an output is as large as an input in most operations
_WRITTEN = 0.5
_PEAK_BUDGET_S = 0.06
_BANDWIDTH_BUDGET_S = 0.02
_DTYPES = ("float32", "float64")


class Roof(NamedTuple):
    """What the machine could do at best on so many threads."""

    threads: int
    #: dtype -> FLOP/s
    peaks: Mapping[str, float]
    #: (bytes of the working set, bytes/s), smallest first
    bandwidths: tuple[tuple[float, float], ...]

    def flops_s(self, flops: float, dtype: str) -> float:
        """Seconds that the arithmetic takes at best."""
        return flops / self.peaks[dtype]

    def bytes_s(self, total_bytes: float) -> float:
        """Seconds that the traffic takes at best; log-log between measured working sets."""
        sizes = [size for size, _ in self.bandwidths]
        right = min(max(bisect.bisect(sizes, total_bytes), 1), len(sizes) - 1)
        (low, slow), (high, fast) = self.bandwidths[right - 1], self.bandwidths[right]
        part = math.log(max(total_bytes, 1.0) / low) / math.log(high / low)
        return total_bytes / (slow * (fast / slow) ** min(max(part, 0.0), 1.0))


Roofs = tuple[Roof, ...]
"""Of one machine, fewest threads first."""


def roof(roofs: Roofs, threads: int) -> Roof:
    """The one of the most threads that are not more than these, else of the fewest."""
    return max((r for r in roofs if r.threads <= threads), default=roofs[0], key=lambda r: r[0])


def remember_roofs(memory: Wisdom, threads: Threads) -> Roofs:
    """Measure roofs of one thread and of as many as BLAS has, about 0.5 s, and keep them.

    What is remembered of this machine and of as many threads is not measured again. Where
    nothing can be written the roofs are returned all the same.
    """
    known = {r.threads: r for r in remembered_roofs(memory) or ()}
    missing = {1, threads.blas} - known.keys()
    if not missing:
        return _in_order(known.values())
    known.update({count: measure_roof(count) for count in missing})
    roofs = _in_order(known.values())
    import json

    content = json.dumps(
        {"schema": SCHEMA, "machine": machine()._asdict(), "roofs": plain_roofs(roofs)}, indent=1
    )
    # the wisdom folder says so itself when choices cannot be written to it
    with contextlib.suppress(OSError):
        write_whole(_path(memory), content + "\n")
    return roofs


def remembered_roofs(memory: Wisdom) -> Roofs | None:
    """Those of this machine; None where none were measured, or what is kept is not to trust."""
    try:
        found = load(_path(memory), _MOST_BYTES)
        if found["schema"] != SCHEMA or found["machine"] != machine()._asdict():
            return None
        return roofs_of(found["roofs"])
    except (Unreadable, AttributeError, KeyError, TypeError, ValueError):
        return None


def roofs_of(found: Any) -> Roofs:
    """Roofs from the form that they have on disk.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: it is another form.
    """
    roofs = _in_order(
        Roof(
            _count(one["threads"]),
            {dtype: _speed(one["peaks"][dtype]) for dtype in _DTYPES},
            tuple((_speed(size), _speed(speed)) for size, speed in one["bandwidths"]),
        )
        for one in found
    )
    sizes = [[size for size, _ in one.bandwidths] for one in roofs]
    if not roofs or any(len(s) < 2 or s != sorted(set(s)) for s in sizes):
        raise ValueError("no roofs, or working sets out of order")
    return roofs


def plain_roofs(roofs: Roofs) -> list[dict[str, Any]]:
    """As they lie on disk."""
    return [
        {
            "threads": one.threads,
            "peaks": {dtype: round(speed) for dtype, speed in one.peaks.items()},
            "bandwidths": [[round(size), round(speed)] for size, speed in one.bandwidths],
        }
        for one in roofs
    ]


def measure_roof(threads: int) -> Roof:
    """Peaks and bandwidths on so many threads, about 0.25 s."""
    from einbench.measure.roofline import bandwidth, peak_flops

    def speed(size: int) -> float:
        written = int(size * _WRITTEN)
        return float(round(bandwidth(size - written, written, threads, _BANDWIDTH_BUDGET_S)))

    return Roof(
        threads,
        {dtype: float(round(peak_flops(dtype, threads, _PEAK_BUDGET_S))) for dtype in _DTYPES},
        tuple((float(size), speed(size)) for size in _WORKING_SETS),
    )


def _in_order(roofs: Iterable[Roof]) -> Roofs:
    return tuple(sorted(roofs, key=lambda one: one.threads))


def _path(memory: Wisdom) -> str:
    return os.path.join(memory.folder, "machine", "roofline.json")  # noqa: PTH118 - loads slowly


def _count(value: Any) -> int:
    if type(value) is not int or not 0 < value < 1 << 20:
        raise ValueError(f"threads {str(value)[:40]!r}")
    return value


def _speed(value: Any) -> float:
    if type(value) not in (int, float) or not 0 < value < math.inf:
        raise ValueError(f"{str(value)[:40]!r} is no speed")
    return float(value)
