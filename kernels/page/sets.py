"""Data of charts that are not of one table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from einbench.page import commits, race, rows
from einbench.page.sources import Material
from einbench.page.styles import Styles
from einbench.page.tables import Table
from einbench.records.columns import Row
from einbench.report.vega import COLOURS, DASHES


def sets(
    found: Sequence[Table],
    chart_facts: Sequence[rows.Fact],
    known: Material,
    raced: Sequence[race.Race],
    history: Sequence[commits.History],
    styles: Styles,
) -> dict[str, Any]:
    """Data of charts that are not of one table."""
    sets: dict[str, Any] = {}
    roof = roofline_rows(found, chart_facts, known)
    if roof:
        sets["roofline"] = {"rows": roof, "lists": styles.lists(row["kernel"] for row in roof)}
    for number, each in enumerate(raced):
        lists = {"libraries": each.libraries}
        sets[f"race-{number}"] = {
            "rows": [row for row in each.rows if row["ratio"]], "means": each.means,
            "lists": {"libraries": [mean["library"] for mean in each.means]},
            "height": each.race_height,
        }  # fmt: skip
        sets[f"expressions-{number}"] = {
            "rows": each.rows, "lists": lists, "height": each.height,
        }  # fmt: skip
    looks = {"colours": list(COLOURS), "dashes": [list(each) for each in DASHES]}
    for number, line in enumerate(history):
        sets[f"commits-{number}"] = {"rows": line.rows, "lists": looks}
    return sets


def roofline_rows(
    found: Sequence[Table], chart_facts: Sequence[rows.Fact], known: Material
) -> list[rows.Fact]:
    """The winners whose arithmetic and traffic are known."""
    wanted = {_place(cell.winner) for table in found for cell in table.main.values() if cell.winner}
    told = []
    for fact in chart_facts:
        row = known.rows[fact["i"]]
        if _place(row) in wanted and fact.get("intensity") and fact.get("ceiling"):
            told.append({
                "operation": row["operation"], "kernel": row["kernel"], "batch": row["batch"],
                "dtype": row["dtype"], "rate": fact["rate"], "ceiling": fact["ceiling"],
                "intensity": fact["intensity"],
            })  # fmt: skip
    return told


def _place(row: Row) -> tuple[Any, ...]:
    """What a row is of: rankings in a context are made of copies."""
    names = ("file", "operation", "kernel", "batch", "dtype", "layout", "threads")
    return tuple(row[name] for name in names)
