"""`einbench.einsum` against every einsum library that is installed, on two sets of thirty.

    python benchmarks/einsum/race.py [--dtype float32,float64] [--set thirty|more|both]
        [--only WORD] [--with LIBRARY,...] [--seconds S] [--json PATH]
    python benchmarks/einsum/race.py --from PATH

Each contestant is in one long-lived process of its own; what it prepares is not timed, its result
is judged against float64 first, and contestants have turns in random order, round by round.
`--from` prints the table of a saved race again. A precision of both sets takes about ten minutes.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from more import MORE
from ratios import ratio
from rounds import Document, measured
from table import lines, row
from thirty import THIRTY

from einbench.host.cores import usable_threads
from einbench.host.documents import write_whole
from einbench.host.machine import machine
from einbench.libraries.contestants import check_contestants
from einbench.libraries.einsum_runtimes import OWN as BESIDE
from einbench.measure.disturbance import moment_with_workers, other_cores
from einbench.measure.workers import Workers

SCHEMA = "einbench.einsum-race/1"
INTERRUPTED = 130
SETS = {"thirty": THIRTY, "more": MORE}
#: those that were the best anywhere; dask, einsumt and sparse never are
LIBRARIES = "opt_einsum,cotengra,torch,jax,pytblis,sesum"


def main(arguments: Sequence[str]) -> int:
    """Measure, save and print."""
    asked = _parser().parse_args(arguments)
    if asked.saved is not None:
        print(*lines(json.loads(asked.saved.read_text(encoding="utf-8"))), sep="\n")
        return 0
    try:
        libraries = (*BESIDE, *check_contestants(asked.libraries.split(",")))
    except ValueError as problem:
        print(f"race: {problem}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        # einbench's choices are made anew, and those of whoever runs this stay as they are
        os.environ["EINBENCH_WISDOM"] = folder
        document = race(asked, libraries)
    if asked.json is not None:
        write_whole(asked.json, json.dumps(document, indent=1, allow_nan=False) + "\n")
    print(*lines(document), sep="\n")
    return INTERRUPTED if document["interrupted"] else 0


def race(asked: argparse.Namespace, libraries: Sequence[str]) -> Document:
    """Every expression of the sets, in every dtype; after Ctrl-C those that were finished."""
    begin, threads, interrupted = time.perf_counter(), usable_threads(), False
    races: list[Document] = []
    facts: Document = {}
    with Workers(threads) as workers:
        try:
            for dtype in asked.dtype.split(","):
                for name in SETS if asked.set == "both" else (asked.set,):
                    races.append({"dtype": dtype, "set": name, "other_cores": 0, "expressions": []})
                    before = moment_with_workers()
                    for each in SETS[name]:
                        if asked.only not in each[0]:
                            continue
                        found = measured(each, dtype, libraries, workers, asked.seconds)
                        races[-1]["expressions"].append(found)
                        races[-1]["other_cores"] = other_cores(before, moment_with_workers())
                        _say(found)
            facts = workers.facts()
        except KeyboardInterrupt:
            interrupted = True
    return {
        "schema": SCHEMA, "date": datetime.datetime.now(datetime.UTC).isoformat(),
        "machine": machine(), "threads": threads, "wall_s": time.perf_counter() - begin,
        "interrupted": interrupted, "libraries": facts, "races": races,
    }  # fmt: skip


def _say(found: Document) -> None:
    """Progress, for whoever waits."""
    known = ratio(found["contestants"])
    text = row(found["name"].ljust(18), found["class"], known) if known else found["name"]
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--dtype", default="float32", help="float32, float64 or both (float32)")
    parser.add_argument("--set", choices=(*SETS, "both"), default="both")
    parser.add_argument("--only", default="", metavar="WORD", help="part of a name")
    parser.add_argument("--with", dest="libraries", default=LIBRARIES, metavar="LIBRARY,...",
                        help=f"beside NumPy ({LIBRARIES})")  # fmt: skip
    parser.add_argument("--seconds", type=float, default=4.0, help="of timing for each (4)")
    parser.add_argument("--json", type=Path, metavar="PATH", help="where to save it")
    parser.add_argument("--from", dest="saved", type=Path, metavar="PATH",
                        help="print a saved race")  # fmt: skip
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
