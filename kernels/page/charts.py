"""The charts of a page, made by Altair once, for any rows.

A chart names its data and has ``@kernels`` and the like where lists of names and colours go:
`filled` puts them in here, and the page's script does there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

from einbench.report.vega import COLOURS, Spec, altair, powers, seconds_axis

#: rows with a number in each of these make a chart
NEEDS = {
    "time": "t", "error": "units", "rate": "rate", "memory": "peak_bytes",
    "process": "process_peak_bytes", "cost": "paid",
}  # fmt: skip
TITLES = {
    "time": "Time of a call",
    "error": "Error",
    "rate": "Arithmetic a second",
    "memory": "Memory of temporaries",
    "process": "Peak memory of the process",
    "cost": "Calls until compiling is paid back",
}


#: an error below it is drawn there: a logarithm has no place for 0
LEAST_ERROR = 0.01


def filled(spec: Any, lists: Mapping[str, Sequence[Any]]) -> Any:
    """The chart with lists in place of ``["@name"]``."""
    if isinstance(spec, dict):
        return {name: filled(value, lists) for name, value in spec.items()}
    if isinstance(spec, list):
        if len(spec) == 1 and isinstance(spec[0], str) and spec[0].startswith("@"):
            return [*lists[spec[0][1:]]]
        return [filled(value, lists) for value in spec]
    return spec


def charts() -> dict[str, Spec]:
    """Every chart by its name, of data called ``rows``, and ``crossings`` beside them."""
    return _charts(altair())


@cache  # Altair takes half a second to check them
def _charts(alt: Any) -> dict[str, Spec]:
    made: dict[str, Callable[[Any], Any]] = {
        "time": _time, "error": _error, "rate": _rate,
        "memory": partial(_plain, "peak_bytes", "bytes of temporaries"),
        "process": partial(_plain, "process_peak_bytes", "bytes of the process"),
        "cost": partial(_plain, "paid", "calls until paid back"),
        "map": _map, "roofline": _roofline, "race": _race,
        "expressions": _expressions, "commits": _commits, "choice": _choice,
    }  # fmt: skip
    specs = {name: make(alt).to_dict() for name, make in made.items()}
    for spec in specs.values():
        spec.pop("config", None)
        spec.pop("$schema", None)
    return specs


def _legend(alt: Any) -> Any:
    return alt.Legend(
        title=None, orient="bottom", columns=3, symbolSize=90, symbolOpacity=1, symbolStrokeWidth=0
    )


def _lines(alt: Any, y: str, title: str, **axis: Any) -> Any:
    """A line a kernel against the batch, both axes logarithmic."""
    legend = _legend(alt)
    return (
        alt.Chart(alt.NamedData("rows"))
        .transform_filter(f"isValid(datum.{y}) && datum.{y} > 0")
        .encode(
            x=alt.X(
                "x:Q", scale=alt.Scale(type="log", nice=False, padding=12),
                title="batch, rows of a call",
                axis=alt.Axis(format="~s", tickCount=6, grid=False),
            ),
            y=alt.Y(
                f"{y}:Q", scale=alt.Scale(type="log", nice=False, padding=20), title=title,
                axis=alt.Axis(**powers(alt), **axis),
            ),
            color=alt.Color(
                "kernel:N", scale=alt.Scale(domain=["@kernels"], range=["@colours"]), legend=legend
            ),
            tooltip=[
                "kernel:N", alt.Tooltip("x:Q", title="batch", format=","),
                alt.Tooltip(f"{y}:Q", title=title, format=".3~s"),
            ],
        )
    )  # fmt: skip


def _marks(alt: Any, base: Any) -> list[Any]:
    """Dashes and shapes beside the colours."""
    dashed = alt.StrokeDash(
        "kernel:N", scale=alt.Scale(domain=["@kernels"], range=["@dashes"]), title=None
    )
    shaped = alt.Shape(
        "kernel:N", scale=alt.Scale(domain=["@kernels"], range=["@shapes"]), title=None
    )
    return [
        base.mark_line(strokeWidth=2).encode(strokeDash=dashed),
        base.mark_point(filled=True, size=60, opacity=1).encode(shape=shaped),
    ]


def _note(base: Any, alt: Any, y: str, text: str, where: str = "max") -> Any:
    """Words at one end of a line that is no kernel's."""
    place = {"align": "right", "dy": -9} if where == "max" else {"align": "left", "dx": 9, "dy": 9}
    return (
        alt.Chart(alt.NamedData("rows"))
        .transform_filter(f"isValid(datum.{y}) && datum.{y} > 0")
        .transform_aggregate(x=f"{where}(x)", y=f"{where}({y})")
        .mark_text(**place, fontSize=11)
        .encode(x="x:Q", y="y:Q", text=alt.value(text))
    )


def _limit(alt: Any, y: str) -> Any:
    """A line that holds for all kernels: its value at each batch."""
    return (
        alt.Chart(alt.NamedData("rows"))
        .transform_filter(f"isValid(datum.{y}) && datum.{y} > 0")
        .transform_aggregate(y=f"median({y})", groupby=["x"])
        .mark_line(strokeWidth=3, strokeDash=[1, 3], strokeCap="round", point={"size": 20})
        .encode(x="x:Q", y="y:Q", color=alt.value("#8A8A8A"))
    )


def _time(alt: Any) -> Any:
    base = _lines(alt, "t", "time of a call", labelExpr=seconds_axis())
    band = base.mark_area(opacity=0.16).encode(y=alt.Y("lo:Q"), y2="hi:Q")
    bar = base.mark_rule(strokeWidth=1.5, opacity=0.6).encode(y=alt.Y("lo:Q"), y2="hi:Q")
    known = "isValid(datum.lo) && isValid(datum.hi)"
    changes = alt.Chart(alt.NamedData("crossings")).encode(x="x:Q")
    return alt.layer(
        band.transform_filter(known),
        bar.transform_filter(known),
        _limit(alt, "floor_s"),
        _note(base, alt, "floor_s", "roofline: nothing is faster", "min"),
        *_marks(alt, base),
        changes.mark_rule(strokeDash=[2, 2]),
        *(
            changes.transform_filter(where)
            .mark_text(align=side, dx=apart, baseline="top", fontWeight="bold")
            .encode(text="word:N", y=alt.value(2))
            for where, side, apart in (
                ("!datum.late", "left", 4),
                ("datum.late", "right", -4),
            )
        ),
        width="container",
        height=320,
    )


def _error(alt: Any) -> Any:
    least = f"datum.value <= {LEAST_ERROR} ? '≤ {LEAST_ERROR}' : datum.label"
    base = _lines(alt, "units", "error, units of rounding", format="~g", labelExpr=least)
    return alt.layer(
        _limit(alt, "bound"), _note(base, alt, "bound", "limit"), *_marks(alt, base),
        width="container", height=240,
    )  # fmt: skip


def _rate(alt: Any) -> Any:
    base = _lines(alt, "rate", "10⁹ operations a second", format="~g")
    return alt.layer(
        _limit(alt, "ceiling"), _note(base, alt, "ceiling", "roofline, measured"),
        *_marks(alt, base), width="container", height=240,
    )  # fmt: skip


def _plain(field: str, title: str, alt: Any) -> Any:
    """One number of each kernel, with no line that holds for all."""
    return alt.layer(
        *_marks(alt, _lines(alt, field, title, format="~s")), width="container", height=240
    )


def _map(alt: Any) -> Any:
    base = alt.Chart(alt.NamedData("rows")).encode(
        x=alt.X(
            "batch:O", title="batch, rows of a call", scale=alt.Scale(paddingInner=0.04),
            axis=alt.Axis(orient="top", labelAngle=0, labelExpr="format(datum.value, ',')"),
        ),
        y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=240)),
    )  # fmt: skip
    cell = base.mark_rect(cornerRadius=3).encode(
        color=alt.Color(
            "kernel:N", scale=alt.Scale(domain=["@kernels"], range=["@colours"]), legend=None
        )
    )
    ink = alt.Color("ink:N", scale=None)
    return alt.layer(
        cell,
        base.mark_text(dy=-12, fontWeight="bold", fontSize=12).encode(text="kernel:N", color=ink),
        base.mark_text(dy=2, fontSize=11).encode(text="word:N", color=ink),
        base.mark_text(dy=15, fontSize=11).encode(text="ties:N", color=ink),
        width=alt.Step(124),
        height=alt.Step(50),
    )


def _roofline(alt: Any) -> Any:
    x = alt.X(
        "intensity:Q", scale=alt.Scale(type="log"), title="operations a byte of traffic",
        axis=alt.Axis(**powers(alt), format="~g"),
    )  # fmt: skip
    base = alt.Chart(alt.NamedData("rows"))
    # what was measured differs with the size of the traffic: each point has a roof of its own
    roof = base.mark_tick(orient="horizontal", color="#8A8A8A", thickness=2, size=14).encode(
        x=x, y="ceiling:Q"
    )
    points = base.mark_point(filled=True, size=80, opacity=0.9).encode(
        x=x,
        y=alt.Y(
            "rate:Q", scale=alt.Scale(type="log"), title="10⁹ operations a second",
            axis=alt.Axis(**powers(alt), format="~g"),
        ),
        color=alt.Color(
            "kernel:N", scale=alt.Scale(domain=["@kernels"], range=["@colours"]),
            legend=_legend(alt),
        ),
        shape=alt.Shape(
            "kernel:N", scale=alt.Scale(domain=["@kernels"], range=["@shapes"]), title=None
        ),
        tooltip=["operation:N", "kernel:N", "batch:Q", alt.Tooltip("rate:Q", format=".3~s")],
    )  # fmt: skip
    return alt.layer(roof, points, width="container", height=320)


def _race(alt: Any) -> Any:
    y = alt.Y(
        "library:N", scale=alt.Scale(domain=["@libraries"]), title=None,
        axis=alt.Axis(labelFontSize=13, labelLimit=200),
    )  # fmt: skip
    x = alt.X(
        "ratio:Q", scale=alt.Scale(type="log", domainMin=1),
        title="times as long as the fastest of them",
        axis=alt.Axis(
            **powers(alt), format="~g",
            labelExpr="datum.label ? format(datum.value, ',') + 'x' : ''",
        ),
    )  # fmt: skip
    base = alt.Chart(alt.NamedData("rows")).encode(y=y)
    means = alt.Chart(alt.NamedData("means")).encode(y=y)
    return alt.layer(
        base.mark_tick(thickness=2, opacity=0.7, size=16, color=COLOURS[1]).encode(
            x=x, tooltip=["library:N", "name:N", "expression:N", "ratio:Q"]
        ),
        means.mark_point(filled=True, shape="diamond", size=150, opacity=1, color="#D55E00").encode(
            x=alt.X("ratio:Q", scale=alt.Scale(type="log"))
        ),
        means.mark_text(align="left", dy=-15, dx=-5, fontSize=11).encode(
            x="ratio:Q", text="word:N"
        ),
        width="container",
    )


def _expressions(alt: Any) -> Any:
    base = alt.Chart(alt.NamedData("rows")).encode(
        x=alt.X(
            "library:N", scale=alt.Scale(domain=["@libraries"]), title=None,
            axis=alt.Axis(orient="top", labelAngle=-40),
        ),
        y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=200)),
        tooltip=["name:N", "expression:N", "library:N", "status:N", "ratio:Q", "reason:N"],
    )  # fmt: skip
    return alt.layer(
        base.mark_rect().encode(
            color=alt.Color(
                "ratio:Q", legend=None,
                scale=alt.Scale(type="log", domain=[1, 30], clamp=True, scheme="blues"),
            )
        ),
        base.mark_text(fontSize=11).encode(
            text="word:N", color=alt.Color("ink:N", scale=None)
        ),
        width="container",
    ).resolve_scale(color="independent")  # fmt: skip


def _choice(alt: Any) -> Any:
    x = alt.X(
        "t:Q", title="time of a call",
        axis=alt.Axis(labelExpr=f"datum.value == 0 ? '0' : {seconds_axis()}", tickCount=5),
    )  # fmt: skip
    base = alt.Chart(alt.NamedData("rows")).encode(y=alt.Y("kernel:N", sort=None, title=None))
    return alt.layer(
        base.mark_bar().encode(
            x=x,
            color=alt.Color(
                "kernel:N", scale=alt.Scale(domain=["@kernels"], range=["@colours"]), legend=None
            ),
        ),
        base.transform_filter("isValid(datum.lo) && isValid(datum.hi)")
        .mark_rule(strokeWidth=2)
        .encode(x="lo:Q", x2="hi:Q"),
        base.transform_calculate(end="isValid(datum.hi) ? max(datum.hi, datum.t) : datum.t")
        .mark_text(align="left", dx=5)
        .encode(x="end:Q", text="word:N"),
        height=alt.Step(26),
    )


def _commits(alt: Any) -> Any:
    sizes = alt.Color(
        "size:N", sort=None, scale=alt.Scale(range=["@colours"]), title="batch",
        legend=alt.Legend(orient="bottom", columns=4),
    )  # fmt: skip
    base = alt.Chart(alt.NamedData("rows")).encode(
        x=alt.X("commit:N", sort=None, title="commit, oldest first", axis=alt.Axis(labelAngle=0)),
        y=alt.Y(
            "s:Q", scale=alt.Scale(type="log", nice=False, padding=14), title="best kernel's time",
            axis=alt.Axis(**powers(alt), labelExpr=seconds_axis()),
        ),
        tooltip=["commit:N", "date:N", "kernel:N", "batch:Q", alt.Tooltip("s:Q", format=".3~s")],
    )  # fmt: skip
    worse = base.transform_filter("datum.regressed")
    return alt.layer(
        base.mark_line(strokeWidth=2).encode(
            color=sizes,
            strokeDash=alt.StrokeDash(
                "size:N",
                sort=None,
                title="batch",
                scale=alt.Scale(range=["@dashes"]),
                legend=alt.Legend(orient="bottom", columns=4),
            ),
        ),
        base.mark_point(filled=True, size=60, opacity=1).encode(color=sizes),
        worse.mark_point(shape="triangle-up", size=260, strokeWidth=2.5, color="#D55E00"),
        worse.mark_text(dy=-16, fontWeight="bold", color="#D55E00").encode(text="word:N"),
        width="container",
        height=220,
    )
