"""Winners, from saved results: nothing is timed here.

Kernels are compared only within one run: one file, for asv one commit in one
environment. Of several runs with times of a cell the latest counts, by the date of the commit,
then of the run.

A comparison took its times interleaved and has its winner and its ties, which are taken as they
are. asv and pytest-benchmark take a kernel's times one after another, asv in processes of their
own, so that a kernel is not distinguished from the best where their intervals overlap, or come
within 2 % of that, and its median is below 1.10 times the best (beyond it, an interval as wide
as that shows a disturbed measurement). Without intervals it ties below 1.02 times the best. The
simplest of those that tie wins, as everywhere. A kernel that is not "ok" never wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from einbench.record import TIE_MEDIAN_RATIO, TIE_RATIO
from einbench.records.columns import Row, as_text

_CELL = ("operation", "dtype", "layout", "threads", "sizes", "options", "batch")
_RUN = ("file", "environment", "commit", "date")


@dataclass(frozen=True)
class Cell:
    """One operation at one size on one machine, from one run: the winner, and the others."""

    #: what all rows share: operation, batch, dtype, machine, commit, file, ...
    facts: Row
    #: every kernel, simplest first
    rows: tuple[Row, ...]
    #: None where no kernel is "ok" with a time
    winner: Row | None
    #: kernels that tie with the winner, simplest first
    ties: tuple[str, ...] = ()
    #: the best median of those that neither win nor tie
    runner_up: Row | None = None
    #: kernel that ``speedup`` is against
    baseline: str = ""
    #: times as fast as the baseline; None where the run has no time of it
    speedup: float | None = None
    speedup_predicted: bool = False

    @property
    def unchecked(self) -> tuple[str, ...]:
        """Kernels that were ranked though the file has no error of theirs."""
        return tuple(r["kernel"] for r in _timed(self.rows) if r["error"] is None)


def cells(rows: Sequence[Row]) -> list[Cell]:
    """One for each machine and cell, in the order they came, ascending in batch."""
    grouped: dict[tuple[Any, ...], dict[tuple[Any, ...], list[Row]]] = {}
    for row in rows:
        place = (*machine_of(row), *(_plain(row[name]) for name in _CELL))
        runs = grouped.setdefault(place, {})
        runs.setdefault(run_of(row), []).append(row)
    chosen = [_cell(_latest([*runs.values()])) for runs in grouped.values()]
    places = {setting_of(cell.facts): n for n, cell in reversed([*enumerate(chosen)])}
    return sorted(
        chosen,
        key=lambda cell: (places[setting_of(cell.facts)], cell.facts["batch"] or 0),
    )


def machine_of(row: Row) -> tuple[Any, ...]:
    """What tells machines apart: the name, and versions where the name is a processor's."""
    return (row["machine"], row["machine_fingerprint"])


def setting_of(row: Row) -> tuple[Any, ...]:
    """All that makes rows one table: machine, operation, dtype, sizes, but not the batch."""
    return (*machine_of(row), *(_plain(row[name]) for name in _CELL[:-1]))


def run_of(row: Row) -> tuple[Any, ...]:
    """What makes one run: its times are comparable."""
    if row["harness"] == "asv":  # each of its benchmarks has a date of its own
        return tuple(row[name] for name in _RUN[:-1])
    return tuple(row[name] for name in _RUN)


def _latest(runs: Sequence[Sequence[Row]]) -> Sequence[Row]:
    """The last run that tried to time the cell: asv may have been run for errors only."""
    tried = [rows for rows in runs if _timed(rows) or any(r["status"] == "failed" for r in rows)]
    return max(tried or runs, key=_moment)


def _moment(rows: Sequence[Row]) -> tuple[str, str]:
    """Of ISO 8601 in UTC, the later is the greater; a run without any date is the oldest."""
    date = max(row["date"] or "" for row in rows)
    return rows[0]["commit_date"] or date, date


def _cell(rows: Sequence[Row]) -> Cell:
    once = {row["kernel"]: row for row in reversed(rows)}
    names, baseline = _order(rows[0]["operation"], [row["kernel"] for row in rows])
    ordered = tuple(once[name] for name in names)
    timed = _timed(ordered)
    if not timed:
        return Cell(rows[0], ordered, None)
    winner, tied = _ranked(timed)
    rest = [row for row in timed if row is not winner and row["kernel"] not in tied]
    speedup, predicted = _speedup(winner, once.get(baseline))
    return Cell(
        rows[0], ordered, winner,
        ties=tuple(name for name in tied if name != winner["kernel"]),
        runner_up=min(rest, key=_median, default=None),
        baseline=baseline, speedup=speedup, speedup_predicted=predicted,
    )  # fmt: skip


def _timed(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["status"] == "ok" and row["median_s"] is not None]


def _ranked(timed: Sequence[Row]) -> tuple[Row, list[str]]:
    """The winner, and the names of all that tie with it."""
    interleaved = next((row for row in timed if row["winner"]), None)
    if interleaved is not None:
        return interleaved, [row["kernel"] for row in timed if row["tie"]]
    best = min(timed, key=_median)
    tied = [row for row in timed if row is best or _ties(row, best)]
    return tied[0], [row["kernel"] for row in tied]


def _ties(row: Row, best: Row) -> bool:
    ratio = row["median_s"] / best["median_s"]
    if row["low_s"] is None or best["high_s"] is None:
        return bool(ratio < TIE_RATIO)
    return bool(row["low_s"] < TIE_RATIO * best["high_s"] and ratio < TIE_MEDIAN_RATIO)


def _speedup(winner: Row, baseline: Row | None) -> tuple[float | None, bool]:
    """As the run has it, within rounds; else the ratio of the medians."""
    if winner["speedup"] is not None:
        return winner["speedup"], bool(winner["speedup_predicted"])
    if baseline is None or not _timed([baseline]):
        return None, False
    return baseline["median_s"] / winner["median_s"], False


def _order(operation: str, names: Sequence[str]) -> tuple[list[str], str]:
    """Kernels simplest first, others after them as they came; and the baseline."""
    from einbench.registry import operations

    known = operations.get(operation)
    first = [name for name in known.kernels if name in names] if known else []
    rest = [name for name in dict.fromkeys(names) if name not in first]
    return [*first, *rest], known.baseline if known else "loop"


def _median(row: Row) -> float:
    return float(row["median_s"])


def _plain(value: Any) -> Any:
    return as_text(dict(sorted(value.items()))) if isinstance(value, dict) else value
