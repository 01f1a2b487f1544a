"""Each operation's best kernel over commits, from asv's results, and where it became slower.

A commit has regressed where its best time is beyond `REGRESSION` times that of the commit before
it, and their intervals, where there are any, are apart: asv takes its times one after another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from einbench.records.choice import cells, setting_of
from einbench.records.columns import Row
from einbench.report.grid import batch_text

#: as `einbench gate` has it by default
REGRESSION = 1.08


class History(NamedTuple):
    """One operation in one setting: ``rows`` a commit and batch each."""

    operation: str
    dtype: str
    layout: str
    threads: str
    rows: list[dict[str, Any]]

    @property
    def regressed(self) -> list[dict[str, Any]]:
        """Where it became slower."""
        return [row for row in self.rows if row["regressed"]]


def histories(rows: Sequence[Row]) -> list[History]:
    """Of every operation that was timed at two commits or more at one batch."""
    by_commit: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["harness"] == "asv" and row["commit"]:
            by_commit.setdefault((row["commit_date"] or "", row["commit"]), []).append(row)
    lines: dict[Any, dict[int | None, list[dict[str, Any]]]] = {}
    facts: dict[Any, Row] = {}
    for (date, commit), taken in sorted(by_commit.items()):
        for cell in cells(taken):
            best = cell.winner
            if best is None:
                continue
            # versions are a machine's; another environment is another line
            place = (*setting_of(cell.facts), cell.facts["environment"])
            facts[place] = cell.facts
            line = lines.setdefault(place, {}).setdefault(cell.facts["batch"], [])
            before = line[-1] if line else None
            line.append(_point(date, commit, best, before))
    found = []
    for place, batches in lines.items():
        points = [p for line in batches.values() if len(line) > 1 for p in line]
        if points:
            row = facts[place]
            dtype, layout, threads = (str(row[n] or "") for n in ("dtype", "layout", "threads"))
            found.append(
                History(row["operation"], dtype, layout, threads, sorted(points, key=_moment))
            )
    return found


def _point(date: str, commit: str, best: Row, before: Mapping[str, Any] | None) -> dict[str, Any]:
    ratio = best["median_s"] / before["s"] if before else 1.0
    apart = (
        before is None
        or best["low_s"] is None
        or before["high"] is None
        or best["low_s"] > before["high"]
    )
    worse = ratio > REGRESSION and apart
    return {
        "commit": commit[:8], "date": date[:10], "moment": date, "batch": best["batch"],
        "size": batch_text(best["batch"]).removeprefix("batch "), "kernel": best["kernel"],
        "s": best["median_s"], "low": best["low_s"], "high": best["high_s"],
        "regressed": worse, "word": f"+{100 * (ratio - 1):.0f} %" if worse else "",
    }  # fmt: skip


def _moment(point: Mapping[str, Any]) -> tuple[str, int]:
    return point["moment"], point["batch"] or 0
