"""One chart of what was read, as a picture."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from einbench.names import shortened, unknown
from einbench.page import charts as drawn
from einbench.page import commits, rows, words
from einbench.page import race as races
from einbench.page.sets import roofline_rows
from einbench.page.sources import Material
from einbench.page.styles import Styles, ink
from einbench.page.tables import CONTEXT_WORDS, Table, tables
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


def charts(known: Material, found: Sequence[Table]) -> dict[str, Callable[[], Spec]]:
    """Every chart by its name, each made when it is called."""
    drawing = _Drawing(known, found)
    made: dict[str, Callable[[], Spec]] = {}
    if found:
        made["map"] = drawing.map
        if drawing.roof:
            made["roofline"] = drawing.roofline
    for number, table in enumerate(found):
        for kind in drawing.kinds(number):
            made[f"{kind}:{table.name}"] = partial(drawing.lines, kind, number)
    for number, each in enumerate(races.races(known.races)):
        suffix = f"-{number + 1}" if number else ""
        made[f"race{suffix}"] = partial(drawing.race, each)
        made[f"expressions{suffix}"] = partial(drawing.expressions, each)
    for line in commits.histories(known.rows):
        made.setdefault(f"commits:{line.operation}", partial(drawing.commits, line))
    return made


class _Drawing:
    """Charts filled with rows and colours."""

    def __init__(self, known: Material, found: Sequence[Table]) -> None:
        self.found = found
        self.styles = Styles(kernel for table in found for kernel in table.kernels)
        self._specs = drawn.charts()
        facts = rows.facts(found, {id(row): n for n, row in enumerate(known.rows)})
        self.roof = roofline_rows(found, facts, known)
        self._rows: dict[int, list[rows.Fact]] = {}
        for fact in facts:
            context = found[fact["table"]].contexts[0]
            row = rows.full(fact, known.rows[fact["i"]], context)
            self._rows.setdefault(fact["table"], []).append(row)

    def kinds(self, number: int) -> list[str]:
        """Those that a table has numbers for."""
        return [
            kind
            for kind, column in drawn.NEEDS.items()
            if any((row.get(column) or 0) > 0 for row in self._rows.get(number, ()))
        ]

    def map(self) -> Spec:
        rows_of = map_rows(self.found, self.styles)
        return self._filled("map", {}, words.summary(self.found), rows=rows_of)

    def roofline(self) -> Spec:
        lists = self.styles.lists(row["kernel"] for row in self.roof)
        title = "The fastest kernels, and the measured roofline of each (grey)"
        return self._filled("roofline", lists, title, rows=self.roof)

    def lines(self, kind: str, number: int) -> Spec:
        table, column = self.found[number], drawn.NEEDS[kind]
        kept = [row for row in self._rows[number] if (row.get(column) or 0) > 0]
        main = table.contexts[0]
        changes = [
            each
            for each in rows.crossings(self.found)
            if kind == "time" and each["table"] == number and each["context"] == main
        ]
        called = f", {CONTEXT_WORDS[main]}" if kind == "time" else ""
        title = f"{drawn.TITLES[kind]}{called}: {table.facts['operation']}, {table.setting}"
        lists = self.styles.lists(row["kernel"] for row in kept)
        return self._filled(kind, lists, title, rows=kept, crossings=changes)

    def race(self, each: races.Race) -> Spec:
        lists = {"libraries": [mean["library"] for mean in each.means]}
        timed = [row for row in each.rows if row["ratio"]]
        title = f"einsum, {each.title}: a tick is one, the diamond their geometric mean"
        return self._filled("race", lists, title, each.race_height, rows=timed, means=each.means)

    def expressions(self, each: races.Race) -> Spec:
        lists = {"libraries": each.libraries}
        title = f"einsum, {each.title}: times as long as the fastest of them"
        return self._filled("expressions", lists, title, each.height, rows=each.rows)

    def commits(self, line: commits.History) -> Spec:
        lists = {"colours": list(COLOURS), "dashes": [list(each) for each in DASHES]}
        return self._filled("commits", lists, f"{line.operation} over commits", rows=line.rows)

    def _filled(self, kind: str, lists: Any, title: str, height: int = 0, **data: Any) -> Spec:
        spec = with_data(drawn.filled(self._specs[kind], {**self.styles.lists(), **lists}), data)
        width = {} if isinstance(spec.get("width"), dict) else {"width": _WIDTH}
        tall = {"height": height} if height else {}
        return {**spec, **width, **tall, "title": textwrap.wrap(title, 90), "padding": 12}


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
