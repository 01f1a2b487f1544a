"""Comparisons of several machines in one file: rows of each, under its own machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from einbench.page.sources import material
from einbench.records.read import read


def comparison(fingerprint: str, median_s: float, **other: Any) -> dict[str, Any]:
    record = {
        "operation": "relu", "kernel": "loop", "sizes": {"batch": 8, "features": 4},
        "dtype": "float32", "layout": "C", "threads": 1, "status": "ok", "median_s": median_s,
    }  # fmt: skip
    return {
        "schema": "einbench.comparison/1", "date": "2026-01-02T03:04:05Z",
        "machine": {"cpu": "A Processor", "fingerprint": fingerprint},
        "settings": {}, "records": [record], **other,
    }  # fmt: skip


def written(folder: Path, *comparisons: dict[str, Any]) -> Path:
    path = folder / "both.json"
    document = {"schema": "einbench.comparisons/1", "comparisons": list(comparisons)}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_each_row_has_its_own_machine(tmp_path: Path) -> None:
    path = written(tmp_path, comparison("a", 1.0), comparison("b", 2.0))
    found = read([path])
    assert found.warnings == []
    assert [(r["machine_fingerprint"], r["median_s"]) for r in found.rows] == [("a", 1.0), ("b", 2)]
    assert [machine["fingerprint"] for machine in found.machines] == ["a", "b"]
    assert len(material([str(path)]).runs) == 2


def test_what_is_no_comparison_in_it_is_refused(tmp_path: Path) -> None:
    for wrong in (comparison("b", 1.0, schema="einbench.tune/1"), comparison("b", 1.0, records=3)):
        found = read([written(tmp_path, comparison("a", 1.0), wrong)])
        assert found.rows == []
        assert "something else than comparisons" in found.warnings[0]
