"""What one file gave: rows, machines, and what of it could not be read."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from einbench.host.documents import Unreadable
from einbench.names import shortened
from einbench.records.columns import Row, text, tidy
from einbench.records.twins import Entry, told_apart

#: rows that any file may have, and one more for so many of its bytes: what a harness writes of one
#: is longer, and it takes eight kilobytes of memory in all
_MOST_ROWS, _ROW_BYTES = 7_500, 700


def most_rows(size: int) -> int:
    """How many rows a file of so many bytes may have."""
    return _MOST_ROWS + size // _ROW_BYTES


@dataclass
class Found:
    """Filled by the reader of a format; `notes` says what of a file was left out."""

    #: more rows than this are a mistake or an attack
    most: int = sys.maxsize
    machines: list[dict[str, Any]] = field(default_factory=list)
    #: benchmarks that are none of kernels, or do not fit their own parameters
    foreign: list[str] = field(default_factory=list)
    _entries: list[Entry] = field(default_factory=list)
    _nameless: int = 0
    _spoiled: set[str] = field(default_factory=set)

    def add(
        self, facts: Mapping[str, Any], name: Any = None, marks: Mapping[str, Any] | None = None
    ) -> None:
        """A row from facts by column; without an operation and a kernel it is none.

        Args:
            facts: by column.
            name: what the file calls it.
            marks: what else the file says of it, which may tell it from another row.

        Raises:
            Unreadable: there are more than a file of this size has.
        """
        self.refuse_more(len(self._entries) + self._nameless)
        row = tidy(facts, self._spoiled)
        if row["operation"] is None or row["kernel"] is None:
            self._nameless += 1
            return
        told = {str(text(key)): text(str(value)) for key, value in (marks or {}).items()}
        known = {key: value for key, value in told.items() if value}
        named = shortened(text(name) or "one without a name", 80)
        self._entries.append(Entry(row, named, known))

    def refuse_more(self, rows: int) -> None:
        """Raise where so many rows are as many as the file may have.

        Raises:
            Unreadable: they are.
        """
        if rows >= self.most:
            raise Unreadable(f"more than {self.most:,} rows, which a file of this size cannot have")

    @cached_property
    def _told_apart(self) -> tuple[list[Row], list[str]]:
        return told_apart(self._entries)

    @property
    def rows(self) -> list[Row]:
        """A row for each kernel and cell, once everything was added."""
        return self._told_apart[0]

    def notes(self) -> list[str]:
        """What was left out of a file that was read, a line each."""
        lines = []
        if self.foreign:
            some = ", ".join(shortened(name, 80) for name in self.foreign[:3])
            some += ", ..." if len(self.foreign) > 3 else ""
            lines.append(f"left out, as no kernel's benchmarks: {some}")
        if self._nameless:
            lines.append(f"left out, as records of no operation or kernel: {self._nameless}")
        twins = self._told_apart[1]
        if twins:
            some = "; ".join(twins[:3]) + ("; ..." if len(twins) > 3 else "")
            lines.append(f"left out, as one kernel and cell with two times: {some}")
        if self._spoiled:
            names = ", ".join(sorted(self._spoiled))
            lines.append(f"left empty, as values of a wrong kind: {names}")
        return lines
