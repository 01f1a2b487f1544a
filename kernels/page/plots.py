"""Charts of what is at hand: a comparison's times, and the candidates of a choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from einbench.page import charts as drawn
from einbench.page.pictures import charts
from einbench.page.sources import of_comparison
from einbench.page.styles import Styles
from einbench.page.tables import tables
from einbench.record import Record
from einbench.report.vega import Spec, altair, with_data
from einbench.units import seconds_text


def comparison_spec(document: Mapping[str, Any]) -> Spec:
    """Time against batch of every operation, below each other, in Vega-Lite's language.

    Raises:
        ValueError: no kernel was timed.
        ImportError: Altair or vl-convert is not there.
    """
    known = of_comparison(document)
    made = charts(known, tables(known.rows))
    parts = [chart() for name, chart in made.items() if name.startswith("time:")]
    if not parts:
        raise ValueError("there is nothing to plot: no kernel was timed")
    data: dict[str, Any] = {}
    stacked = []
    for number, part in enumerate(parts):
        data |= {f"{name}-{number}": rows for name, rows in part.pop("datasets").items()}
        config = part.pop("config")
        part.pop("padding")
        stacked.append(_renamed(part, number))
    whole = {"vconcat": stacked, "padding": 12, "config": config}
    # each operation has kernels of its own
    scales = dict.fromkeys(("color", "shape", "strokeDash"), "independent")
    return with_data({**whole, "resolve": {"scale": scales}}, data)


def choice_spec(records: Sequence[Record], title: str) -> Spec:
    """Times of candidates as bars, fastest first, intervals where they are known.

    Raises:
        ValueError: no candidate has a time, measured or predicted.
        ImportError: Altair or vl-convert is not there.
    """
    rows = [_candidate(record) for record in records if record.median_s or record.predicted_s]
    rows = [row for row in rows if row["status"] == "ok"]
    if not rows:
        raise ValueError("there is nothing to plot: no candidate has a time")
    rows.sort(key=lambda row: row["t"])
    styles = Styles(row["kernel"] for row in rows)
    spec = drawn.filled(drawn.charts()["choice"], styles.lists())
    return {**with_data(spec, {"rows": rows}), "title": title, "padding": 12, "width": 420}


def as_chart(spec: Spec) -> Any:
    """Altair's chart of it, which a notebook shows and ``save`` writes."""
    return altair().Chart.from_dict(spec)


def _candidate(record: Record) -> dict[str, Any]:
    time = record.median_s or record.predicted_s
    mark = "* " if record.winner else "= " if record.tie else ""
    return {
        "kernel": record.kernel, "t": time, "lo": record.low_s, "hi": record.high_s,
        "status": record.status,
        "word": f"{mark}{seconds_text(time or 0)}{'' if record.median_s else ' predicted'}",
    }  # fmt: skip


def _renamed(spec: Any, number: int) -> Any:
    """Its data under names that no other chart's has."""
    if isinstance(spec, dict):
        return {
            name: {"name": f"{value['name']}-{number}"}
            if name == "data" and isinstance(value, dict) and "name" in value
            else _renamed(value, number)
            for name, value in spec.items()
        }
    return [_renamed(value, number) for value in spec] if isinstance(spec, list) else spec
