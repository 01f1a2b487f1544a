"""What was found, as rows for the document and as a table in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from .ratios import ratio
from .turns import OK, Cell

Record = dict[str, Any]


def records(cells: Iterable[Cell], first: str) -> list[Record]:
    """Every cell with its median and its ratio to the first contender at that size.

    One that failed, disagreed or is not there has its reason and no times; where the first has
    none, nobody has a ratio.
    """
    found = list(cells)
    bases = {cell.batch: cell for cell in found if cell.contender == first and cell.status == OK}
    rows = []
    for cell in found:
        row = asdict(cell)
        row.update(median_s=None, ratio=None, low=None, high=None)
        if cell.status == OK:
            row["median_s"] = statistics.median(s for turns in cell.turns_s for s in turns)
            base = bases.get(cell.batch)
            if base is not None:
                row.update(_ratio(cell, base))
        else:
            # times of what was not right are no times of a training step
            row["turns_s"] = []
        for key in ("parameter_error", "loss_error"):
            # infinity is not in JSON: nothing could be compared
            row[key] = None if row[key] == float("inf") else row[key]
        rows.append(row)
    return rows


def _ratio(cell: Cell, base: Cell) -> Record:
    """Median and interval, by the names of a record."""
    found = ratio(cell.turns_s, base.turns_s)
    return {"ratio": found.median, "low": found.low, "high": found.high}


def best_peers(rows: Iterable[Record], ours: Iterable[str]) -> dict[str, Record]:
    """At each size the peer with the least ratio, and whether the first is surely faster."""
    own = set(ours)
    found: dict[str, Record] = {}
    for row in rows:
        if row["contender"] in own or row["ratio"] is None:
            continue
        before = found.get(str(row["batch"]))
        if before is None or row["ratio"] < before["ratio"]:
            found[str(row["batch"])] = {
                "peer": row["contender"],
                **{key: row[key] for key in ("ratio", "low", "high")},
                "slower_than_first": row["low"] > 1,
            }
    return found


def table(document: Mapping[str, Any]) -> list[str]:
    """A table for each batch, and what is missing from it by name."""
    settings = document["settings"]
    lines = []
    for batch in settings["batches"]:
        rows = [row for row in document["records"] if row["batch"] == batch]
        ranked = [row for row in rows if row["status"] == OK]
        lines += [
            f"A training step at batch {batch:,}, {settings['threads']} threads, "
            f"{settings['launches']} launches of {settings['rounds']} rounds, "
            f"others on {max(document['other_cores'][str(batch)]):.2f} cores:",
            "",
            f"| | median µs | time over {document['first']} | 95 % | threads |",
            "|---|---|---|---|---|",
            *map(_line, sorted(ranked, key=lambda row: float(row["median_s"]))),
            "",
            *(f"{row['contender']}: {row['status']}, {row['reason']}"
              for row in rows if row["status"] != OK),
        ]  # fmt: skip
        best = document["best_peers"].get(str(batch))
        if best is not None:
            lines.append(
                f"The best peer, {best['peer']}, takes {best['ratio']:.2f} times as long "
                f"({best['low']:.2f} to {best['high']:.2f})."
            )
        lines.append("")
    return lines


def _line(row: Record) -> str:
    beside = ["-", "-"]
    if row["ratio"] is not None:
        beside = [f"{row['ratio']:.2f}", f"{row['low']:.2f} to {row['high']:.2f}"]
    cells = [row["contender"], f"{row['median_s'] * 1e6:,.1f}", *beside,
             str(row["facts"].get("threads", "-"))]  # fmt: skip
    return f"| {' | '.join(cells)} |"
