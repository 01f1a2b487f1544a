"""How often two independent runs of `einbench tune` agree.

    make choice-agreement

Each run is a process of its own with a memory of its own. They agree on a cell where the choice
of one lies in the tie set of the other; counted apart are cells where that holds for the choices of
both, and where it holds for one.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from einbench.choose.book import Remembered
from einbench.choose.book_on_disk import book
from einbench.host.documents import load

from .study import Study, parser

#: log of the greatest ratio that enters the spread: only such kernels are chosen by noise
_NEAR = math.log(1.4)
SCHEMA = "einbench.choice-agreement/1"


def main(arguments: list[str]) -> None:
    """Tune twice and compare, or compare what two runs left behind; other options are tune's."""
    expected = parser(__doc__)
    expected.add_argument("--folders", nargs=2, type=Path, help="of two runs, in place of both")
    asked, options = expected.parse_known_args(arguments)
    study = Study(asked.path, SCHEMA)
    if asked.folders:
        _compare(study, *asked.folders)
    elif not asked.summary:
        with tempfile.TemporaryDirectory(prefix="tunes-") as temporary:
            folders = [Path(temporary) / name for name in ("one", "other")]
            for folder in folders:
                _tune(folder, options)
            _compare(study, *folders)
    print(json.dumps(summary(study), indent=1))
    for name, row in study.rows.items():
        if not row["agree_both"]:
            print(name, row)


def _tune(folder: Path, options: list[str]) -> None:
    subprocess.run(  # noqa: S603 - this interpreter and the command itself
        [sys.executable, "-m", "einbench.cli", "tune", *options],
        env={**os.environ, "EINBENCH_WISDOM": str(folder)}, check=True,
    )  # fmt: skip


def _compare(study: Study, one: Path, other: Path) -> None:
    study.rows.clear()
    for path in sorted(one.glob("*.json")):
        first, second = _choices(path), _choices(other / path.name)
        for signature, choice in first.items():
            if signature in second:
                study.rows[_name(path.stem, choice)] = _row(choice, second[signature])
    study.summary = summary(study)
    study.write()


def _choices(path: Path) -> dict[Any, Remembered]:
    found = load(path)
    return {c.signature: c for c in book(found).choices} if "choices" in found else {}


def _name(operation: str, choice: Remembered) -> str:
    sizes = dict(choice.signature.sizes)
    return f"{operation} {sizes.get('batch', '')} {choice.signature.dtype}"


def _row(one: Remembered, other: Remembered) -> dict[str, Any]:
    return {
        "chosen": [one.kernel, other.kernel],
        "tie": [list(one.tie), list(other.tie)],
        # seconds of what either chose, in both runs
        "median_s": [
            {k: run.times[k].median_s for k in (one.kernel, other.kernel) if k in run.times}
            for run in (one, other)
        ],
        # of every kernel that either run might have taken, its time over that of the first's choice
        "log_ratio": {
            name: [
                round(math.log(run.times[name].median_s / run.times[one.kernel].median_s), 4)
                for run in (one, other)
            ]
            for name in one.times
            if name != one.kernel and name in other.times and one.kernel in other.times
        },
        "agree": one.kernel in other.tie or other.kernel in one.tie,
        "agree_both": one.kernel in other.tie and other.kernel in one.tie,
        "same": one.kernel == other.kernel,
    }


def summary(study: Study) -> dict[str, Any]:
    """Cells, and in how many the runs agree, and choose the same kernel."""
    rows = study.rows.values()
    cells = len(rows)
    agree = sum(row["agree"] for row in rows)
    both = sum(row["agree_both"] for row in rows)
    return {
        "cells": cells,
        "agree": agree,
        "agree_fraction": round(agree / cells, 4) if cells else None,
        "agree_both": both,
        "agree_both_fraction": round(both / cells, 4) if cells else None,
        "log_ratio_spread": _spread(rows),
        "same_kernel": sum(row["same"] for row in rows),
        "with_ties": sum(len(row["tie"][0]) > 1 or len(row["tie"][1]) > 1 for row in rows),
    }


def _spread(rows: Iterable[dict[str, Any]]) -> float | None:
    """Standard deviation between runs of the log of a ratio near 1, from the median deviation."""
    pairs = [pair for row in rows for pair in row["log_ratio"].values()]
    near = [abs(a - b) for a, b in pairs if max(abs(a), abs(b)) < _NEAR]
    return round(1.4826 * statistics.median(near) / math.sqrt(2), 4) if near else None


if __name__ == "__main__":
    main(sys.argv[1:])
