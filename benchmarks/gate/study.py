"""How often the gate is right: the same commit against itself, and commits with known faults.

    make gate-study

Twenty runs of a commit against itself must find nothing. In commits where one kernel of each of
six operations is slowed by 1.3, then by 1.15, it must find these and no others, ten times each.
A renamed kernel must end with status 2, a wrong one must be called wrong. Every run is kept as
soon as it has ended, and a study that was stopped goes on.
"""

from __future__ import annotations

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

from kernels.report.comparison import write_whole

from . import plants

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
#: the planted wait costs half a microsecond by itself: a size at which that is little
SLOWED_BATCHES = "1000"


@dataclass(frozen=True)
class Try:
    """One run of the gate: what was planted, and what it is asked."""

    kind: str
    number: int
    head: str
    operations: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As the study's file knows it."""
        return f"{self.kind}-{self.number:02}"


def main(arguments: list[str]) -> None:
    """Run what is still missing of the study, unless ``--summary`` alone is asked for."""
    target = Path(next(a for a in arguments if a != "--summary"))
    document = _load(target)
    if "--summary" not in arguments:
        _study(document, target)
    print("\n".join(summary(document)))


def _study(document: dict[str, Any], target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="gate-study-") as temporary:
        clone = Path(temporary) / "clone"
        plants.git(CHECKOUT, "clone", "--quiet", ".", str(clone))
        document.setdefault("commit", plants.git(clone, "rev-parse", "HEAD"))
        plants.git(clone, "checkout", "--quiet", "--detach", document["commit"])
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
    operations = tuple(name for name, _ in SLOWED)
    strong = plants.plant_slowdown(clone, SLOWED, 1.3)
    weak = plants.plant_slowdown(clone, SLOWED, 1.15)
    yield Try("renamed", 0, plants.plant_rename(clone, *SLOWED[0]), operations[:1])
    yield Try("wrong", 0, plants.plant_wrong(clone, "softmax_vjp", "numba"), ("softmax_vjp",))
    for number in range(TRIES):
        for half in (0, 1):
            yield Try("same", 2 * number + half, "HEAD")
        yield Try("slowed-1.3", number, strong, operations)
        yield Try("slowed-1.15", number, weak, operations)


def _run(clone: Path, one: Try, document: dict[str, Any]) -> dict[str, Any]:
    """One whole gate, as a user runs it, and what it said."""
    output = clone.parent / "gate.json"
    output.unlink(missing_ok=True)
    argv = [sys.executable, "-m", "kernels.cli", "gate", "HEAD", one.head, "--json", str(output)]
    if one.operations:
        argv += ["--operation", ",".join(one.operations), "--batch", SLOWED_BATCHES]
    started_s = time.time()
    load = os.getloadavg()[0]
    done = subprocess.run(  # noqa: S603 - this interpreter and the gate itself
        argv, cwd=clone, capture_output=True, text=True, check=False,
        # the installed gate, not the clone's folder of the same name
        env={**os.environ, "PYTHONSAFEPATH": "1"},
    )  # fmt: skip
    if done.returncode not in (0, 1, 2) or not output.exists():
        sys.exit(f"{one.name}: the gate ended with {done.returncode}: {done.stderr}")
    found = json.loads(output.read_text(encoding="utf-8"))
    document["machine"] = found["machine"]
    cells = found["cells"]
    return {
        "status": done.returncode,
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started_s)),
        "seconds": round(time.time() - started_s, 1),
        "load_before": load,
        "load_after": os.getloadavg()[0],
        "cells": sum(cell.get("ratio") is not None for cell in cells),
        "greatest_ratio": max((cell.get("ratio") or 0.0 for cell in cells), default=None),
        "told": [
            {key: cell.get(key) for key in _TOLD}
            for cell in cells
            if cell["status"] not in ("ok", "left_out")
        ],
    }


_TOLD = (
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
    """How many slowed kernels were found, in how many runs all of them, and what else was."""
    slowed = {tuple(pair) for pair in document["slowed"]}
    counts = dict.fromkeys(sorted(slowed), 0)
    whole = others = 0
    for run in runs:
        told = [t for t in run["told"] if t["status"] == "regression"]
        found = {(t["operation"], t["kernel"]) for t in told}
        whole += slowed <= found
        others += len(found - slowed)
        for pair in found & slowed:
            counts[pair] += 1
    each = ", ".join(f"{name}[{method}] {n}" for (name, method), n in counts.items())
    return f"all of them found in {whole} of {len(runs)} runs; {each}; others {others}"


if __name__ == "__main__":
    main(sys.argv[1:])
