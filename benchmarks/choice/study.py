"""A study kept on disk: a row as soon as it is measured, and a stopped study goes on."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from einbench.host.documents import write_whole
from einbench.host.machine import machine
from einbench.moment import now


def parser(description: str | None) -> argparse.ArgumentParser:
    """Of a study's command: where it is kept, and whether to print only."""
    asked = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("path", help="JSON file that keeps the study")
    asked.add_argument("--summary", action="store_true", help="print what there is")
    return asked


class Study:
    """Rows by name in a JSON document with schema, date and machine; those of another go."""

    def __init__(self, path: str, schema: str) -> None:
        self._path = Path(path)
        self.rows: dict[str, dict[str, Any]] = {}
        self._schema = schema
        self.summary: dict[str, Any] = {}
        if self._path.exists():
            found = json.loads(self._path.read_text(encoding="utf-8"))
            self.rows = found["rows"] if found["schema"] == schema else {}

    def keep(self, name: str, row: dict[str, Any]) -> None:
        """One more row, on disk when this returns."""
        self.rows[name] = row
        self.write()

    def write(self) -> None:
        """The document, whole."""
        document = {
            "schema": self._schema,
            "date": now(),
            "machine": machine(),
            "summary": self.summary,
            "rows": self.rows,
        }
        write_whole(self._path, json.dumps(document, indent=1, allow_nan=False) + "\n")
