"""What kernels typically take, measured here: writes kernels/choose/typical.json.

    make choice-typical

Timings go to FOLDER and are taken where they are not there yet: about seven minutes, best on a
machine that does nothing else.
"""

from __future__ import annotations

import datetime
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from einbench.choose import roofs, typical
from einbench.choose.environment import threads
from einbench.choose.model import Habit
from einbench.choose.wisdom import Wisdom
from einbench.host.documents import write_whole
from einbench.host.machine import limit_threads, machine, usable_threads
from einbench.registry import operations

from . import cells
from .habits import Row, Study, rows

OUTPUT = Path(__file__).resolve().parents[2] / "kernels" / "choose" / "typical.json"
#: calls whose processor time can be told, and that are not waited for long
_LONG_S, _MOST_S = 1e-3, 0.3
_HELPED = 0.2


def threaded(found: Sequence[Row]) -> set[str]:
    """Methods that other threads help with long calls of, in most cells."""
    shares: dict[str, list[float]] = defaultdict(list)
    for row in found:
        kernel = operations[row.operation][row.method]
        if row.plain and row.asked.dtype == "float32" and _LONG_S < row.seconds < _MOST_S:
            shares[row.method].append(cells.helped(kernel, row.asked))
    return {method for method, of in shares.items() if median(of) > _HELPED}


def document(study: Study) -> dict[str, Any]:
    """What is shipped."""
    straying = study.straying()
    return {
        "schema": typical.SCHEMA,
        "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}",
        "made_by": "python -m choice.typical",
        "machine": machine(),
        "roofs": roofs.plain_roofs(study.roofs),
        "straying": {
            "per_efold": straying.per_efold,
            "again": _rounded(straying.again),
            "common": _rounded(straying.common),
            "core": _rounded(straying.core),
            "apart": {name: _rounded(apart) for name, apart in straying.apart.items()},
        },
        "threaded": sorted(study.threaded),
        "any": _plain(study.anyone),
        "habits": {method: _plain(habit) for method, habit in study.habits.items()},
        "timings": dict(_timings(study)),
    }


def _plain(habit: Habit) -> dict[str, float]:
    return {
        **{name: _rounded(part) for name, part in habit.curve._asdict().items()},
        "spread": _rounded(habit.spread),
        "common": _rounded(habit.common),
    }


def _timings(study: Study) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, op in operations.items():
        yield name, {
            "axes": list(op.axes),
            **{
                kernel.method: [
                    [[dict(row.asked.sizes)[axis] for axis in op.axes], row.asked.dtype,
                     row.asked.threads.blas, _rounded(row.seconds)]
                    for row in study.by_kernel[name, kernel.method]
                    if row.plain
                ]
                for kernel in op
            },
        }  # fmt: skip


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def _json(found: Mapping[str, Any]) -> str:
    """A line for each fact, each habit and each kernel's timings."""
    depths = {"habits": 1, "timings": 2}
    lines = [f"{json.dumps(key)}: {_text(of, depths.get(key, 0))}" for key, of in found.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _text(value: Any, depth: int) -> str:
    if not depth:
        return json.dumps(value, allow_nan=False)
    lines = [f"{json.dumps(key)}: {_text(of, depth - 1)}" for key, of in value.items()]
    return "{\n" + ",\n".join(lines) + "}"


def main(arguments: Sequence[str]) -> None:
    """Measure what is missing, and write."""
    folder = Path(arguments[0]).resolve()
    again = folder / "again"
    cells.measure(folder)
    cells.measure(again, once=True)
    with limit_threads(usable_threads()):
        measured = roofs.remember_roofs(Wisdom(str(folder)), threads())
    output = Path(arguments[1]) if len(arguments) > 1 else OUTPUT
    found = rows(folder)
    study = Study(found, rows(again), measured, threaded(found))
    write_whole(output, _json(document(study)))
    print(output)


if __name__ == "__main__":
    main(sys.argv[1:])
