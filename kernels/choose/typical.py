"""What kernels typically take: timings and roofs of a reference machine, shipped in typical.json.

Made by ``python -m choice.typical`` in benchmarks/, by measuring; nothing in it is typed by hand:

    {"schema": "einbench.typical/1", "date": ..., "machine": {...}, "roofs": [...],
     "habits": {"matmul": {"call_s": ..., "flops": ..., "bytes": ..., "spread": ..., "common": ...},
                ...},
     "any": {...}, "threaded": ["matmul", ...],
     "straying": {"per_efold": ..., "again": ..., "common": ..., "core": ...,
                  "apart": {"dtype": ..., ...}},
     "timings": {"softmax": {"axes": ["batch", "classes"], "numba":
                 [[[1, 10], "float32", 1, seconds], ...], ...}, ...}}

``habits`` are by method over all operations, ``any`` is over all methods.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from einbench.choose.model import Curve, Habit, Straying
from einbench.choose.roofs import Roofs, roofs_of
from einbench.host.documents import load

SCHEMA = "einbench.typical/1"


class Sample(NamedTuple):
    """One timing on the reference machine."""

    sizes: Mapping[str, int]
    dtype: str
    threads: int
    seconds: float


class Typical(NamedTuple):
    """All of it."""

    cpu: str
    date: str
    roofs: Roofs
    habits: Mapping[str, Habit]
    #: of a method that nobody knows
    anyone: Habit
    #: methods that gain by threads
    threaded: frozenset[str]
    straying: Straying
    #: operation -> method -> timings
    timings: Mapping[str, Mapping[str, tuple[Sample, ...]]]

    def habit(self, method: str) -> Habit:
        """Of a method, or of methods at large."""
        return self.habits.get(method, self.anyone)


@functools.cache
def typical() -> Typical:
    """What the package ships."""
    folder = os.path.dirname(__file__)  # noqa: PTH120 - pathlib loads slowly
    return typical_of(load(os.path.join(folder, "typical.json")))  # noqa: PTH118 - as above


def typical_of(found: Any) -> Typical:
    """From the form on disk."""
    straying = found["straying"]
    return Typical(
        found["machine"]["cpu"],
        found["date"],
        roofs_of(found["roofs"]),
        {method: _habit(habit) for method, habit in found["habits"].items()},
        _habit(found["any"]),
        frozenset(found["threaded"]),
        Straying(**straying),
        {name: _samples(timings) for name, timings in found["timings"].items()},
    )


def _habit(found: Mapping[str, float]) -> Habit:
    curve = Curve(found["call_s"], found["flops"], found["bytes"])
    return Habit(curve, found["spread"], found["common"])


def _samples(found: Mapping[str, Any]) -> dict[str, tuple[Sample, ...]]:
    return {
        method: tuple(
            Sample(dict(zip(found["axes"], sizes, strict=True)), dtype, threads, seconds)
            for sizes, dtype, threads, seconds in rows
        )
        for method, rows in found.items()
        if method != "axes"
    }
