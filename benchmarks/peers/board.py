"""Every operation of the suite compared with every library (the peers).

    make peers

This is `einbench compare --with` all of them for each operation, and a table of ratios: the
time of the suite's best kernel over that of the best peer, below 1 the suite is faster. Kernels of
the suite write to memory that is there already, where they can, as peers do. A kernel
that does not agree with the reference is excluded, and the status is then 1.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import einbench
from einbench.host.cores import usable_threads
from einbench.host.documents import write_whole
from einbench.host.machine import machine
from einbench.libraries import LIBRARIES
from einbench.libraries.library_kernels import SLACK
from einbench.libraries.runtimes import modules_of
from einbench.measure.disturbance import Moment, moment_with_workers, other_cores
from einbench.moment import now
from einbench.names import check_dtype
from einbench.operation import Operation
from einbench.verbs.compare import check_batches
from einbench.verbs.comparison import Comparison

from .ratio import verdict
from .table import summary, table, wrong

SCHEMA = "einbench.peers-board/2"
BATCHES = (1, 32, 128, 1000, 10_000, 60_000)
DTYPES = ("float32", "float64")
INTERRUPTED = 130
OURS = "ours"

Place = tuple[str, int, str]
Record = dict[str, Any]


def main(arguments: Sequence[str]) -> int:
    """Measure, save and print; 0 where no kernel was wrong."""
    asked = _parser().parse_args(arguments)
    status = 0
    if asked.summary:
        document = json.loads(asked.output.read_text(encoding="utf-8"))
    else:
        board = Board(asked)
        try:
            board.run()
        except KeyboardInterrupt:
            status = INTERRUPTED
        document = board.document()
        board.write()
    print("\n".join(table(document)))
    return status or int(wrong(document["cells"]))


class Board:
    """The requested cells, and those measured before."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self._asked = asked
        self._settings = {
            "threads": asked.threads, "budget_s": asked.budget, "libraries": asked.library,
            "peers_slack": SLACK,
        }  # fmt: skip
        self._code = _code()
        self._machine = machine()
        self._cells: dict[Place, Record] = {}
        if asked.resume and asked.output.exists():
            self._cells = dict(self._kept())

    def run(self) -> None:
        """Measure what is missing, and save after every operation."""
        asked = self._asked
        for op in asked.operation:
            for dtype in asked.dtype:
                places = [(op.name, batch, dtype) for batch in asked.batch]
                for place in places:
                    if place in self._cells:
                        _print_cell(place, "kept")
                missing = [place[1] for place in places if place not in self._cells]
                if missing:
                    self._measure(op, missing, dtype)
                    self.write()

    def _measure(self, op: Operation, batches: Sequence[int], dtype: str) -> None:
        asked, watch = self._asked, Watch()
        found = einbench.compare(
            op, batches, dtype, asked.threads, asked.budget * len(batches),
            with_=asked.library, reuse_outputs=True, progress=watch,
        )  # fmt: skip
        if found.interrupted:
            raise KeyboardInterrupt
        for batch in batches:
            place = (op.name, batch, dtype)
            self._cells[place] = cell = record(found, batch, self._code)
            cell |= watch.of(batch)
            _print_cell(place, _cell_text(cell))

    def document(self) -> dict[str, Any]:
        """In the order of operations, dtypes and batches."""
        names = list(einbench.operations)
        places = sorted(self._cells, key=lambda p: (names.index(p[0]), p[2], p[1]))
        cells = [self._cells[place] for place in places]
        return {
            "schema": SCHEMA,
            "date": now(),
            "commit": _commit(),
            "machine": self._machine,
            "settings": self._settings,
            "summary": summary(cells),
            "cells": cells,
        }

    def write(self) -> None:
        """All that is measured by now."""
        document = self.document()
        write_whole(self._asked.output, json.dumps(document, indent=1, allow_nan=False) + "\n")

    def _kept(self) -> Iterator[tuple[Place, Record]]:
        """Cells of the document that this code would measure in the same way on this machine."""
        before = json.loads(self._asked.output.read_text(encoding="utf-8"))
        same = before["settings"] == self._settings
        same = same and before["machine"]["fingerprint"] == self._machine["fingerprint"]
        for cell in before["cells"] if same else []:
            quiet = cell["other_cores"] <= self._asked.quiet
            if cell["code"] == self._code and quiet:
                yield (cell["operation"], cell["batch"], cell["dtype"]), cell


class Watch:
    """A progress callback that records each cell's duration, and the load of other processes."""

    def __init__(self) -> None:
        self._begun: list[tuple[int | None, Moment]] = []

    def __call__(self, part: float, label: str) -> None:
        """Record the beginning of a cell or of another stage."""
        rows = re.search(r"\bbatch ([\d,]+)", label)  # a problem in words
        self._begun.append((int(rows[1].replace(",", "")) if rows else None, moment_with_workers()))

    def of(self, batch: int) -> Record:
        """Duration and load of other processes of the cell of that batch."""
        at = [number for number, (found, _) in enumerate(self._begun) if found == batch][-1]
        before, after = self._begun[at][1], self._begun[at + 1][1]
        return {"other_cores": other_cores(before, after), "took_s": after.wall_s - before.wall_s}


def record(found: Comparison, batch: int, code: str) -> Record:
    """A cell of a comparison, ready for JSON: the best kernels and their ratio."""
    rows = [r for r in found.document()["records"] if r["sizes"].get("batch", batch) == batch]
    ways = list(map(_way, rows))
    sides: dict[bool, dict[str, list[float]]] = {True: {}, False: {}}
    for way in ways:
        if way["turns_s"]:
            sides[way["library"] == OURS][way["way"]] = way["turns_s"]
    best = verdict(sides[True], sides[False])
    first = rows[0]
    return {
        **{name: first[name] for name in ("operation", "dtype", "sizes", "options")},
        "batch": batch,
        "code": code,
        **best,
        "roofline": next((r["roofline"] for r in rows if r["kernel"] == best["ours"]), None),
        "facts": found.settings.get("libraries", {}),
        "ways": ways,
    }


def _way(row: Mapping[str, Any]) -> Record:
    """Times of what was not right are no times of the operation."""
    library = row["runtime"] if row["runtime"] in LIBRARIES else OURS
    turns_s = [s for s in row["samples_s"] if s is not None] if row["status"] == "ok" else []
    kept = ("status", "reason", "error", "limit", "prepare_s", "median_s")
    return {"library": library, "way": row["kernel"], **{name: row[name] for name in kept},
            "turns_s": turns_s}  # fmt: skip


def _print_cell(place: Place, what: str) -> None:
    name, batch, dtype = place
    print(f"{name}, batch {batch:,}, {dtype}: {what}", file=sys.stderr, flush=True)


def _cell_text(found: Record) -> str:
    if found["ratio"] is None:
        return "no ratio"
    return (
        f"{found['ratio']:.2f} ({found['low']:.2f} to {found['high']:.2f}), {found['ours']} "
        f"beside {found['peer']}, {found['took_s']:.1f} s"
    )


def _code() -> str:
    """Hash of all that decides what is measured: the sources of the suite and of this folder."""
    digest = hashlib.sha256()
    for folder in (Path(einbench.__file__).parent, Path(__file__).parent):
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _commit() -> str | None:
    """The checkout's commit; with a + where there are uncommitted changes."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        ran = subprocess.run(  # noqa: S603 - a fixed command
            [*git, "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    except OSError:
        return None
    return ran.stdout.strip() or None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m peers.board", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("output", type=Path, help="the JSON document")
    parser.add_argument("--operation", type=_each(einbench.operation), metavar="NAME,...",
                        default=list(einbench.operations.values()), help="(all)")  # fmt: skip
    parser.add_argument("--batch", type=_batches, default=BATCHES, metavar="N,N,...")
    parser.add_argument("--dtype", type=_each(lambda name: check_dtype(name).name),
                        default=DTYPES, metavar="NAME,...")  # fmt: skip
    parser.add_argument("--budget", type=float, default=3.0, metavar="SECONDS",
                        help="of timing a cell, on average: large ones have more (3)")  # fmt: skip
    parser.add_argument("--threads", type=int, default=usable_threads())
    parser.add_argument("--library", type=_libraries, default=list(LIBRARIES), metavar="NAME,...",
                        help=",".join(LIBRARIES))  # fmt: skip
    parser.add_argument(
        "--resume", action="store_true",
        help="keep the document's cells that the same code measured with the same settings",
    )  # fmt: skip
    parser.add_argument(
        "--quiet", type=float, default=math.inf, metavar="CORES",
        help="of those keep the ones in which others had no more of the cores than this",
    )  # fmt: skip
    parser.add_argument("--summary", action="store_true", help="print what is there already")
    return parser


def _each(read: Any) -> Any:
    def values(text: str) -> list[Any]:
        try:
            return [read(part) for part in text.split(",")]
        except ValueError as problem:
            raise argparse.ArgumentTypeError(str(problem)) from None

    return values


def _batches(text: str) -> tuple[int, ...]:
    try:
        found = check_batches([int(part) for part in text.split(",")])
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None
    if not all(found):
        raise argparse.ArgumentTypeError("0: expected a whole number from 1 on")
    return found


def _libraries(text: str) -> list[str]:
    try:
        return list(modules_of(text.split(",")))
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
