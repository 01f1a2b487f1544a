"""Losses, accuracies and times as a picture, drawn by matplotlib where that is installed."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from einbench.host.documents import write_whole
from einbench.units import seconds_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Facts = Mapping[str, Any]

#: distinguishable for the colour-blind as well (Okabe and Ito); each with dashes of its own, for
#: curves that are the same lie on each other
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES = ("solid", (0, (6, 6)), (0, (2, 4)), (0, (8, 3, 2, 3)), (0, (1, 6)))
#: steps that a smoothed curve is made of
_POINTS = 200


def refuse_without_matplotlib() -> None:
    """Raise the one line that says what to install.

    Raises:
        ImportError: matplotlib is not there.
    """
    try:
        found = importlib.util.find_spec("matplotlib") is not None
    except ValueError:  # in sys.modules, and no module
        found = False
    if not found:
        raise ImportError(
            "curves are drawn by matplotlib, which is not installed; "
            "get it with: pip install 'einbench[plot]'"
        )


def training_picture(
    path: Path, step_losses: Sequence[float], epochs: Sequence[Facts], title: str
) -> Path:
    """The loss of every step and epoch to the left, accuracies to the right."""
    from matplotlib.ticker import MaxNLocator

    figure, (left, right) = _figure(2, title)
    per_epoch = len(step_losses) / max(len(epochs), 1)
    steps = (np.arange(len(step_losses)) + 1) / max(per_epoch, 1)
    left.plot(steps, step_losses, color=_COLOURS[0], alpha=0.25, linewidth=0.6)
    left.plot(*_smoothed(steps, step_losses), color=_COLOURS[0], label="training, smoothed")
    number = [epoch["epoch"] for epoch in epochs]
    _ends(left, number, [e["validation_loss"] for e in epochs], 1, "test set")
    left.set(xlabel="epoch", ylabel="loss")
    if step_losses and min(step_losses) > 0:
        left.set_yscale("log")
    _ends(right, number, [_percent(e["accuracy"]) for e in epochs], 0, "training, as stepped")
    _ends(right, number, [_percent(e["validation_accuracy"]) for e in epochs], 1, "test set")
    right.set(xlabel="epoch", ylabel="accuracy, %")
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _legend(axes)
    return _written(figure, path)


def families_picture(path: Path, families: Sequence[Facts], limit: float, title: str) -> Path:
    """Losses on each other, how far apart they are (pale where not judged), seconds an epoch."""
    trained = [family for family in families if family["losses"]]
    figure, (left, middle, right) = _figure(3, title)
    for number, family in enumerate(trained):
        steps = np.arange(len(family["losses"])) + 1
        style: dict[str, Any] = {
            "color": _COLOURS[number % len(_COLOURS)],
            "linestyle": _DASHES[number % len(_DASHES)],
            "label": family["family"],
        }
        # few steps are points that can be seen
        style |= {"marker": "o", "markersize": 4} if len(steps) < 8 else {}
        left.plot(steps, family["losses"], linewidth=2.5, alpha=0.8, **style)
        differences = np.array(family["differences"] or [], float)
        if len(differences):
            # a logarithm has no place for losses that are equal
            apart = np.where(differences > 0, differences, np.nan)
            judged = family["judged_steps"]
            middle.plot(steps[:judged], apart[:judged], linewidth=1.2, **style)
            # where rounding explains as much: shown, and not judged
            middle.plot(steps[judged:], apart[judged:], linewidth=1, **(style | {"alpha": 0.3}))
    left.set(xlabel="step", ylabel="loss")
    middle.axhline(limit, color="#888888", linewidth=1)
    middle.set_yscale("log")
    middle.annotate(
        f"limit {limit:.0e}", (0.02, limit), xycoords=("axes fraction", "data"),
        va="bottom", color="#666666", fontsize=9,
    )  # fmt: skip
    lowest, highest = middle.get_ylim()
    middle.set_ylim(lowest, max(highest, 10 * limit))
    first = trained[0]["family"] if trained else "the first"
    middle.set(xlabel="step", ylabel=f"relative difference to {first}")
    _bars(right, trained)
    _legend(left)
    return _written(figure, path)


def _bars(axes: Axes, trained: Sequence[Facts]) -> None:
    names = [family["family"] for family in trained]
    seconds = [family["epoch_s"] for family in trained]
    colours = [_COLOURS[number % len(_COLOURS)] for number in range(len(names))]
    bars = axes.barh(names, seconds, color=colours)
    axes.bar_label(bars, [seconds_text(s) for s in seconds], padding=4)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set(xlabel="seconds an epoch")
    if seconds:
        # space for the text beside the longest bar
        span = max(seconds) / min(seconds)
        axes.set_xlim(min(seconds) / 3, max(seconds) * 3 * span**0.25)


def _figure(panels: int, title: str) -> tuple[Figure, Sequence[Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5 * panels, 4.2), layout="constrained")
    figure.suptitle(title, fontsize=11)
    axes = [figure.add_subplot(1, panels, number + 1) for number in range(panels)]
    for each in axes:
        each.grid(alpha=0.25)
        each.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _ends(
    axes: Axes, epochs: Sequence[int], values: Sequence[float | None], colour: int, label: str
) -> None:
    """A point at the end of every epoch; nothing where there are none."""
    known = [(n, value) for n, value in zip(epochs, values, strict=True) if value is not None]
    if known:
        axes.plot(*zip(*known, strict=True), color=_COLOURS[colour], marker="o", label=label)


def _smoothed(
    steps: npt.NDArray[Any], losses: Sequence[float]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Means of neighbouring steps, as many of them as a picture can show."""
    parts = max(1, min(_POINTS, len(losses) // 10))
    values = np.array_split(np.asarray(losses, float), parts)
    places = np.array_split(steps, parts)
    middles = np.array([place.mean() for place in places if len(place)])
    return middles, np.array([value.mean() for value in values if len(value)])


def _legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)


def _percent(part: float | None) -> float | None:
    return None if part is None else 100 * part


def _written(figure: Figure, path: Path) -> Path:
    """The whole picture or none."""
    import matplotlib as mpl

    picture = io.BytesIO()
    kind = path.suffix.lower().removeprefix(".")
    # without a date and random identifiers the same numbers give the same file
    with mpl.rc_context({"svg.hashsalt": "einbench"}):
        metadata = {"Date": None} if kind == "svg" else {}
        figure.savefig(picture, format=kind, dpi=150, metadata=metadata)
    write_whole(path, picture.getvalue())
    return path
