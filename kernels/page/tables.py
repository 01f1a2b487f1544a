"""Rows put in order for a page: one table an operation and setting, ranked in every context.

A context is where a kernel was called: ``ranked`` is what the run itself ranked by, the others are
its times alone, after BLAS and after a pause, ranked as `einbench.records.choice` ranks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from einbench.contexts import AFTER_BLAS, AFTER_PAUSE, ALONE, CONTEXTS, PROGRAM, ranked_s
from einbench.page.sources import distinct
from einbench.records.choice import Cell, cells, setting_of
from einbench.records.columns import Row
from einbench.report.grid import Batch, setting_text

#: as a person reads it
CONTEXT_WORDS = {
    PROGRAM: "in a program",
    ALONE: "alone",
    AFTER_BLAS: "after BLAS",
    AFTER_PAUSE: "after a pause",
}
#: context -> columns of its time and the interval's ends
_COLUMNS = {
    ALONE: ("median_s", "low_s", "high_s"),
    AFTER_BLAS: ("after_blas_s", "after_blas_low_s", "after_blas_high_s"),
    AFTER_PAUSE: ("after_pause_s", "after_pause_low_s", "after_pause_high_s"),
}


class Crossing(NamedTuple):
    """Where one winner follows another: the batch at which lines through both times meet."""

    before: str
    after: str
    lower: int
    upper: int
    batch: float


@dataclass(frozen=True)
class Table:
    """An operation in one setting on one machine; ``wins`` has its cells by context and batch."""

    name: str
    facts: Row
    setting: str
    batches: tuple[Batch, ...]
    kernels: tuple[str, ...]
    rows: tuple[Row, ...]
    wins: Mapping[str, Mapping[Batch, Cell]]
    formula: str = ""
    baseline: str = ""

    @property
    def contexts(self) -> tuple[str, ...]:
        """Those that it was timed in."""
        return tuple(self.wins)

    def context(self, wanted: str) -> str:
        """That one where it was timed in it, else what it was ranked by."""
        return wanted if wanted in self.wins else self.contexts[0]

    @property
    def main(self) -> Mapping[Batch, Cell]:
        """By what the run was ranked by."""
        return next(iter(self.wins.values()))

    def crossings(self, context: str) -> list[Crossing]:
        """Between neighbouring batches whose winners differ and do not tie, ascending."""
        won = [(b, c) for b, c in self.wins[context].items() if b and c.winner]
        found = []
        for (lower, one), (upper, other) in pairwise(won):
            before, after = _winner(one), _winner(other)
            if before != after and before not in other.ties and after not in one.ties:
                place = _meeting(context, (lower, one), (upper, other))
                if place is not None:
                    found.append(Crossing(before, after, lower, upper, place))
        return found


def tables(rows: Sequence[Row]) -> list[Table]:
    """One for each setting, operations in reading order, then as they came."""
    from einbench.registry import operations

    by_context = {context: _by_setting(rows, context) for context in CONTEXTS}
    order = {name: place for place, name in enumerate(operations)}
    found = _by_setting(rows, None)
    names: dict[str, int] = {}
    made = []
    for setting, grouped in found.items():
        wins = {
            context: {cell.facts["batch"]: cell for cell in by_context[context].get(setting, ())}
            for context in CONTEXTS
        }
        if not any(cell.winner for cell in wins[PROGRAM].values()):
            wins[PROGRAM] = {}
        if ranked := _ranked(grouped):
            wins = {next(iter(ranked)): next(iter(ranked.values())), **wins, **ranked}
        known = {context: cells for context, cells in wins.items() if cells}
        if not known:
            known = {ALONE: {cell.facts["batch"]: cell for cell in grouped}}
        made.append(_table(grouped, known, names))
    return sorted(made, key=lambda table: order.get(table.facts["operation"], len(order)))


def times_of(row: Row, context: str) -> tuple[float | None, float | None, float | None]:
    """Median and the ends of its interval, where it has one, in that context."""
    if row["status"] != "ok" or row["median_s"] is None:
        return None, None, None
    if context == PROGRAM:
        beside = {AFTER_BLAS: row["after_blas_s"], AFTER_PAUSE: row["after_pause_s"]}
        if None in beside.values():
            return None, None, None
        return ranked_s(PROGRAM, row["median_s"], beside), None, None
    median, low, high = (row[name] for name in _COLUMNS[context])
    return median, low, high


def rounded(batch: float) -> int:
    """Two digits: a place between two batches is known no better; the next batch below ten."""
    if batch < 10:
        return math.ceil(batch)
    digits = max(0, math.floor(math.log10(batch)) - 1)
    return int(round(batch / 10**digits) * 10**digits)


def _ranked(grouped: Sequence[Cell]) -> dict[str, dict[Batch, Cell]]:
    """The run's own ranking, under its context."""
    own = [cell for cell in grouped if cell.winner and cell.winner["winner"]]
    contexts = distinct((cell.winner["context"] or ALONE) for cell in own if cell.winner)
    if len(contexts) != 1 or contexts[0] not in CONTEXTS:
        return {}
    return {contexts[0]: {cell.facts["batch"]: cell for cell in grouped}}


def _by_setting(rows: Sequence[Row], context: str | None) -> dict[Any, list[Cell]]:
    """Cells of each setting; ranked anew in a context, by the run where None."""
    taken = list(rows)
    if context is not None:
        taken = []
        for row in rows:
            median, low, high = times_of(row, context)
            if median is not None:
                again = {"median_s": median, "low_s": low, "high_s": high, "speedup": None}
                taken.append({**row, **again, "winner": None, "tie": None})
    found: dict[Any, list[Cell]] = {}
    for setting, group in groupby(cells(taken), key=lambda cell: setting_of(cell.facts)):
        found.setdefault(setting, []).extend(group)
    return found


def _table(
    grouped: Sequence[Cell], wins: Mapping[str, Mapping[Batch, Cell]], names: dict[str, int]
) -> Table:
    from einbench.registry import operations

    facts = grouped[0].facts
    operation = facts["operation"]
    known = operations.get(operation)
    names[operation] = names.get(operation, 0) + 1
    number = names[operation]
    rows = tuple(row for cell in grouped for row in cell.rows)
    setting = setting_text(
        facts["sizes"], facts["options"], facts["dtype"], facts["layout"], facts["threads"]
    )
    return Table(
        name=operation if number == 1 else f"{operation}-{number}",
        facts=facts,
        setting=setting,
        batches=tuple(cell.facts["batch"] for cell in grouped),
        kernels=tuple(distinct(row["kernel"] for row in rows)),
        rows=rows,
        wins=wins,
        formula=known.formula if known else "",
        baseline=next((cell.baseline for cell in grouped if cell.baseline), "the baseline"),
    )


def _winner(cell: Cell) -> str:
    return str(cell.winner["kernel"]) if cell.winner else ""


def _meeting(context: str, first: tuple[int, Cell], second: tuple[int, Cell]) -> float | None:
    """Where both kernels' lines meet, on log axes; None unless both were timed at both batches."""
    (lower, one), (upper, other) = first, second
    names = _winner(one), _winner(other)
    apart = []
    for cell in (one, other):
        times = {row["kernel"]: row["median_s"] for row in cell.rows}
        if not all(times.get(name) for name in names):
            return None
        apart.append(math.log(times[names[0]] / times[names[1]]))
    if not apart[0] < 0 < apart[1]:
        return None
    part = -apart[0] / (apart[1] - apart[0])
    return float(math.exp(math.log(lower) + part * math.log(upper / lower)))
