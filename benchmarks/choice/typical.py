"""What kernels typically take, measured here: writes kernels/choose/typical.json.

    cd benchmarks && PYTHONSAFEPATH= ../.venv/bin/python -m choice.typical FOLDER [OUTPUT]

Timings go to FOLDER and are taken where they are not there yet, about six minutes on a machine
that does nothing else. From them come the habits of methods, and how far timings stray from a
curve: ``per_efold`` is the variance that makes leave-one-out guesses likeliest, and what differs
counts as many e-folds of size as stray as far. Another machine cannot be measured on one: it
counts as much as all that was measured together.
"""

from __future__ import annotations

import datetime
import json
import math
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any, NamedTuple

from kernels.choose import roofs, typical
from kernels.choose.environment import threads
from kernels.choose.model import Curve, Habit, Place, Straying, Timing, Work, fit, guess
from kernels.choose.signature import Signature
from kernels.choose.wisdom import Wisdom
from kernels.documents import write_whole
from kernels.measure.machine import limit_threads, machine, usable_threads
from kernels.registry import operations

from . import cells

OUTPUT = Path(__file__).resolve().parents[2] / "kernels" / "choose" / "typical.json"
#: threads matter to a method whose times on one and on all differ by more, in most cells
_GAIN = 1.25
#: too short a call is overhead, which threads do not change
_LONG_S = 2e-4
#: variances tried for an e-fold of size
_VARIANCES = [0.001 * 2**n for n in range(11)]


class Row(NamedTuple):
    """One timing of one kernel."""

    operation: str
    method: str
    asked: Signature
    seconds: float

    @property
    def plain(self) -> bool:
        """One thread, C order and the first of the options."""
        op = operations[self.operation]
        first = all(value == op.options[name][0] for name, value in self.asked.options)
        return first and set(self.asked.layout) == {"C"} and self.asked.threads.blas == 1


Group = tuple[str, str]
"""Operation and method."""


def rows(folder: Path) -> list[Row]:
    """Of all timings in a folder."""
    return [
        Row(name, method, choice.signature, time.median_s)
        for name, choice in cells.records(folder)
        for method, time in choice.times.items()
    ]


class Study:
    """Timings, and what they say of methods."""

    def __init__(self, found: Sequence[Row], again: Sequence[Row], measured: roofs.Roofs) -> None:
        self.rows, self.roofs = found, measured
        self.again = _again(found, again)
        self.threaded = _threaded(found)
        self.by_kernel: dict[Group, list[Row]] = defaultdict(list)
        for row in found:
            self.by_kernel[row.operation, row.method].append(row)
        self.curves = {
            group: self._fit([row for row in of if row.plain])
            for group, of in self.by_kernel.items()
            if any(row.plain for row in of)
        }
        methods = sorted({method for _, method in self.curves})
        self.habits = {method: self._habit(lambda m, one=method: m == one) for method in methods}
        self.anyone = self._habit(lambda method: True)

    def work(self, row: Row) -> Work:
        """Under the roofs of the threads that the method uses."""
        function = operations[row.operation][row.method].function
        uses = row.method in self.threaded or getattr(function, "parallel", False)
        best = roofs.roof(self.roofs, row.asked.threads.blas if uses else 1)
        op, sizes = operations[row.operation], dict(row.asked.sizes)
        return Work(
            best.flops_s(op.flops(sizes), row.asked.dtype),
            best.bytes_s(sum(op.traffic_bytes(sizes, row.asked.dtype))),
        )

    def _fit(self, of: Sequence[Row]) -> Curve:
        return fit([self.work(r) for r in of], [r.seconds for r in of], [1.0] * len(of))

    def _habit(self, chosen: Callable[[str], bool]) -> Habit:
        """The curve through all operations, each counting the same, and the spread around it."""
        groups = [
            [row for row in of if row.plain]
            for (_, method), of in self.by_kernel.items()
            if chosen(method)
        ]
        weighted = [(row, float(len(of))) for of in groups for row in of]
        curve = fit(
            [self.work(row) for row, _ in weighted],
            [row.seconds for row, _ in weighted],
            [count for _, count in weighted],
        )
        squares = [
            fmean(math.log(row.seconds / curve.seconds(self.work(row))) ** 2 for row in of)
            for of in groups
            if of
        ]
        return Habit(curve, math.sqrt(fmean(squares)))

    def straying(self) -> Straying:
        """The likeliest variance of an e-fold, and what other differences compare to."""
        per_efold = min(_VARIANCES, key=self._surprise)
        apart = {
            "dtype": self._apart(per_efold, lambda a: a.dtype != "float32"),
            "threads": self._apart(per_efold, lambda a: a.threads.blas > 1, uses_threads=True),
            "layout": self._apart(per_efold, lambda a: set(a.layout) != {"C"}),
            "options": self._apart(per_efold, lambda a: bool(a.options)),
        }
        apart["machine"] = sum(apart.values())
        return Straying(per_efold, self.again, apart)

    def _surprise(self, per_efold: float) -> float:
        """-log likelihood of every timing, guessed from the others of its kernel and dtype."""
        straying = Straying(per_efold, self.again, {})
        total = 0.0
        for (_, method), of in self.by_kernel.items():
            for dtype in ("float32", "float64"):
                timings = [
                    Timing(_place(row.asked), self.work(row), row.seconds, self.again)
                    for row in of
                    if row.plain and row.asked.dtype == dtype
                ]
                for n, held in enumerate(timings):
                    others = timings[:n] + timings[n + 1 :]
                    found = guess(held.place, held.work, others, self.habits[method], straying)
                    z = (math.log(held.seconds) - found.log_s) / found.sd
                    total += math.log(found.sd) + z * z / 2
        return total

    def _apart(
        self, per_efold: float, differs: Callable[[Signature], bool], *, uses_threads: bool = False
    ) -> float:
        """E-folds of size that stray as far from the plain float32 timing as what differs."""
        squares = []
        for (operation, method), of in self.by_kernel.items():
            function = operations[operation][method].function
            uses = method in self.threaded or getattr(function, "parallel", False)
            if uses_threads and not uses:
                continue
            plain = {
                row.asked.sizes: self._rest(row)
                for row in of
                if row.plain and row.asked.dtype == "float32"
            }
            squares += [
                (self._rest(row) - plain[row.asked.sizes]) ** 2
                for row in of
                if differs(row.asked) and row.asked.sizes in plain
                and (row.plain or row.asked.dtype == "float32")
            ]  # fmt: skip
        variance = fmean(squares) / 2 if squares else 0.0
        return max(variance - self.again, 0.0) / per_efold

    def _rest(self, row: Row) -> float:
        curve = self.curves[row.operation, row.method]
        return math.log(row.seconds / curve.seconds(self.work(row)))


def _again(first: Sequence[Row], second: Sequence[Row]) -> float:
    """Variance of log seconds between two moments."""
    then = {row[:3]: row.seconds for row in first}
    squares = [
        math.log(row.seconds / then[row[:3]]) ** 2 for row in second if row[:3] in then
    ]
    return fmean(squares) / 2


def _threaded(found: Sequence[Row]) -> set[str]:
    """Methods that all threads make faster or slower than one, in most cells."""
    one = {(r[:2], r.asked.sizes): r.seconds for r in found
           if r.plain and r.asked.dtype == "float32"}  # fmt: skip
    gains: dict[str, list[float]] = defaultdict(list)
    for row in found:
        alone_s = one.get((row[:2], row.asked.sizes), 0.0)
        if row.asked.threads.blas > 1 and alone_s > _LONG_S:
            gains[row.method].append(abs(math.log(row.seconds / alone_s)))
    return {method for method, logs in gains.items() if median(logs) > math.log(_GAIN)}


def _place(asked: Signature) -> Place:
    return Place(tuple(math.log1p(size) for _, size in asked.sizes), {})


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
    """A line for each method's timings."""
    import re

    text = json.dumps(found, indent=1, allow_nan=False)
    return re.sub(r"\[\s+(?!\s*\{)([^{}]*?)\s+\](?=,?\n {0,3}[\]}\"])", _one_line, text) + "\n"


def _one_line(found: Any) -> str:
    return " ".join(found.group(0).split())


def main(arguments: Sequence[str]) -> None:
    """Measure what is missing, and write."""
    folder = Path(arguments[0]).resolve()
    again = folder / "again"
    cells.measure(folder)
    cells.measure(again, once=True)
    with limit_threads(usable_threads()):
        measured = roofs.remember_roofs(Wisdom(str(folder)), threads())
    output = Path(arguments[1]) if len(arguments) > 1 else OUTPUT
    study = Study(rows(folder), rows(again), measured)
    write_whole(output, _json(document(study)))
    print(output)


if __name__ == "__main__":
    main(sys.argv[1:])
