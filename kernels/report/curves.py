"""Losses, accuracies and times as a picture, drawn by Altair where that is installed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from einbench.report.vega import altair, looks, powers, seconds_axis, with_data, write_picture
from einbench.units import seconds_text

Facts = Mapping[str, Any]
Rows = list[dict[str, Any]]

#: steps that a smoothed curve is made of
_POINTS = 200
#: of a losses' curve: more of its points than this cannot be seen
_MOST_POINTS = 2000
_WIDTH, _HEIGHT = 400, 300


def training_picture(
    path: Path, step_losses: Sequence[float], epochs: Sequence[Facts], title: str
) -> Path:
    """The loss of every step and epoch to the left, accuracies to the right."""
    alt = altair()
    per_epoch = max(len(step_losses) / max(len(epochs), 1), 1)
    steps = [
        {"epoch": (n + 1) / per_epoch, "value": loss, "of": "training, each step"}
        for n, loss in _thinned(step_losses)
    ]
    smoothed = [
        {"epoch": place / per_epoch, "value": loss, "of": "training, smoothed"}
        for place, loss in _smoothed(step_losses)
    ]
    scale = "log" if step_losses and min(step_losses) > 0 else "linear"
    names = ["training, each step", "test set", "training, smoothed"]
    ends = _ends(epochs, "validation_loss", names[1])
    losses = alt.layer(
        _curve(alt, steps, names, "loss", scale).mark_line(opacity=0.4, strokeWidth=0.7),
        _curve(alt, smoothed, names, "loss", scale).mark_line(),
        _curve(alt, ends, names, "loss", scale).mark_line(point={"size": 50}),
    )
    parts = [
        *_ends(epochs, "accuracy", "training, as stepped", 100),
        *_ends(epochs, "validation_accuracy", "test set", 100),
    ]
    named = ["training, as stepped", "test set"]
    accuracies = _curve(alt, parts, named, "accuracy, %", "linear").mark_line(point={"size": 50})
    return _written(alt, path, [losses, accuracies], title)


def families_picture(path: Path, families: Sequence[Facts], limit: float, title: str) -> Path:
    """Losses on each other, how far apart they are (pale where not judged), seconds an epoch."""
    alt = altair()
    trained = [family for family in families if family["losses"]]
    names = [str(family["family"]) for family in trained]
    losses: Rows = []
    apart: Rows = []
    for family in trained:
        for n, loss in _thinned(family["losses"]):
            losses.append({"step": n + 1, "value": loss, "of": family["family"]})
        # a logarithm has no place for losses that are equal
        for n, difference in _thinned(family["differences"] or []):
            if difference > 0:
                # where rounding explains as much: shown, and not judged
                judged = n < family["judged_steps"]
                row = {"step": n + 1, "value": difference, "of": family["family"]}
                apart.append({**row, "judged": judged})
    first = names[0] if names else "the first"
    bars = [
        {"of": f["family"], "value": f["epoch_s"], "word": seconds_text(f["epoch_s"])}
        for f in trained
    ]
    few = {"size": 40} if all(len(family["losses"]) < 8 for family in trained) else False
    left = _line(alt, losses, names, "loss", "linear").mark_line(point=few)
    middle = alt.layer(
        _line(alt, apart, names, f"relative difference to {first}", "log")
        .mark_line(strokeWidth=1.3, point=few)
        .encode(opacity=alt.condition("datum.judged", alt.value(1), alt.value(0.3))),
        alt.Chart(alt.Data(values=[{"value": limit, "word": f"limit {limit:.0e}"}]))
        .mark_rule(color="#666")
        .encode(y="value:Q"),
        alt.Chart(alt.Data(values=[{"value": limit, "word": f"limit {limit:.0e}"}]))
        .mark_text(align="left", dy=-7, color="#555")
        .encode(y="value:Q", x=alt.value(6), text="word:N"),
    )
    return _written(alt, path, [left, middle, _bars(alt, bars, names)], title)


def _bars(alt: Any, rows: Rows, names: Sequence[str]) -> Any:
    base = alt.Chart(alt.Data(values=rows)).encode(y=alt.Y("of:N", sort=None, title=None))
    seconds = alt.X(
        "value:Q", title="time of an epoch", scale=alt.Scale(zero=True),
        axis=alt.Axis(labelExpr=f"datum.value == 0 ? '0' : {seconds_axis()}", tickCount=4),
    )  # fmt: skip
    return alt.layer(
        base.mark_bar().encode(x=seconds, color=_colour(alt, names)),
        base.mark_text(align="left", dx=4).encode(x="value:Q", text="word:N"),
    )


def _curve(alt: Any, rows: Rows, names: Sequence[str], y: str, scale: str) -> Any:
    """Against epochs, colours and dashes by what it is of."""
    return _line(alt, rows, names, y, scale, "epoch")


def _line(
    alt: Any,
    rows: Rows,
    names: Sequence[str],
    y: str,
    scale: str,
    x: str = "step",
) -> Any:
    dashes = [list(looks(n)[1]) for n in range(len(names))]
    dash = alt.Scale(domain=[*names], range=dashes)
    grid = powers(alt) if scale == "log" else {}
    return alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X(
            f"{x}:Q", title=x,
            axis=alt.Axis(grid=False, labelExpr="datum.value % 1 ? '' : format(datum.value, ',')"),
        ),
        y=alt.Y(
            "value:Q", title=y, axis=alt.Axis(format="~g", **grid),
            scale=alt.Scale(type=scale, zero=False),
        ),
        color=_colour(alt, names),
        strokeDash=alt.StrokeDash("of:N", scale=dash, title=None),
    )  # fmt: skip


def _colour(alt: Any, names: Sequence[str]) -> Any:
    # grey, the first of them, is hard to see where a curve is thin
    colours = [looks(n + 1)[0] for n in range(len(names))]
    return alt.Color(
        "of:N", scale=alt.Scale(domain=[*names], range=colours),
        legend=alt.Legend(title=None, orient="bottom", columns=3, symbolOpacity=1),
    )  # fmt: skip


def _ends(epochs: Sequence[Facts], column: str, of: str, factor: float = 1) -> Rows:
    """A point at the end of every epoch; nothing where there is none."""
    return [
        {"epoch": each["epoch"], "value": factor * each[column], "of": of}
        for each in epochs
        if each[column] is not None
    ]


def _thinned(values: Sequence[float]) -> list[tuple[int, float]]:
    """(place, value) of values that are finite, evenly fewer where they are many."""
    apart = max(1, math.ceil(len(values) / _MOST_POINTS))
    return [
        (n, float(value))
        for n, value in enumerate(values)
        if n % apart == 0 and value is not None and math.isfinite(value)
    ]


def _smoothed(losses: Sequence[float]) -> list[tuple[float, float]]:
    """Means of neighbouring steps, as many of them as a picture can show."""
    parts = max(1, min(_POINTS, len(losses) // 10))
    places = np.array_split(np.arange(len(losses)) + 1.0, parts)
    values = np.array_split(np.asarray(losses, float), parts)
    means = [
        (float(p.mean()), float(v.mean())) for p, v in zip(places, values, strict=True) if len(p)
    ]
    return [(place, mean) for place, mean in means if math.isfinite(mean)]


def _written(alt: Any, path: Path, panels: Sequence[Any], title: str) -> Path:
    """The whole picture or none."""
    sized = [panel.properties(width=_WIDTH, height=_HEIGHT) for panel in panels]
    whole = alt.hconcat(*sized, title=title).resolve_scale(
        color="independent", strokeDash="independent"
    )
    return write_picture(path, with_data({**whole.to_dict(), "padding": 12}, {}))
