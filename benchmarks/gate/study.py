"""How often the gate is right: the same commit against itself, and commits with known faults.

    make gate-study

Twenty runs of a commit against itself must find nothing. In commits where one kernel of each of
six operations is slowed by 1.3, then by 1.15, it runs ten times each, first on all six and then
on one after the other: it must find these and no others.
A renamed kernel must end with status 2, a wrong one must be called wrong. Every run is kept as
soon as it has ended, and a study that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from einbench.host.documents import write_whole

from . import faults

CHECKOUT = Path(__file__).resolve().parents[2]
SCHEMA = "einbench.gate-study/1"
SAME = 20
TRIES = 10
#: one kernel of each kind: Python, einsum, BLAS, a ufunc, numba on one thread and on all
SLOWED = (
    ("softmax_jacobian", "einsum"),
    ("weight_gradient", "matmul"),
    ("sigmoid", "ufunc"),
    ("softmax_vjp", "numba"),
    ("cross_entropy_gradient", "numba_parallel"),
    ("softmax", "loop"),
)
#: the injected wait costs half a microsecond by itself: a size at which that is little
SLOWED_BATCHES = "1000"


@dataclass(frozen=True)
class Try:
    """One run of the gate: which fault was injected, and what it measures."""

    kind: str
    number: int
    head: str
    operations: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As the study's file knows it."""
        return f"{self.kind}-{self.number:02}"


def main(arguments: list[str]) -> None:
    """Run what is still missing of the study, unless only ``--summary`` is requested."""
    expected = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    expected.add_argument("target", type=Path, help="JSON file that keeps the study")
    expected.add_argument("--summary", action="store_true", help="print what there is")
    asked = expected.parse_args(arguments)
    document = _load(asked.target)
    if not asked.summary:
        _study(document, asked.target)
    print("\n".join(summary(document)))


def _study(document: dict[str, Any], target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="gate-study-") as temporary:
        clone = Path(temporary) / "clone"
        faults.git(CHECKOUT, "clone", "--quiet", ".", str(clone))
        document.setdefault("commit", faults.git(clone, "rev-parse", "HEAD"))
        faults.git(clone, "checkout", "--quiet", "--detach", document["commit"])
        _share_environments(clone)
        for one in _tries(clone):
            if one.name not in document["runs"]:
                document["runs"][one.name] = _run(clone, one, document)
                write_whole(target, json.dumps(document, indent=1) + "\n")
                print(one.name, "status", document["runs"][one.name]["status"], flush=True)


def _load(target: Path) -> dict[str, Any]:
    if target.exists():
        return dict(json.loads(target.read_text(encoding="utf-8")))
    return {
        "schema": SCHEMA,
        "machine": None,
        "slowed": [list(pair) for pair in SLOWED],
        "runs": {},
    }


def _share_environments(clone: Path) -> None:
    """Environments outlive the clone: a study that was stopped builds none of them twice."""
    shared = CHECKOUT / ".gate" / "study"
    shared.mkdir(parents=True, exist_ok=True)
    (clone / ".gate").symlink_to(shared)


def _tries(clone: Path) -> Iterator[Try]:
    strong = faults.inject_slowdown(clone, SLOWED, 1.3)
    weak = faults.inject_slowdown(clone, SLOWED, 1.15)
    yield Try("renamed", 0, faults.inject_rename(clone, *SLOWED[0]), SLOWED[0][:1])
    yield Try("wrong", 0, faults.inject_wrong(clone, "softmax_vjp", "numba"), ("softmax_vjp",))
    for number in range(TRIES):
        for kind, slowed in (("slowed-1.3", strong), ("slowed-1.15", weak)):
            yield Try(kind, number, slowed, _operations(number))
    for number in range(SAME):
        yield Try("same", number, "HEAD")


def _operations(number: int) -> tuple[str, ...]:
    """All slowed operations in the first try, then one after the other."""
    names = [name for name, _ in SLOWED]
    return tuple(names if not number else names[(number - 1) % len(names) :][:1])


def _run(clone: Path, one: Try, document: dict[str, Any]) -> dict[str, Any]:
    """One whole gate, as a user runs it, and what it said."""
    output = clone.parent / "gate.json"
    output.unlink(missing_ok=True)
    argv = [sys.executable, "-m", "einbench.cli", "gate", "HEAD", one.head, "--json", str(output)]
    if one.operations:
        argv += ["--operation", ",".join(one.operations), "--batch", SLOWED_BATCHES]
    started_s = time.time()
    load = os.getloadavg()[0]
    done = subprocess.run(  # noqa: S603 - this interpreter and the gate itself
        argv, cwd=clone, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1, 2) or not output.exists():
        sys.exit(f"{one.name}: the gate ended with {done.returncode}: {done.stderr}")
    found = json.loads(output.read_text(encoding="utf-8"))
    document["machine"] = found["machine"]
    cells = found["cells"]
    return {
        "status": done.returncode,
        "operations": list(one.operations),
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started_s)),
        "seconds": round(time.time() - started_s, 1),
        "load_before": load,
        "load_after": os.getloadavg()[0],
        "cells": sum(cell.get("ratio") is not None for cell in cells),
        "greatest_ratio": max((cell.get("ratio") or 0.0 for cell in cells), default=None),
        "told": [
            {key: cell.get(key) for key in _KEPT}
            for cell in cells
            if cell["status"] not in ("ok", "left_out")
        ],
    }


_KEPT = (
    "operation", "kernel", "batch", "status", "reason",
    "ratio", "low", "high", "launches", "second",
)  # fmt: skip


def summary(document: dict[str, Any]) -> list[str]:
    """What the study says, a line for each kind of try."""
    lines = []
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for name, run in document["runs"].items():
        by_kind.setdefault(name.rpartition("-")[0], []).append(run)
    for kind, runs in by_kind.items():
        statuses = [run["status"] for run in runs]
        line = f"{kind}: {len(runs)} runs, statuses {statuses}"
        if kind == "same":
            false = sum(t["status"] == "regression" for run in runs for t in run["told"])
            cells = sum(run["cells"] for run in runs)
            line += f"; {false} regressions in {cells} cells"
        elif kind.startswith("slowed"):
            line += "; " + _found(document, runs)
        lines.append(line)
    return lines


def _found(document: dict[str, Any], runs: list[dict[str, Any]]) -> str:
    """In how many tries all that was slowed was found, how often each, and what else was."""
    slowed = {tuple(pair) for pair in document["slowed"]}
    counts = {pair: [0, 0] for pair in sorted(slowed)}
    whole = others = 0
    for run in runs:
        expected = {
            pair for pair in slowed if not run["operations"] or pair[0] in run["operations"]
        }
        regressions = [t for t in run["told"] if t["status"] == "regression"]
        found = {(t["operation"], t["kernel"]) for t in regressions}
        whole += expected <= found
        others += len(found - slowed)
        for pair in expected:
            counts[pair][0] += pair in found
            counts[pair][1] += 1
    each = ", ".join(f"{name}[{method}] {n} of {of}" for (name, method), (n, of) in counts.items())
    return f"all that was slowed found in {whole} of {len(runs)} tries; {each}; others {others}"


if __name__ == "__main__":
    main(sys.argv[1:])
