"""What the page's template is given: parts, filters, maps, tables of operations and of dialects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from einbench.page import charts as drawn
from einbench.page import commits, race, rows, words
from einbench.page.sources import Material
from einbench.page.styles import Styles, ink
from einbench.page.tables import CONTEXT_WORDS, Table
from einbench.records.choice import Cell
from einbench.records.columns import mapping, plain, sequence, text
from einbench.report.grid import Batch, batch_text


def parts(
    found: Sequence[Table],
    raced: Sequence[race.Race],
    known: Material,
    history: Sequence[commits.History],
) -> list[tuple[str, str]]:
    """Where links at the top lead: (place, name)."""
    parts = [("map", "Map"), ("operations", "Operations")] if found else []
    parts += [("expressions", "Expressions")] if raced else []
    parts += [("dialects", "Dialects")] if known.dialects else []
    parts += [("commits", "Over commits")] if history else []
    return [*parts, ("origin", "Machine and commands"), ("downloads", "Downloads")]


def filters(
    found: Sequence[Table],
    chart_facts: Sequence[rows.Fact],
    styles: Styles,
    contexts: Sequence[str],
) -> list[dict[str, Any]]:
    """Choices that narrow the page, those that it has values for."""

    def option(name: str, label: str, values: Sequence[Any], every: bool = True) -> dict[str, Any]:
        words_of = CONTEXT_WORDS if name == "context" else {}
        options = [(str(value), words_of.get(value, str(value))) for value in values]
        return {"name": name, "label": label, "options": options, "every": every}

    facts = [table.facts for table in found]
    made = [option("context", "called", contexts, every=False)]
    for name in ("dtype", "layout", "threads"):
        values = sorted({row[name] for row in facts if row[name] is not None})
        made.append(option(name, name, values))
    made.append(option("family", "family", sorted({fact["family"] for fact in chart_facts})))
    made.append(option("kernel", "kernel", styles.kernels))
    return made


def map_table(
    found: Sequence[Table],
    context: str,
    styles: Styles,
    chart_facts: Sequence[rows.Fact],
    known: Material,
) -> dict[str, Any]:
    """Operations by batches: the winner of each cell in a context."""
    families = {known.rows[fact["i"]]["kernel"]: fact["family"] for fact in chart_facts}
    taken = {batch for table in found for batch in table.wins[table.context(context)]}
    batches: list[Batch] = sorted(taken, key=lambda b: -1 if b is None else b)
    several = {name for name in _operations(found) if _operations(found).count(name) > 1}
    lines = []
    for number, table in enumerate(found):
        own = table.context(context)
        wins = table.wins[own]
        parts = [table.setting] if table.facts["operation"] in several else []
        parts += [f"{CONTEXT_WORDS[own]} only"] if own != context else []
        lines.append({
            **_setting(table), "place": f"t{number}", "name": table.facts["operation"],
            "setting": " · ".join(parts),
            "cells": [
                _cell(table, wins[b], styles, families) if b in wins else None for b in batches
            ],
        })  # fmt: skip
    return {
        "context": context, "words": CONTEXT_WORDS[context], "rows": lines,
        "batches": [batch_text(batch) for batch in batches],
    }  # fmt: skip


def _operations(found: Sequence[Table]) -> list[str]:
    return [table.facts["operation"] for table in found]


def _cell(table: Table, cell: Cell, styles: Styles, families: Mapping[str, str]) -> dict[str, Any]:
    if cell.winner is None:
        statuses = {row["status"] or "not timed" for row in cell.rows} - {"ok"}
        return {"kernel": "", "word": f"all {statuses.pop()}" if len(statuses) == 1 else "no time"}
    kernel = cell.winner["kernel"]
    colour = styles.colour(kernel)
    return {
        "kernel": kernel, "word": words.cell_text(cell), "ties": cell.ties, "colour": colour,
        "ink": ink(colour), "family": families.get(kernel, kernel),
    }  # fmt: skip


def _setting(table: Table) -> dict[str, str]:
    facts = table.facts
    return {name: str(facts[name] or "") for name in ("dtype", "layout", "threads")}


def operation(
    number: int,
    table: Table,
    chart_facts: Sequence[rows.Fact],
    known: Material,
    contexts: Sequence[str],
) -> dict[str, Any]:
    """A table in words, and the charts that it has numbers for."""
    own = [
        {**known.rows[fact["i"]], **fact, "t": known.rows[fact["i"]]["median_s"]}
        for fact in chart_facts
        if fact["table"] == number
    ]
    has = [
        chart
        for chart, column in drawn.NEEDS.items()
        if any((fact.get(column) or 0) > 0 for fact in own)
    ]
    if "memory" in has and "process" in has:
        has.remove("process")
    name = table.facts["operation"]
    return {
        **_setting(table), "number": number, "place": f"t{number}", "name": name,
        "formula": table.formula, "setting": table.setting,
        "stories": [(c, words.story(table, table.context(c))) for c in contexts],
        "remarks": words.remarks(table),
        "charts": [(chart, f"{drawn.TITLES[chart]}, {name}") for chart in has],
    }  # fmt: skip


def wrong(each: race.Race) -> list[str]:
    """Results that differ, a line each: they are no matter of taste."""
    return [
        f"{row['library']} is wrong at {row['name']} ({row['expression']}): {row['reason']}"
        for row in each.rows
        if row["status"] in ("rejected", "failed")
    ]


def dialects(file: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """Behaviours by libraries, as `einbench dialects` judged them."""
    columns = [mapping(plain(each, 9)) for each in sequence(document.get("libraries"))]
    asked = [column for column in columns if mapping(column.get("behaviours"))]
    names = list(dict.fromkeys(name for column in asked for name in column["behaviours"]))
    return {
        "file": file,
        "libraries": [(text(c.get("shown")), text(c.get("version")) or "") for c in asked],
        "rows": [
            (
                name,
                [
                    text(mapping(column["behaviours"].get(name)).get("verdict")) or "-"
                    for column in asked
                ],
            )
            for name in names
        ],
    }


def history(each: commits.History) -> dict[str, Any]:
    """An operation over commits: what its chart is called and filtered by."""
    worse = len(each.regressed)
    marked = f", {worse} slower" if worse else ""
    return {"label": f"{each.operation}{marked}", "dtype": each.dtype, "layout": each.layout,
            "threads": each.threads}  # fmt: skip
