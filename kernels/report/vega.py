"""Charts by Altair: what they share, and pictures of them by vl-convert, with no network."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from einbench.host.documents import write_whole

#: a chart in Vega-Lite's language
Spec = dict[str, Any]

#: colour-blind readers tell the first apart (Okabe and Ito, black and yellow replaced by grey and
#: olive, which white and dark pages both show; then violet and brown); dashes and shapes, in cycles
#: of other lengths, tell lines apart without colours
COLOURS = (
    "#8A8A8A", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999933",
    "#8E6BBF", "#A0694B",
)  # fmt: skip
DASHES: tuple[tuple[int, ...], ...] = ((1, 0), (8, 3), (2, 3), (10, 3, 2, 3), (4, 4))
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-left")
FORMATS = (".svg", ".png")
FONT = "'Segoe UI', Roboto, 'DejaVu Sans', Helvetica, Arial, sans-serif"
_CONFIG: Spec = {
    "font": FONT,
    "background": "white",
    "view": {"stroke": None},
    "axis": {"gridColor": "#8884", "domainColor": "#888", "tickColor": "#888"},
    "legend": {"titleFontSize": 12, "labelFontSize": 12, "labelLimit": 220},
    "title": {"anchor": "start", "fontSize": 13},
}


def altair() -> Any:
    """The library that charts are made with.

    Raises:
        ImportError: it is not there, with what to install.
    """
    refuse_without_charts()
    import altair

    return altair


def refuse_without_charts() -> None:
    """Raise the one line that says what to install, before anything is measured.

    Raises:
        ImportError: Altair or vl-convert is not there.
    """
    for module, name in (("altair", "Altair"), ("vl_convert", "vl-convert")):
        try:
            found = importlib.util.find_spec(module) is not None
        except ValueError:  # in sys.modules, and no module
            found = False
        if not found:
            raise ImportError(
                f"charts are drawn by {name}, which is not installed; "
                "get it with: pip install 'einbench[report]'"
            )


def refuse_format(path: Path, option: str) -> None:
    """Raise unless the name ends as a picture that can be written.

    Raises:
        ValueError: it does not.
    """
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"{option} {path}: expected a name that ends in .svg or .png")


def seconds_axis(name: str = "datum.value") -> str:
    """Vega's expression of a time with its unit: ``10 µs``."""
    return (
        f"{name} < 1e-6 ? format({name} * 1e9, '.3~r') + ' ns' : "
        f"{name} < 1e-3 ? format({name} * 1e6, '.3~r') + ' µs' : "
        f"{name} < 1 ? format({name} * 1e3, '.3~r') + ' ms' : format({name}, '.3~r') + ' s'"
    )


def powers(alt: Any) -> dict[str, Any]:
    """Of a logarithmic axis: lines of the grid at powers of ten only."""
    near = "abs(log(datum.value) / LN10 - round(log(datum.value) / LN10)) < 1e-6"
    return {"gridOpacity": alt.condition(near, alt.value(1), alt.value(0)), "tickCount": 5}


def looks(number: int) -> tuple[str, tuple[int, ...], str]:
    """Colour, dashes and shape of the line of that number; grey is the first one's alone."""
    return (
        COLOURS[1 + (number - 1) % (len(COLOURS) - 1)] if number else COLOURS[0],
        DASHES[number % len(DASHES)],
        SHAPES[number % len(SHAPES)],
    )


def with_data(spec: Mapping[str, Any], data: Mapping[str, Sequence[Any]]) -> Spec:
    """The chart with the rows that it names, and colours for white paper."""
    config = {**_CONFIG, **spec.get("config", {})}
    return {
        **spec,
        "config": config,
        "datasets": {**spec.get("datasets", {}), **{name: [*rows] for name, rows in data.items()}},
    }


def write_picture(path: Path, spec: Mapping[str, Any]) -> Path:
    """The chart as .svg or .png, whole or not at all; nothing is fetched.

    Raises:
        ImportError: Altair or vl-convert is not there.
        OSError: it cannot be written there.
    """
    made = altair()
    import vl_convert

    # v6.4.1 -> v6_4, as vl-convert names what it has
    version = "_".join(made.SCHEMA_VERSION.split(".")[:2])
    if path.suffix.lower() == ".png":
        picture: str | bytes = vl_convert.vegalite_to_png(
            dict(spec), vl_version=version, scale=2, allowed_base_urls=[]
        )
    else:
        picture = vl_convert.vegalite_to_svg(
            dict(spec), vl_version=version, allowed_base_urls=[]
        )  # fmt: skip
    write_whole(path, picture)
    return path
