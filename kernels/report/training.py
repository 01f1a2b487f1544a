"""A training as tables: what each epoch reached, and where the time went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from einbench.report.columns import Line
from einbench.report.folded import Row, folded_lines
from einbench.units import seconds_text

Facts = Mapping[str, Any]


#: columns for any number of those below, where a table is printed while it grows
_WIDE = 8


def new_epoch_lines(epoch: Facts, epochs: int, width: int) -> Iterator[Line]:
    """The lines that one epoch adds to a table of so many, its headings above the first."""
    digits = len(f"{epochs:,}")
    one = list(epoch_lines([epoch], width, digits, _WIDE))
    added = len(list(epoch_lines([epoch] * 2, width, digits, _WIDE))) - len(one)
    yield from one if epoch["epoch"] == 1 else one[-added:]


def epoch_lines(
    epochs: Sequence[Facts], width: int, digits: int = 0, wide: int = 0
) -> Iterator[Line]:
    """Loss and accuracy as stepped, accuracy on the test set and seconds, epoch by epoch.

    Args:
        epochs: a row each.
        width: columns of the whole table.
        digits: that the first column has at least.
        wide: columns that each number has at least.
    """
    best = max((e["validation_accuracy"] or 0.0 for e in epochs), default=0.0)
    rows = [
        Row(
            (f"{epoch['epoch']:<{digits},}",),
            tuple(
                text.rjust(wide)
                for text in (
                    loss_text(epoch["loss"]),
                    accuracy_text(epoch["accuracy"]),
                    loss_text(epoch["validation_loss"]),
                    accuracy_text(epoch["validation_accuracy"]),
                    seconds_text(epoch["epoch_s"]),
                )
            ),
            "green" if epoch["validation_accuracy"] == best else "",
        )
        for epoch in epochs
    ]
    headings: tuple[str, ...] = ("loss", "train", "test loss", "test", "time")
    if width < 50:  # the loss on the test set is in the JSON document too
        headings = (*headings[:2], *headings[3:])
        rows = [Row(r.names, (*r.numbers[:2], *r.numbers[3:]), r.style) for r in rows]
    yield from folded_lines(("epoch",), headings, rows, width)


def time_lines(spent: Sequence[Facts], wall_s: float, width: int) -> Iterator[Line]:
    """Calls and seconds per operation and kernel; what is around them; all of it."""
    rows = [
        Row(
            (str(entry["operation"] or entry["what"]), str(entry["kernel"] or "")),
            (
                f"{entry['calls']:,}" if entry["calls"] else "",
                seconds_text(entry["seconds_s"]),
                share_text(entry["seconds_s"] / wall_s if wall_s else 0.0),
                seconds_text(entry["seconds_s"] / entry["calls"]) if entry["calls"] else "",
            ),
            "" if entry["operation"] else "dim",
        )
        for entry in spent
    ]
    rows.append(Row(("all", ""), ("", seconds_text(wall_s), share_text(1.0), ""), "bold"))
    headings = ("calls", "time", "share", "per call")
    yield from folded_lines(("operation", "kernel"), headings, rows, width)


def loss_text(loss: float | None) -> str:
    """Four digits: ``0.2314``; ``-`` where there is none."""
    if loss is None:
        return "-"
    return f"{loss:.4f}" if 1e-3 <= loss < 1e3 else f"{loss:.3g}"


def accuracy_text(accuracy: float | None) -> str:
    """``97.52 %``; ``-`` where there is none."""
    return "-" if accuracy is None else f"{100 * accuracy:.2f} %"


def share_text(part: float) -> str:
    """``68.2 %``."""
    return f"{100 * part:.1f} %"
