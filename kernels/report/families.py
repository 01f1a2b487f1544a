"""Families of kernels side by side: the same losses, other times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from einbench.report.columns import Line
from einbench.report.folded import Row, folded_lines
from einbench.report.training import loss_text
from einbench.units import ratio_text, seconds_text

Facts = Mapping[str, Any]
_ALARM = "bold white on red"


def family_lines(families: Sequence[Facts], width: int) -> Iterator[Line]:
    """Steps, the last loss, how far the losses are from the first family's, and the times."""
    rows = [_row(family) for family in families]
    headings = ("steps", "last loss", "difference", "step", "epoch", "as fast")
    yield from folded_lines(("kernels",), headings, rows, width)


def _row(family: Facts) -> Row:
    if family["status"] in ("skipped", "unavailable", "failed"):
        return Row((family["family"],), (family["status"], "", "", "", "", ""), "dim")
    difference = family["difference"]
    return Row(
        (family["family"],),
        (
            f"{family['steps']:,}",
            loss_text(family["losses"][-1]),
            difference_text(difference),
            seconds_text(family["step_s"]),
            seconds_text(family["epoch_s"]),
            ratio_text(family["speedup"]) if family["speedup"] else "-",
        ),
        _ALARM if family["status"] == "rejected" else "",
    )


def family_notes(document: Facts) -> Iterator[tuple[str, str]]:
    """(text, style) of everything that a reader of the table must know, wrong families first."""
    families = document["families"]
    for family in families:
        if family["status"] in ("rejected", "failed"):
            yield f"{family['status'].upper()} {family['family']}: {family['reason']}", _ALARM
    for family in families:
        if family["reason"] and family["status"] in ("ok", "skipped", "unavailable"):
            yield f"{family['family']}: {family['reason']}", "yellow"
    for family in families:
        if family["status"] == "ok" and family["judged_steps"] < family["steps"]:
            later = (
                "the rest was interrupted"
                if document["interrupted"]
                else "later trainings that began a few roundings apart differ as much on the same "
                "kernels (--dtype float64 judges more)"
            )
            judged = f"judged over the first {family['judged_steps']} steps; {later}"
            yield f"{family['family']}: {judged}", "yellow"
    trained = [family for family in families if family["losses"]]
    compared = [f["difference"] for f in trained if f["difference"] is not None]
    if compared and not any(f["status"] in ("rejected", "failed") for f in families):
        yield (
            f"the loss curves are the same: where judged they differ by at most "
            f"{difference_text(max(compared))} relative, the limit is {document['limit']:.0e}",
            "bold green",
        )
    for family in trained:
        others = {op: k for op, k in family["used"].items() if k != family["family"]}
        if others:
            listed = ", ".join(f"{op} {kernel}" for op, kernel in others.items())
            yield f"{family['family']} here: {listed}", "dim"
    first = trained[0]["family"] if trained else "the first"
    batch = document["settings"]["batch"]
    batches = document["data"]["samples"] / batch
    yield (
        f"difference: greatest of |a - b| / max(|a|, |b|) between the losses of a step, to the "
        f"first family above that took it. step: median; families took turns of a few steps, in "
        f"random order. epoch: {batches:,.4g} such steps, without the test set. "
        f"as fast: times as fast as {first}.",
        "dim",
    )


def difference_text(difference: float | None) -> str:
    """``1.2e-07`` relative; ``-`` for the family that others are compared with."""
    if difference is None:
        return "-"
    return "0" if difference == 0 else f"{difference:.1e}"
