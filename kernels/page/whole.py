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
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from einbench.page import charts as drawn
from einbench.page import commits, contents, race, rows, words
from einbench.page.sets import sets as sets_of
from einbench.page.sources import Material
from einbench.page.styles import Styles
from einbench.page.tables import CONTEXT_WORDS, tables
from einbench.records.columns import NAMES, sequence
from einbench.records.write import SCHEMA
from einbench.report.vega import FONT, refuse_without_charts

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


def page(known: Material, name: str, command: str, title: str = "einbench report") -> Page:
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
    from markupsafe import Markup

    found = tables(known.rows)
    styles = Styles(kernel for table in found for kernel in table.kernels)
    raced = race.races(known.races)
    history = commits.histories(known.rows)
    chart_facts = rows.facts(found, {id(row): n for n, row in enumerate(known.rows)})
    sets = sets_of(found, chart_facts, known, raced, history, styles)
    contexts = [c for c in CONTEXT_WORDS if any(c in table.contexts for table in found)]
    blobs = {
        "page": _packed({
            "name": name, "specs": drawn.charts(), "needs": drawn.NEEDS, "styles": styles.lists(),
            "facts": chart_facts, "crossings": rows.crossings(found), "sets": sets,
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
    scripts = [_bundle(), _closed(_own("page.js"))]
    html = environment.from_string(_own("page.html")).render(
        policy=_POLICY.format(scripts=" ".join(map(_hash, scripts))),
        css=Markup(_own("page.css")),  # noqa: S704
        title=title,
        lead=_leads(words.summary(found), raced, known),
        machines=_machines(known),
        warnings=known.warnings,
        parts=contents.parts(found, raced, known, history),
        filters=contents.filters(found, chart_facts, styles, contexts),
        maps=[
            contents.map_table(found, context, styles, chart_facts, known) for context in contexts
        ],
        roofline="roofline" in sets,
        operations=[
            contents.operation(n, table, chart_facts, known, contexts)
            for n, table in enumerate(found)
        ],
        races=[{**each._asdict(), "wrong": contents.wrong(each)} for each in raced],
        dialects=[contents.dialects(each.file, each.content) for each in known.dialects],
        histories=[contents.history(each) for each in history],
        regressed=words.regressions(history),
        regression=round(100 * (commits.REGRESSION - 1)),
        origin=words.provenance(known),
        command=command,
        made=f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
        version=_version(),
        held=_held(known, name, packed, beside),
        blobs=blobs.items(),
        bundle=Markup(scripts[0]),  # noqa: S704
        script=Markup(scripts[1]),  # noqa: S704
    )
    return Page(html, gzip.compress(_json(samples), 9, mtime=0) if beside else None)


@cache
def _bundle() -> str:
    """vega-embed, with Vega-Lite and Vega: seconds to put together, and the same for every page."""
    import vl_convert

    # its stub has the snippet, which has a default, for one that must be given
    bundle: Any = vl_convert.javascript_bundle
    return _closed(bundle())


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


def _leads(summary: str, raced: Sequence[race.Race], known: Material) -> list[str]:
    """The first sentences: what a reader in a hurry takes away."""
    lines = [summary] if summary else []
    # the other races stand with their charts
    lines += [f"einsum, {each.title}: {each.sentence}" for each in raced[:1]]
    asked = max(
        (len(sequence(each.content.get("libraries"))) for each in known.dialects), default=0
    )
    if asked and not lines:
        lines.append(
            f"What {asked} einsum libraries accept and return is in the table of dialects."
        )
    return lines or ["No results yet: nothing in these files has a time."]


def _machines(known: Material) -> list[str]:
    told = words.machines(known.rows)
    if len(told) > 1:
        note = "These times come from several machines or versions: compare within a table only."
        return [note, *told]
    return told


def _held(known: Material, name: str, packed: str, beside: bool) -> str:
    count = len(known.rows)
    said = f"{count:,} record{'s' * (count != 1)} as the tidy table of einbench export"
    if beside:
        return (
            f"{said}; their raw samples are too many for a page and lie beside it, in "
            f"{name}-samples.json.gz: a list for each record of the JSON, in its order."
        )
    return f"{said}, raw samples included, in seconds per call." if packed else f"{said}."
