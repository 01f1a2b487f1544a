"""One HTML file that holds everything: words, charts, data, and the libraries that draw them.

Jinja escapes what comes from files; data is compressed text, that a script reads as JSON. The
page's policy (CSP) forbids every request and every script but its own two, by their hashes.
"""

from __future__ import annotations

import base64
import datetime
import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, NamedTuple

from einbench.page import charts as drawn
from einbench.page import commits, race, rows, words
from einbench.page.sources import Material
from einbench.page.styles import Styles, ink
from einbench.page.tables import CONTEXT_WORDS, Table, tables
from einbench.records.choice import Cell
from einbench.records.columns import NAMES, mapping, plain, sequence, text
from einbench.records.write import SCHEMA
from einbench.report.grid import Batch, batch_text
from einbench.report.vega import COLOURS, DASHES, FONT, refuse_without_charts

#: of samples in a page; beyond it they are in a file beside it, and all of it stays below 6 MB
MOST_SAMPLES_BYTES = 2_500_000
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; "
    "form-action 'none'; script-src {scripts}"
)


class Page(NamedTuple):
    """The file's content, and raw samples where they are too many for it."""

    html: str
    #: gzip of JSON: for each record of the page's JSON its samples, seconds per call
    samples: bytes | None


def page(
    known: Material, name: str, command: str, title: str = "einbench report"
) -> Page:
    """The page of what was read.

    Args:
        known: what was read.
        name: of the file, without its ending: downloads are called so.
        command: that makes the page again.
        title: its heading.

    Raises:
        ImportError: Altair or vl-convert is not there.
    """
    refuse_without_charts()
    import jinja2
    import vl_convert
    from markupsafe import Markup

    found = tables(known.rows)
    styles = Styles(kernel for table in found for kernel in table.kernels)
    raced = race.races(known.races)
    history = commits.histories(known.rows)
    chart_facts = rows.facts(found, {id(row): n for n, row in enumerate(known.rows)})
    sets = _sets(found, chart_facts, known, raced, history, styles)
    contexts = [c for c in CONTEXT_WORDS if any(c in table.contexts for table in found)]
    blobs = {
        "page": _packed({
            "name": name, "specs": drawn.charts(), "needs": drawn.NEEDS, "styles": styles.lists(),
            "facts": chart_facts, "crossings": _worded(rows.crossings(found)), "sets": sets,
            "font": FONT, "contexts": contexts, "tables": [table.contexts for table in found],
        }),
        "records": _packed({
            "schema": SCHEMA, "machine": known.machines or None, "columns": NAMES,
            "records": known.rows,
        }),
    }  # fmt: skip
    samples = [known.samples.get(n) for n in range(len(known.rows))] if known.samples else None
    packed = _packed(samples) if samples else ""
    beside = len(packed) > MOST_SAMPLES_BYTES
    if packed and not beside:
        blobs["samples"] = packed
    environment = jinja2.Environment(autoescape=True, trim_blocks=True)
    scripts = [_closed(vl_convert.javascript_bundle()), _closed(_own("page.js"))]
    html = environment.from_string(_own("page.html")).render(
        policy=_POLICY.format(scripts=" ".join(map(_hash, scripts))),
        css=Markup(_own("page.css")),
        title=title,
        lead=[line for line in (words.summary(found), *_leads(raced)) if line]
        or ["No results yet: nothing in these files has a time."],
        machines=_machines(known),
        warnings=known.warnings,
        parts=_parts(found, raced, known, history),
        filters=_filters(found, chart_facts, styles, contexts),
        maps=[_map(found, context, styles, chart_facts, known) for context in contexts],
        roofline="roofline" in sets,
        operations=[
            _operation(n, table, chart_facts, known, contexts) for n, table in enumerate(found)
        ],
        races=[{**each._asdict(), "wrong": _wrong(each)} for each in raced],
        dialects=[_dialects(each.file, each.content) for each in known.dialects],
        histories=[_history(each) for each in history],
        regressed=words.regressions(history),
        regression=round(100 * (commits.REGRESSION - 1)),
        origin=words.provenance(known),
        command=command,
        made=f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
        version=_version(),
        held=_held(known, name, packed, beside),
        blobs=blobs.items(),
        bundle=Markup(scripts[0]),
        script=Markup(scripts[1]),
    )
    return Page(html, gzip.compress(_json(samples), 9, mtime=0) if beside else None)


def _own(name: str) -> str:
    return resources.files("einbench.page").joinpath(name).read_text(encoding="utf-8")


def _closed(script: str) -> str:
    """A script that cannot end its element: what it writes as text stays text."""
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _json(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def _packed(value: Any) -> str:
    return base64.b64encode(gzip.compress(_json(value), 9, mtime=0)).decode()


def _version() -> str:
    import einbench

    return einbench.__version__


def _leads(raced: Sequence[race.Race]) -> list[str]:
    return [f"{each.title}: {each.sentence}" for each in raced]


def _machines(known: Material) -> list[str]:
    told = words.machines(known.rows)
    if len(told) > 1:
        note = "These times come from several machines or versions: compare within a table only."
        return [note, *told]
    return told


def _parts(
    found: Sequence[Table],
    raced: Sequence[race.Race],
    known: Material,
    history: Sequence[commits.History],
) -> list[tuple[str, str]]:
    parts = [("map", "Map"), ("operations", "Operations")] if found else []
    parts += [("expressions", "Expressions")] if raced else []
    parts += [("dialects", "Dialects")] if known.dialects else []
    parts += [("commits", "Over commits")] if history else []
    return [*parts, ("origin", "Machine and commands"), ("downloads", "Downloads")]


def _worded(crossings: list[rows.Fact]) -> list[rows.Fact]:
    return [{**c, "word": f"{c['after']} from {words.rounded(c['x']):,}"} for c in crossings]


def _sets(
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
    winners = {
        id(cell.winner) for table in found for cell in table.main.values() if cell.winner
    }
    names = {id(known.rows[fact["i"]]): known.rows[fact["i"]] for fact in chart_facts}
    wanted = {
        (row["operation"], row["kernel"], row["batch"], row["dtype"], row["layout"])
        for place, row in names.items()
        if place in winners
    } or {
        (w["operation"], w["kernel"], w["batch"], w["dtype"], w["layout"])
        for table in found for cell in table.main.values() if (w := cell.winner)
    }  # fmt: skip
    told = []
    for fact in chart_facts:
        row = known.rows[fact["i"]]
        place = (row["operation"], row["kernel"], row["batch"], row["dtype"], row["layout"])
        if place in wanted and fact.get("intensity") and fact.get("ceiling"):
            told.append({
                "operation": row["operation"], "kernel": row["kernel"], "batch": row["batch"],
                "dtype": row["dtype"], "rate": fact["rate"], "ceiling": fact["ceiling"],
                "intensity": fact["intensity"],
            })  # fmt: skip
    return told


def _filters(
    found: Sequence[Table],
    chart_facts: Sequence[rows.Fact],
    styles: Styles,
    contexts: Sequence[str],
) -> list[dict[str, Any]]:
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


def _map(
    found: Sequence[Table],
    context: str,
    styles: Styles,
    chart_facts: Sequence[rows.Fact],
    known: Material,
) -> dict[str, Any]:
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


def _cell(
    table: Table, cell: Cell, styles: Styles, families: Mapping[str, str]
) -> dict[str, Any]:
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


def _operation(
    number: int,
    table: Table,
    chart_facts: Sequence[rows.Fact],
    known: Material,
    contexts: Sequence[str],
) -> dict[str, Any]:
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


def _wrong(each: race.Race) -> list[str]:
    """Results that differ, a line each: they are no matter of taste."""
    return [
        f"{row['library']} is wrong at {row['name']} ({row['expression']}): {row['reason']}"
        for row in each.rows
        if row["status"] in ("rejected", "failed")
    ]


def _dialects(file: str, document: Mapping[str, Any]) -> dict[str, Any]:
    columns = [mapping(plain(each, 9)) for each in sequence(document.get("libraries"))]
    asked = [column for column in columns if mapping(column.get("behaviours"))]
    names = list(dict.fromkeys(name for column in asked for name in column["behaviours"]))
    return {
        "file": file,
        "libraries": [f"{text(c.get('shown'))} {text(c.get('version')) or ''}" for c in asked],
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


def _history(each: commits.History) -> dict[str, Any]:
    worse = len(each.regressed)
    marked = f", {worse} slower" if worse else ""
    return {"label": f"{each.operation}{marked}", "dtype": each.dtype, "layout": each.layout,
            "threads": each.threads}  # fmt: skip


def _held(known: Material, name: str, packed: str, beside: bool) -> str:
    count = len(known.rows)
    said = f"{count:,} record{'s' * (count != 1)} as the tidy table of einbench export"
    if beside:
        return (
            f"{said}; their raw samples are too many for a page and lie beside it, in "
            f"{name}-samples.json.gz: a list for each record of the JSON, in its order."
        )
    return f"{said}, raw samples included, in seconds per call." if packed else f"{said}."
