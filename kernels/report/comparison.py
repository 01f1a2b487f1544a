"""What a comparison found: records, the machine they were taken on, and how it was asked."""

from __future__ import annotations

import json
import math
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCHEMA = "einbench.comparison/1"


@dataclass(frozen=True)
class Comparison:
    """Records of checked and timed kernels; prints as tables, shows as HTML in a notebook."""

    records: list[dict[str, Any]]
    machine: dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)
    #: seconds the whole comparison took, set-up of the package apart
    wall_s: float = 0.0
    #: stopped before its end: the records are those of the cells that were finished
    interrupted: bool = False

    def document(self) -> dict[str, Any]:
        """Everything as plain data for JSON; NaN and infinity become null."""
        return {
            "schema": SCHEMA,
            "machine": _plain(self.machine),
            "settings": _plain(self.settings),
            "wall_s": self.wall_s,
            "interrupted": self.interrupted,
            "records": _plain(self.records),
        }

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Write the document, whole or not at all; folders are made."""
        return write_whole(Path(path), json.dumps(self.document(), indent=1, allow_nan=False))

    def to_pandas(self) -> Any:
        """One row a record, sizes and options as columns of their own.

        Raises:
            ImportError: pandas is not installed; the message says how to get it.
        """
        try:
            import pandas as pd
        except ImportError as problem:
            raise ImportError(
                "to_pandas() needs pandas: pip install 'einbench[pandas]'"
            ) from problem
        rows = []
        for record in self.records:
            flat = {k: v for k, v in record.items() if k not in ("sizes", "options", "samples_s")}
            rows.append({**flat, **record["sizes"], **record["options"]})
        return pd.DataFrame(rows)

    def __str__(self) -> str:
        from kernels.report.terminal import as_text

        return as_text(self)

    def _repr_html_(self) -> str:
        from kernels.report.terminal import as_html

        return as_html(self)


def write_whole(path: Path, text: str) -> Path:
    """Write to a temporary name beside the target and move it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)  # mkstemp makes files that only their owner reads
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


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
