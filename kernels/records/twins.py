"""Rows of one file that would be one kernel in one cell: told apart by what differs, or left out.

A harness times what its user's parameters, classes and modules say, and a row has columns for some
of that only. Where two rows agree in all of those, what else tells them apart becomes an option of
every row of that operation, so that only like is compared with like.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from einbench.records.columns import Row

#: rows that agree in these claim to be one measurement
_SAME = (
    "operation", "kernel", "batch", "dtype", "layout", "threads", "sizes", "options", "machine",
    "machine_fingerprint", "commit", "date", "environment", "file",
)  # fmt: skip


class Entry(NamedTuple):
    """A row, what its file calls it, and what its file says beside the columns."""

    row: Row
    name: str
    marks: Mapping[str, str]


def told_apart(entries: Sequence[Entry]) -> tuple[list[Row], list[str]]:
    """The rows, options added where they are needed; and a line for each pair left out.

    A row that says the same as another to the last digit is no second measurement.
    """
    needed: dict[str, dict[str, None]] = {}
    for twins in _twins(entries):
        needed.setdefault(twins[0].row["operation"], {}).update(dict.fromkeys(_differing(twins)))
    marked = [_marked(entry, needed.get(entry.row["operation"], {})) for entry in entries]
    left_out: list[str] = []
    dropped: set[int] = set()
    for twins in _twins(marked):
        unlike = [entry for entry in twins if entry.row != twins[0].row]
        dropped |= {id(entry.row) for entry in (twins if unlike else twins[1:])}
        if unlike:
            names = " and ".join(dict.fromkeys(entry.name for entry in (twins[0], *unlike)))
            row = twins[0].row
            at = "" if row["batch"] is None else f" at batch {row['batch']:,}"
            left_out.append(f"{row['operation']}[{row['kernel']}]{at} in {names}")
    return [entry.row for entry in marked if id(entry.row) not in dropped], left_out


def _twins(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Entries of which there are several for one kernel and cell."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        place = json.dumps([entry.row[name] for name in _SAME], sort_keys=True)
        groups.setdefault(place, []).append(entry)
    return [group for group in groups.values() if len(group) > 1]


def _differing(twins: Sequence[Entry]) -> list[str]:
    """As few marks as tell most of them apart, in the order in which the file has them."""
    chosen: list[str] = []
    parts = 1
    for name in dict.fromkeys(name for twin in twins for name in twin.marks):
        if name in (twins[0].row["options"] or {}):
            continue
        found = len({tuple(twin.marks.get(one) for one in (*chosen, name)) for twin in twins})
        if found > parts:
            chosen.append(name)
            parts = found
    return chosen


def _marked(entry: Entry, needed: Mapping[str, None]) -> Entry:
    more = {name: entry.marks[name] for name in needed if name in entry.marks}
    options = {**more, **(entry.row["options"] or {})}
    return entry._replace(row=entry.row | {"options": options or None})
