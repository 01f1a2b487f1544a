"""The comparison with peers as Markdown: ratios, their means, and wrong kernels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

#: ``refused`` is the status of older documents
WRONG = ("rejected", "refused")

Record = Mapping[str, Any]

_WORST = 5
#: load of other processes, in cores, that disturbs ratios, as in einbench.measure.disturbance
_MOST_OTHER_CORES = 0.1
#: below this a call's own overhead hides what the machine could do
_ROOFLINE_BATCH = 1000


def summary(cells: Sequence[Record]) -> dict[str, Any]:
    """Geometric means over all cells that have a ratio, and for each dtype."""
    found = {"all": _summary(cells)}
    for dtype in _in_order(cell["dtype"] for cell in cells):
        found[dtype] = _summary([cell for cell in cells if cell["dtype"] == dtype])
    return found


def _summary(cells: Sequence[Record]) -> dict[str, Any]:
    ranked = [cell for cell in cells if cell["ratio"] is not None]
    logs = [math.log(cell["ratio"]) for cell in ranked]
    worst = sorted(ranked, key=lambda cell: -cell["ratio"])[:_WORST]
    return {
        "cells": len(cells),
        "with_ratio": len(ranked),
        "geometric_mean": math.exp(sum(logs) / len(logs)) if logs else None,
        "above_1": sum(cell["ratio"] > 1 for cell in ranked),
        "surely_above_1": sum(cell["low"] > 1 for cell in ranked),
        "worst": [
            {key: cell[key] for key in ("operation", "batch", "dtype", "ratio", "low", "high",
                                        "ours", "peer", "ours_s", "peer_s")}
            for cell in worst
        ],
    }  # fmt: skip


def table(document: Mapping[str, Any]) -> list[str]:
    """The whole table, its summary and its notes."""
    cells = document["cells"]
    settings = document["settings"]
    lines = [
        f"Time of the suite's best kernel over that of the best peer, {settings['threads']} "
        "threads, 95 % intervals; below 1 the suite is faster.",
        "",
    ]
    for dtype in _in_order(cell["dtype"] for cell in cells):
        own = [cell for cell in cells if cell["dtype"] == dtype]
        lines += [f"{dtype}:", "", *_grid(own, _ratio, 0), ""]
        lines += [*_summary_lines(dtype, document["summary"][dtype]), ""]
    if len(document["summary"]) > 2:
        lines += [*_summary_lines("all", document["summary"]["all"]), ""]
    for dtype in _in_order(cell["dtype"] for cell in cells):
        own = [cell for cell in cells if cell["dtype"] == dtype]
        if any(cell["batch"] >= _ROOFLINE_BATCH for cell in own):
            lines += [f"Part of the roofline that the suite reaches, {dtype}:", ""]
            lines += [*_grid(own, _roofline, _ROOFLINE_BATCH), ""]
    return [*lines, *_disturbed(cells), *_notes(cells)]


def _grid(cells: Sequence[Record], text: Any, least_batch: int) -> list[str]:
    """Operations down, batches across."""
    batches = sorted({cell["batch"] for cell in cells if cell["batch"] >= least_batch})
    at = {(cell["operation"], cell["batch"]): cell for cell in cells}
    lines = [
        f"| | {' | '.join(f'{batch:,}' for batch in batches)} |",
        f"|---|{'---|' * len(batches)}",
    ]
    for operation in _in_order(cell["operation"] for cell in cells):
        found = (at.get((operation, batch)) for batch in batches)
        shown = ("" if cell is None else text(cell) for cell in found)
        lines.append(f"| {operation} | {' | '.join(shown)} |")
    return lines


def _ratio(cell: Record) -> str:
    if cell["ratio"] is None:
        return "no peer" if cell["ours"] else "none of ours"
    return f"{cell['ratio']:.2f} ({cell['low']:.2f} to {cell['high']:.2f})"


def _roofline(cell: Record) -> str:
    return "-" if cell["roofline"] is None else f"{cell['roofline']:.2f}"


def _summary_lines(name: str, found: Mapping[str, Any]) -> list[str]:
    if found["geometric_mean"] is None:
        return [f"{name}: no cell has a ratio."]
    lines = [
        f"{name}: geometric mean {found['geometric_mean']:.3f} over {found['with_ratio']} of "
        f"{found['cells']} cells; above 1 in {found['above_1']}, of these with the whole interval "
        f"in {found['surely_above_1']}. Worst:",
        "",
    ]
    return lines + [
        f"- {cell['operation']}, batch {cell['batch']:,}, {cell['dtype']}: {cell['ratio']:.2f} "
        f"({cell['low']:.2f} to {cell['high']:.2f}), {cell['ours']} {_us(cell['ours_s'])}, "
        f"{cell['peer']} {_us(cell['peer_s'])}"
        for cell in found["worst"]
    ]


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:,.1f} µs"


def _disturbed(cells: Sequence[Record]) -> list[str]:
    """A note on cells that other processes disturbed."""
    found = [cell["other_cores"] for cell in cells if cell["other_cores"] > _MOST_OTHER_CORES]
    if not found:
        return []
    return [
        f"{len(found)} of {len(cells)} cells were disturbed: other processes used at most "
        f"{max(found):.2f} cores meanwhile.",
        "",
    ]


def _notes(cells: Sequence[Record]) -> list[str]:
    """Kernels that were wrong or failed, cell by cell, and libraries that are unavailable."""
    lines = []
    for cell in cells:
        at = f"{cell['operation']}, batch {cell['batch']:,}, {cell['dtype']}"
        lines += [
            f"{at}: {row['library']} {row['way']}".rstrip() + f" {row['status']}: {row['reason']}"
            for row in cell["ways"]
            if row["status"] in (*WRONG, "failed")
        ]
    absent = (
        f"{row['library']}: unavailable, {row['reason']}"
        for cell in cells
        for row in cell["ways"]
        if row["status"] == "unavailable" and row["library"] != "ours"
    )
    return [*lines, *_in_order(absent)]


def wrong(cells: Iterable[Record]) -> bool:
    """Whether any kernel was wrong, or one of the suite failed."""
    return any(
        row["status"] in WRONG or (row["status"] == "failed" and row["library"] == "ours")
        for cell in cells
        for row in cell["ways"]
    )


def _in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
