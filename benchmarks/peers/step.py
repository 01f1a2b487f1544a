"""A training step of 784-128-128-10 by the suite, and the same one by its peers.

    make peers-step

Forward, mean cross-entropy, all six gradients and the update in place, float32, on real images.
Who does not compute what the reference does is refused and has no time: then the status is 1, as
when the suite's own step fails. A peer that is not installed, or does not run here, is named with
the reason. Ratios are times over that of the first contender in the same rounds: above 1 the first
is faster.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from einbench.host.documents import write_whole
from einbench.host.machine import machine, usable_threads
from einbench.measure.workload import load_images
from einbench.names import unknown

from . import agreement, command
from .contender import ENTRIES, Entry, named
from .table import best_peers, records, table
from .turns import FAILED, UNAVAILABLE, WRONG, Cell, Cells, Settings, launch

SCHEMA = "einbench.peers-step/1"


def main(arguments: Sequence[str]) -> int:
    """Measure, keep and print; 0 where nobody was wrong and nothing failed."""
    asked = _parser().parse_args(arguments)
    if asked.summary:
        document = json.loads(asked.output.read_text(encoding="utf-8"))
    else:
        settings = Settings(
            asked.batch, asked.rounds, asked.launches, asked.threads, asked.turn_ms / 1e3
        )
        document = _measured(_entries(asked), settings)
        write_whole(asked.output, json.dumps(document, indent=1, allow_nan=False) + "\n")
    print("\n".join(table(document)))
    return int(any(row["status"] in (WRONG, FAILED) for row in document["records"]))


def _measured(entries: Sequence[Entry], settings: Settings) -> dict[str, Any]:
    images = load_images(None)
    references = {batch: agreement.reference(images, batch) for batch in settings.batches}
    cells: Cells = {
        (batch, entry.name): Cell(batch, entry.name)
        for batch in settings.batches
        for entry in entries
    }
    for entry in entries:
        if reason := entry.why_unavailable():
            for batch in settings.batches:
                cells[batch, entry.name].fault(UNAVAILABLE, reason)
    rng = np.random.default_rng(settings.seed)
    others: dict[str, list[float]] = {str(batch): [] for batch in settings.batches}
    for number in range(settings.launches):

        def tell(what: str, number: int = number) -> None:
            print(f"launch {number + 1}/{settings.launches}: {what}", file=sys.stderr, flush=True)

        with tempfile.TemporaryDirectory(prefix="peers-") as folder:
            taken = launch(entries, references, settings, cells, rng, Path(folder), tell)
        for batch, cores in taken.items():
            others[str(batch)].append(cores)
    rows = records(cells.values(), entries[0].name)
    first = next(r.problem for r in references.values())
    return {
        "schema": SCHEMA,
        "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}",
        "machine": machine(),
        "settings": {
            **asdict(settings),
            "dtype": str(first.inputs.dtype),
            "widths": first.widths,
            "rate": first.rate,
            "images": images.source,
            "parameter_seeds": {str(batch): r.seed for batch, r in references.items()},
            "steps_compared": agreement.STEPS,
            "parameter_limit_eps": agreement.PARAMETER_LIMIT,
            "loss_limit_eps": agreement.LOSS_LIMIT,
        },
        "first": entries[0].name,
        # beside contenders and study, by size and launch: above a tenth, ratios suffer
        "other_cores": others,
        "best_peers": best_peers(rows, [entry.name for entry in entries if entry.ours]),
        "records": rows,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m peers.step", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("output", type=Path, help="the JSON document")
    parser.add_argument("--batch", type=command.batches, default=(32, 128, 1000), metavar="N,N,...")
    parser.add_argument(
        "--rounds", type=command.count, default=20, help="turns of each in a launch (20)"
    )
    parser.add_argument(
        "--launches", type=command.count, default=3, help="fresh processes of each (3)"
    )
    parser.add_argument("--threads", type=command.threads, default=usable_threads())
    parser.add_argument("--turn-ms", type=float, default=30.0, help="timed steps of a turn (30)")
    parser.add_argument(
        "--contenders", metavar="NAME,...", default=",".join(entry.name for entry in ENTRIES),
        help="the first is what the others are compared with (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--also", type=named, action="append", default=[], metavar="NAME=MODULE:FUNCTION",
        help="a contender of your own, made by function(problem, threads)",
    )  # fmt: skip
    parser.add_argument("--summary", action="store_true", help="print what is there already")
    return parser


def _entries(asked: argparse.Namespace) -> list[Entry]:
    known = {entry.name: entry for entry in ENTRIES}
    chosen = []
    for name in asked.contenders.split(","):
        if name not in known:
            _parser().error(unknown("contender", name, known))
        chosen.append(known[name])
    return [*chosen, *asked.also]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
