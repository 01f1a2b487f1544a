"""The printed table: right kernels only, in few words, groups in the registry's order."""

from __future__ import annotations

from typing import Any

from einbench.units import ratio_text

#: an 80-column terminal holds these
DISPLAY = {"columns": ["median", "rounds"], "sort": "median"}
#: a time is unsteady where the middle half of its samples is wider than this part of the median
_WIDE = 0.2

Row = dict[str, Any]


def only_judged(rows: list[Row], unjudged: set[str]) -> list[Row]:
    """Without kernels that were rejected after they had been on the clock."""
    return [row for row in rows if row["fullname"] not in unjudged]


def rename(rows: list[Row]) -> None:
    """``einsum, 12x``: the title names the operation and the batch.

    The plugin gives a saved run's row the facts of this one: it must not carry a speed-up.
    """
    for row in rows:
        info = row["extra_info"]
        if "kernel" not in info:
            continue
        row["name"] = info["kernel"]
        if info["speedup"] is not None and row["source"] in (None, False, "NOW"):
            about = "~" if info["speedup_predicted"] else ""
            row["name"] += f", {about}{ratio_text(info['speedup'])}"
        if row["iqr"] > _WIDE * row["median"]:
            row["name"] += " ±"


def as_run(groups: list[tuple[Any, list[Row]]], rows: list[Row]) -> list[tuple[Any, list[Row]]]:
    """Groups in the order they ran in: the alphabet puts batch 1000 before 128."""
    places = {row["group"]: number for number, row in reversed(list(enumerate(rows)))}
    return sorted(groups, key=lambda pair: places.get(pair[0], len(rows)))


LEGEND = (
    "12x: times as fast as the baseline (~ its time predicted, it was too slow)",
    "±: unsteady, the middle half of the samples spreads over a fifth of the median",
)
