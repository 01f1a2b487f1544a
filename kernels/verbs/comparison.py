"""What a comparison found: records, the machine they were taken on, and its settings."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from einbench.host.documents import write_whole
from einbench.moment import now
from einbench.names import shortened
from einbench.record import Record

SCHEMA = "einbench.comparison/1"


@dataclass(frozen=True)
class Comparison:
    """Records of checked and timed kernels; prints as tables, shows as HTML in a notebook."""

    records: list[Record]
    machine: dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)
    #: seconds the whole comparison took, set-up of the package apart
    wall_s: float = 0.0
    #: stopped before its end: the records are those of the cells that were finished
    interrupted: bool = False
    #: when it ended, ISO 8601 in UTC
    date: str = field(default_factory=now)

    def document(self) -> dict[str, Any]:
        """Everything as plain data for JSON; NaN and infinity become null."""
        return {
            "schema": SCHEMA,
            "date": self.date,
            "machine": _plain(self.machine),
            "settings": _plain(self.settings),
            "wall_s": self.wall_s,
            "interrupted": self.interrupted,
            "records": [record.to_json() for record in self.records],
        }

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Write the document, whole or not at all; folders are made."""
        write_whole(path, json.dumps(self.document(), indent=1, allow_nan=False))
        return Path(path)

    def to_pandas(self) -> Any:
        """The tidy table of `einbench export`: one row a record, the columns always the same.

        Sizes but batch, and options, are JSON text; a fact that is not known is missing.

        Raises:
            ImportError: pandas is not installed; the message says how to get it.
        """
        from einbench.records.einbench_file import comparison_rows
        from einbench.records.write import as_pandas

        return as_pandas(comparison_rows(self.document()))

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Time against batch, an operation below the other: a chart that a notebook shows.

        Args:
            path: of a picture to write as well, .svg or .png, whole or not at all.

        Returns:
            Altair's chart.

        Raises:
            ValueError: no kernel was timed, or the path ends otherwise.
            ImportError: Altair or vl-convert is not installed; the message says how to get it.
        """
        from einbench.page.plots import as_chart, comparison_spec
        from einbench.report.vega import refuse_format, write_picture

        spec = comparison_spec(self.document())
        if path is not None:
            refuse_format(Path(path), "path")
            write_picture(Path(path), spec)
        return as_chart(spec)

    def __repr__(self) -> str:
        """In a line; `print` has the tables, and a notebook shows them."""
        names = ", ".join(dict.fromkeys(record.operation for record in self.records)) or "none"
        stopped = ", interrupted" if self.interrupted else ""
        said = f"{self.date}{stopped}, {len(self.records)} records: {names}"
        return f"<Comparison of {shortened(said, 120)}; print it for the tables>"

    def __str__(self) -> str:
        from einbench.report.terminal import as_text

        return as_text(self)

    def _repr_html_(self) -> str:
        from einbench.report.terminal import as_html

        return as_html(self)


def of_document(document: dict[str, Any]) -> Comparison:
    """The comparison that `Comparison.document` made plain data of.

    Raises:
        ValueError: a record is none.
    """
    return Comparison(
        [Record.from_json(record) for record in document["records"]],
        document["machine"],
        document["settings"],
        document["wall_s"],
        document["interrupted"],
        document["date"],
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if hasattr(value, "item"):  # NumPy's scalars
        return _plain(value.item())
    return value
