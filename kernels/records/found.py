"""What one file gave: rows, machines, and what of it could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from einbench.records.columns import Row, tidy


@dataclass
class Found:
    """Filled by the reader of a format; `notes` says what of a file was left out."""

    rows: list[Row] = field(default_factory=list)
    machines: list[dict[str, Any]] = field(default_factory=list)
    #: benchmarks that are none of kernels, or do not fit their own parameters
    foreign: list[str] = field(default_factory=list)
    _nameless: int = 0
    _spoiled: set[str] = field(default_factory=set)

    def add(self, facts: Mapping[str, Any]) -> None:
        """A row from facts by column; without an operation and a kernel it is none."""
        row = tidy(facts, self._spoiled)
        if row["operation"] is None or row["kernel"] is None:
            self._nameless += 1
        else:
            self.rows.append(row)

    def notes(self) -> list[str]:
        """What was left out of a file that was read, a line each."""
        lines = []
        if self.foreign:
            some = ", ".join(self.foreign[:3]) + (", ..." if len(self.foreign) > 3 else "")
            lines.append(f"left out, as no kernel's benchmarks: {some}")
        if self._nameless:
            lines.append(f"left out, as records of no operation or kernel: {self._nameless}")
        if self._spoiled:
            names = ", ".join(sorted(self._spoiled))
            lines.append(f"left empty, as values of a wrong kind: {names}")
        return lines
