"""The scoreboard: every operation of the suite beside PyTorch, JAX and scikit-learn.

    make peers

The ratio of a cell is the time of the suite's best kernel over that of the best peer: below 1 the
suite is faster. All run on the same threads, in processes of their own that are kept; inputs are
prepared and functions compiled off the clock; results agree with the reference before anything is
timed, and again after it. Who does not agree is refused and does not count: then the status is 1.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import einbench
from einbench.host.documents import write_whole
from einbench.host.machine import limit_threads, machine, usable_threads
from einbench.measure.roofline import Roofline
from einbench.measure.workload import load_images
from einbench.names import unknown
from einbench.operation import Operation

from . import command
from .board_cell import Measured, Settings, make_task
from .board_check import PEERS_SLACK
from .board_house import LIBRARIES, House, Invited
from .board_record import Record, record
from .board_table import summary, table, wrong
from .contender import named

SCHEMA = "einbench.peers-board/1"
BATCHES = (1, 32, 128, 1000, 10_000, 60_000)
DTYPES = ("float32", "float64")
INTERRUPTED = 130

Place = tuple[str, int, str]


def main(arguments: Sequence[str]) -> int:
    """Measure, keep and print; 0 where nobody was wrong."""
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
    """The cells that are asked for, and those that are there already."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self._asked = asked
        self._settings = Settings(asked.rounds, asked.turn_ms / 1e3, asked.threads)
        self._code = _code()
        self._machine = machine()
        self._cells: dict[Place, Record] = {}
        if asked.resume and asked.output.exists():
            self._cells = dict(self._kept())

    def run(self) -> None:
        """Written after every operation, so that a crash costs little."""
        asked, settings = self._asked, self._settings
        images = load_images(None)
        with (
            limit_threads(settings.threads) as threads,
            tempfile.TemporaryDirectory(prefix="peers-") as folder,
            House(asked.library + asked.also, threads, Path(folder)) as house,
        ):
            roofline = Roofline(threads, fresh=False)
            for op in asked.operation:
                for dtype in asked.dtype:
                    for batch in sorted(asked.batch):
                        place = (op.name, batch, dtype)
                        if place in self._cells:
                            _say(place, "kept")
                            continue
                        start_s = time.perf_counter()
                        task = make_task(op, batch, dtype, images, settings.seed)
                        cell = Measured(task, house, settings, Path(folder))
                        cell.run()
                        found = record(cell, roofline, self._code)
                        found["took_s"]["all"] = round(time.perf_counter() - start_s, 2)
                        self._cells[place] = found
                        _say(place, _told(found))
                self.write()

    def document(self) -> dict[str, Any]:
        """In the order of operations, dtypes and batches."""
        names = list(einbench.operations)
        places = sorted(self._cells, key=lambda p: (names.index(p[0]), p[2], p[1]))
        cells = [self._cells[place] for place in places]
        return {
            "schema": SCHEMA,
            "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}",
            "commit": _commit(),
            "machine": self._machine,
            "settings": {**asdict(self._settings), "peers_slack": PEERS_SLACK},
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
        settings = {**asdict(self._settings), "peers_slack": PEERS_SLACK}
        same = before["settings"] == settings
        same = same and before["machine"]["fingerprint"] == self._machine["fingerprint"]
        for cell in before["cells"] if same else []:
            quiet = cell["other_cores"] <= self._asked.quiet
            if cell["code"] == self._code and quiet:
                yield (cell["operation"], cell["batch"], cell["dtype"]), cell


def _say(place: Place, what: str) -> None:
    name, batch, dtype = place
    print(f"{name}, batch {batch:,}, {dtype}: {what}", file=sys.stderr, flush=True)


def _told(found: Record) -> str:
    if found["ratio"] is None:
        return "no ratio"
    return (
        f"{found['ratio']:.2f} ({found['low']:.2f} to {found['high']:.2f}), {found['ours']} "
        f"beside {found['peer']}, {found['took_s']['all']:.1f} s"
    )


def _code() -> str:
    """Of all that decides what is measured: the suite's sources and the board's."""
    digest = hashlib.sha256()
    for folder in (Path(einbench.__file__).parent, Path(__file__).parent):
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _commit() -> str | None:
    """Of the checkout; with a + where something lies uncommitted beside it."""
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
    parser.add_argument("--operation", type=_operations, metavar="NAME,...",
                        default=list(einbench.operations.values()), help="(all)")  # fmt: skip
    parser.add_argument("--batch", type=command.batches, default=BATCHES, metavar="N,N,...")
    parser.add_argument("--dtype", type=_dtypes, default=DTYPES, metavar="NAME,...")
    parser.add_argument("--rounds", type=command.count, default=12, help="turns of each way (12)")
    parser.add_argument("--threads", type=command.threads, default=usable_threads())
    parser.add_argument("--turn-ms", type=float, default=15.0, help="timed calls of a turn (15)")
    parser.add_argument("--library", type=_libraries, default=list(LIBRARIES), metavar="NAME,...",
                        help=",".join(library.name for library in LIBRARIES))  # fmt: skip
    parser.add_argument(
        "--also", type=lambda text: Invited(named(text)), action="append", default=[],
        metavar="NAME=MODULE:FUNCTION", help="a library of your own, made by function(threads)",
    )  # fmt: skip
    parser.add_argument(
        "--resume", action="store_true",
        help="keep the document's cells that the same code measured with the same settings",
    )  # fmt: skip
    parser.add_argument(
        "--quiet", type=float, default=math.inf, metavar="CORES",
        help="of those keep the ones in whose turns others had no more of the cores than this",
    )  # fmt: skip
    parser.add_argument("--summary", action="store_true", help="print what is there already")
    return parser


def _operations(text: str) -> list[Operation]:
    try:
        return [einbench.operation(name) for name in text.split(",")]
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def _dtypes(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    for name in names:
        if name not in DTYPES:
            raise argparse.ArgumentTypeError(f"{name!r}: expected {' or '.join(DTYPES)}")
    return names


def _libraries(text: str) -> list[Invited]:
    known = {library.name: library for library in LIBRARIES}
    for name in text.split(","):
        if name not in known:
            raise argparse.ArgumentTypeError(unknown("library", name, known))
    return [known[name] for name in text.split(",")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
