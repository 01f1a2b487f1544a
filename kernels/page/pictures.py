"""One chart of what was read, as a picture."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from einbench.names import shortened, unknown
from einbench.page import charts as drawn
from einbench.page import commits, race, rows, words
from einbench.page.sources import Material
from einbench.page.styles import Styles, ink
from einbench.page.tables import Table, tables
from einbench.page.sets import roofline_rows
from einbench.report.grid import batch_text
from einbench.report.vega import COLOURS, DASHES, Spec, with_data, write_picture

_WIDTH = 640


def draw(known: Material, name: str, path: Path) -> Path:
    """Write one chart as .svg or .png.

    Args:
        known: what was read.
        name: ``map``, ``roofline``, ``race``, ``expressions``, ``time:softmax``, ``commits:relu``.
        path: of the picture.

    Raises:
        ValueError: no chart is called so.
        ImportError: Altair or vl-convert is not there.
        OSError: it cannot be written there.
    """
    return write_picture(path, chart(known, name))


def chart(known: Material, name: str) -> Spec:
    """The chart of that name with its data, in Vega-Lite's language.

    Raises:
        ValueError: no chart is called so.
    """
    found = tables(known.rows)
    made = charts(known, found)
    wanted = name.strip()
    if wanted not in made:
        raise ValueError(unknown("chart", name, list(made)))
    return made[wanted]()


def charts(known: Material, found: Sequence[Table]) -> dict[str, Any]:
    """Every chart by its name, each made when it is called."""
    styles = Styles(kernel for table in found for kernel in table.kernels)
    facts = rows.facts(found, {id(row): n for n, row in enumerate(known.rows)})
    specs = drawn.charts()
    made: dict[str, Any] = {}

    def ready(kind: str, lists: Any, title: str, height: int = 0, **data: Any) -> Spec:
        spec = with_data(drawn.filled(specs[kind], {**styles.lists(), **lists}), data)
        width = {} if isinstance(spec.get("width"), dict) else {"width": _WIDTH}
        tall = {"height": height} if height else {}
        return {**spec, **width, **tall, "title": textwrap.wrap(title, 90), "padding": 12}

    if found:
        made["map"] = lambda: ready("map", {}, words.summary(found), rows=map_rows(found, styles))
        if roof := roofline_rows(found, facts, known):
            made["roofline"] = lambda: ready(
                "roofline",
                styles.lists(row["kernel"] for row in roof),
                "The fastest kernels",
                rows=roof,
            )
    for number, table in enumerate(found):
        own = [
            rows.full(fact, known.rows[fact["i"]], table.contexts[0])
            for fact in facts
            if fact["table"] == number
        ]
        for kind, column in drawn.NEEDS.items():
            kept = [row for row in own if (row.get(column) or 0) > 0]
            if kept:
                made[f"{kind}:{table.name}"] = lambda t=table, n=number, k=kind, r=kept: ready(
                    k, styles.lists(row["kernel"] for row in r), f"{drawn.TITLES[k]}: {t.facts['operation']}, {t.setting}",
                    rows=r, crossings=_changes(found, n) if k == "time" else [],
                )  # fmt: skip
    for number, each in enumerate(race.races(known.races)):
        suffix = f"-{number + 1}" if number else ""
        named = {"libraries": [mean["library"] for mean in each.means]}
        made[f"race{suffix}"] = lambda e=each, n=named: ready(
            "race",
            n,
            f"einsum: {e.title}",
            e.race_height,
            rows=[r for r in e.rows if r["ratio"]],
            means=e.means,
        )
        made[f"expressions{suffix}"] = lambda e=each: ready(
            "expressions", {"libraries": e.libraries}, f"einsum: {e.title}", e.height, rows=e.rows
        )
    looks = {"colours": list(COLOURS), "dashes": [list(each) for each in DASHES]}
    for line in commits.histories(known.rows):
        made.setdefault(
            f"commits:{line.operation}",
            lambda h=line: ready("commits", looks, f"{h.operation} over commits", rows=h.rows),
        )
    return made


def map_rows(found: Sequence[Table], styles: Styles) -> list[dict[str, Any]]:
    """A cell an operation and batch."""
    told = []
    for table in found:
        for batch, cell in table.main.items():
            if cell.winner is None:
                continue
            kernel = cell.winner["kernel"]
            told.append({
                "name": table.name, "batch": batch if batch is not None else batch_text(batch),
                "kernel": kernel, "word": words.cell_text(cell),
                "ties": f"= {shortened(', '.join(cell.ties), 16)}" if cell.ties else "",
                "ink": ink(styles.colour(kernel)),
            })  # fmt: skip
    return told


def _changes(found: Sequence[Table], number: int) -> list[rows.Fact]:
    main = found[number].contexts[0]
    return [
        {**each, "word": f"{each['after']} from {words.rounded(each['x']):,}"}
        for each in rows.crossings(found)
        if each["table"] == number and each["context"] == main
    ]
