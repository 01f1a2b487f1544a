"""What timings say of methods: their habits, and how far single timings stray from a curve.

``per_efold`` is the variance that makes leave-one-out guesses likeliest, and what differs counts
as many e-folds of size as stray as far. ``common`` is the share of all that which the kernels of
a cell have in common: the mean product of two kernels' errors over the mean square of one's.
Another machine cannot be measured on one: it counts as much as all that was measured together.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import fmean, variance
from typing import Any, NamedTuple

from einbench.choose import roofs
from einbench.choose.model import Curve, Habit, Place, Straying, Timing, Work, fit, guess
from einbench.choose.signature import Signature
from einbench.registry import operations

from . import cells

#: variances tried for an e-fold of size
_VARIANCES = [0.001 * 2**n for n in range(11)]
#: operations that a method must be in for its own spread over operations
_FEWEST = 3


class Row(NamedTuple):
    """One timing of one kernel."""

    operation: str
    method: str
    asked: Signature
    seconds: float

    @property
    def plain(self) -> bool:
        """One thread, C order and the first of the options."""
        in_order = set(self.asked.layout) == {"C"}
        return in_order and self.asked.threads.blas == 1 and not self.other_options

    @property
    def other_options(self) -> bool:
        """Not the first of them."""
        choices = operations[self.operation].options
        return any(value != choices[name][0] for name, value in self.asked.options)


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

    def __init__(
        self,
        found: Sequence[Row],
        again: Sequence[Row],
        measured: roofs.Roofs,
        threaded: Iterable[str],
    ) -> None:
        self.roofs = measured
        self.again = _again(found, again)
        self.threaded = frozenset(threaded)
        self.by_kernel: dict[Group, list[Row]] = defaultdict(list)
        for row in found:
            self.by_kernel[row.operation, row.method].append(row)
        self.curves = {
            group: self._fit([row for row in of if row.plain])
            for group, of in self.by_kernel.items()
            if any(row.plain for row in of)
        }
        methods = sorted({method for _, method in self.curves})
        self.habits = {method: self._habit([method]) for method in methods}
        self.anyone = self._habit(methods)
        self._widen_habits()
        self._share_habits()

    def work(self, row: Row) -> Work:
        """Under the roofs of the threads that the method uses."""
        best = roofs.roof(self.roofs, row.asked.threads.blas if self._uses_threads(row) else 1)
        op, sizes = operations[row.operation], dict(row.asked.sizes)
        return Work(
            best.flops_s(op.flops(sizes), row.asked.dtype),
            best.bytes_s(sum(op.traffic_bytes(sizes, row.asked.dtype))),
        )

    def _uses_threads(self, row: Row) -> bool:
        function = operations[row.operation][row.method].function
        return row.method in self.threaded or getattr(function, "parallel", False)

    def _fit(self, of: Sequence[Row]) -> Curve:
        return fit([self.work(r) for r in of], [r.seconds for r in of], [1.0] * len(of))

    def _habit(self, methods: Sequence[str]) -> Habit:
        """The curve through all operations, each counting the same, and the spread around it."""
        groups = [
            [row for row in of if row.plain]
            for (_, method), of in self.by_kernel.items()
            if method in methods
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
        return Habit(curve, math.sqrt(fmean(squares)), 0.0)

    def _widen_habits(self) -> None:
        """What a method does elsewhere is not known from one operation: others' spread is."""
        count = Counter(method for _, method in self.curves)
        often = [habit.spread**2 for m, habit in self.habits.items() if count[m] >= _FEWEST]
        usual = math.sqrt(fmean(often))
        self.habits = {
            m: habit if count[m] >= _FEWEST else habit._replace(spread=max(habit.spread, usual))
            for m, habit in self.habits.items()
        }

    def _share_habits(self) -> None:
        """How much of what strays from habits all kernels of an operation have in common."""
        errors: dict[Any, list[float]] = defaultdict(list)
        for (operation, method), of in self.by_kernel.items():
            for row in of:
                if row.plain:
                    habit = self.habits[method]
                    off = math.log(row.seconds / habit.curve.seconds(self.work(row)))
                    errors[operation, row.asked].append(off / habit.spread)
        common = _common(errors.values())
        self.habits = {m: habit._replace(common=common) for m, habit in self.habits.items()}
        self.anyone = self.anyone._replace(common=common)

    def straying(self) -> Straying:
        """The likeliest variance of an e-fold, and what other differences compare to."""
        surprise = {variance: self._surprise(variance) for variance in _VARIANCES}
        per_efold = min(surprise, key=lambda variance: surprise[variance][0])
        errors = surprise[per_efold][1]
        apart = {
            "dtype": self._apart(per_efold, lambda row: row.plain),
            "threads": self._apart(
                per_efold, lambda row: row.asked.threads.blas > 1 and self._uses_threads(row)
            ),
            "layout": self._apart(per_efold, lambda row: set(row.asked.layout) != {"C"}),
            "options": self._apart(per_efold, lambda row: row.other_options),
        }
        apart["machine"] = sum(apart.values())
        return Straying(per_efold, self.again, apart, _common(errors), _core(errors))

    def _surprise(self, per_efold: float) -> tuple[float, list[list[float]]]:
        """-log likelihood of every timing, guessed from the others of its kernel and dtype.

        And the errors of each cell, in standard deviations.
        """
        straying = Straying(per_efold, self.again, {}, 0.0, 1.0)
        total, errors = 0.0, defaultdict(list)
        for (operation, method), of in self.by_kernel.items():
            for dtype in ("float32", "float64"):
                plain = [row for row in of if row.plain and row.asked.dtype == dtype]
                timings = [
                    Timing(_place(row.asked), self.work(row), row.seconds, self.again)
                    for row in plain
                ]
                for n, held in enumerate(timings):
                    others = timings[:n] + timings[n + 1 :]
                    found = guess(held.place, held.work, others, self.habits[method], straying)
                    z = (math.log(held.seconds) - found.log_s) / found.sd
                    total += math.log(found.sd) + z * z / 2
                    errors[operation, plain[n].asked].append(z)
        return total, list(errors.values())

    def _apart(self, per_efold: float, differs: Callable[[Row], bool]) -> float:
        """E-folds of size that stray as far as what differs from the plain float32 timing."""
        squares = []
        for of in self.by_kernel.values():
            plain = {
                row.asked.sizes: self._rest(row)
                for row in of
                if row.plain and row.asked.dtype == "float32"
            }
            squares += [
                (self._rest(row) - plain[row.asked.sizes]) ** 2
                for row in of
                if differs(row) and row.asked.sizes in plain
                and not (row.plain and row.asked.dtype == "float32")
            ]  # fmt: skip
        return max(fmean(squares) / 2 - self.again, 0.0) / per_efold

    def _rest(self, row: Row) -> float:
        curve = self.curves[row.operation, row.method]
        return math.log(row.seconds / curve.seconds(self.work(row)))


def _again(first: Sequence[Row], second: Sequence[Row]) -> float:
    """Variance of log seconds between two moments, beside the other kernels of the cell.

    A moment that is slow for all of them changes no ratio between them.
    """
    then = {row[:3]: row.seconds for row in first}
    drifts: dict[Any, list[float]] = defaultdict(list)
    for row in second:
        if row[:3] in then:
            drifts[row.operation, row.asked].append(math.log(row.seconds / then[row[:3]]))
    return fmean(variance(cell) for cell in drifts.values() if len(cell) > 1) / 2


def _common(cells: Iterable[Sequence[float]]) -> float:
    """Mean product of two errors in a cell, over the mean square of one."""
    several = [errors for errors in cells if len(errors) > 1]
    products = [
        (sum(errors) ** 2 - sum(e * e for e in errors)) / (len(errors) * (len(errors) - 1))
        for errors in several
    ]
    squares = [e * e for errors in several for e in errors]
    return min(max(fmean(products) / fmean(squares), 0.0), 1.0)


def _core(cells: Iterable[Sequence[float]]) -> float:
    """The likeliest scale of Student's t with three degrees of freedom."""
    squares = [e * e for errors in cells for e in errors]

    def surprise(scale: float) -> float:
        return sum(math.log(scale) + 2 * math.log1p(s / (3 * scale**2)) for s in squares)

    return min((0.01 * n for n in range(10, 200)), key=surprise)


def _place(asked: Signature) -> Place:
    return Place(tuple(math.log1p(size) for _, size in asked.sizes), {})
