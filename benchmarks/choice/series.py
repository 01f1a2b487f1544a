"""What choosing costs over a series of random batch sizes, with every kernel compiled and checked.

    make choice-series ARGS="--seed 3"

Of each operation, in a fresh process with an empty folder for choices: 200 numbers of rows, drawn
evenly in their logarithm, each called twice through `einbench.auto`. A call with a new number costs
what it takes longer than the second one with it: the total, how many of them stall (20 ms or more),
and what those measured say that the time went into. Then the cost of choosing at fixed sizes, in
seconds and in calls of the winner.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from typing import Any

import numpy as np

import einbench
from einbench.choose import environment
from einbench.choose.auto import auto
from einbench.choose.looked_at import passes
from einbench.choose.signature import signature
from einbench.operation import Operation

from .study import Study

SCHEMA = "einbench.choice-series/1"
#: seconds that are allowed for the series; for one choice seconds, or calls of its winner
ALLOWED_S, ALLOWED_ONCE_S, ALLOWED_CALLS = 3.0, 0.5, 20
_COUNT, _STALL_S = 200, 0.02
_OPERATIONS = ("softmax_vjp", "linear", "cross_entropy_gradient")
_FIXED = (1, 128, 1000, 10_000, 60_000)


def main(arguments: list[str]) -> None:
    """Measure, keep and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most", type=int, default=60_000, help="rows")
    parser.add_argument("--operation", default=",".join(_OPERATIONS))
    parser.add_argument("--one", action="store_true", help="in this process, as JSON")
    given = parser.parse_args(arguments)
    if given.one:
        print(json.dumps(_one(einbench.operation(given.operation), given.seed, given.most)))
        return
    study = Study(given.path, SCHEMA)
    study.rows.clear()
    for name in given.operation.split(","):
        with tempfile.TemporaryDirectory(prefix="choice-series-") as folder:
            argv = [
                sys.executable, "-m", "choice.series", "-", "--one", "--operation", name,
                "--seed", str(given.seed), "--most", str(given.most),
            ]  # fmt: skip
            done = subprocess.run(  # noqa: S603 - this interpreter and our own names
                argv, env={**os.environ, "EINBENCH_WISDOM": folder}, stdout=subprocess.PIPE,
                text=True, check=True,
            )  # fmt: skip
        study.keep(name, json.loads(done.stdout))
        print(f"{name}: {json.dumps(study.rows[name], indent=1)}", flush=True)


def _one(op: Operation, seed: int, most: int) -> dict[str, Any]:
    load = os.getloadavg()[0]
    _prepare(op)
    rng = np.random.default_rng(seed)
    sizes = np.exp(rng.uniform(0, np.log(most), _COUNT)).astype(int).clip(1).tolist()
    function = getattr(auto, op.name)
    costs = []
    for batch in sizes:
        arrays = list(op.draw(batch=batch).values())
        took = []
        for _ in range(2):
            start_s = time.perf_counter()
            function(*arrays)
            took.append(time.perf_counter() - start_s)
        costs.append(took[0] - took[1])
    stalls = [cost for cost in costs if cost >= _STALL_S]
    return {
        "total_s": round(sum(costs), 3), "stalls": len(stalls),
        "longest_s": round(max(costs), 3), "without_stalls_s": round(sum(costs) - sum(stalls), 3),
        "fixed": {str(batch): _fixed(op, batch) for batch in _FIXED if batch <= most},
        "load": round(load, 1),
    }  # fmt: skip


def _prepare(op: Operation) -> None:
    """Compile and check every kernel, and choose nothing."""
    bound = op.bind(*op.draw(batch=2).values())
    requested = signature(op, bound, environment.threads())
    for kernel in op:
        if kernel.available and kernel.here:
            passes(kernel, requested)


def _fixed(op: Operation, batch: int) -> dict[str, Any]:
    """The cost of one choice, and its parts as it says them."""
    arrays = list(op.draw(batch=batch).values())
    start_s = time.perf_counter()
    choice = einbench.fastest(op, *arrays, again=True)
    whole_s = time.perf_counter() - start_s
    measured, call_s = choice.decision.measured, []
    for _ in range(7):
        start_s = time.perf_counter()
        choice(*arrays)
        call_s.append(time.perf_counter() - start_s)
    assert measured is not None  # noqa: S101 - asked for
    parts = {name: round(s, 3) for name, s in asdict(measured.spent).items() if s >= 5e-4}
    return {
        "whole_s": round(whole_s, 3), "calls": round(whole_s / float(np.median(call_s)), 1),
        "allowed": whole_s <= max(ALLOWED_ONCE_S, ALLOWED_CALLS * float(np.median(call_s))),
        "kernel": choice.kernel.method, "parts": parts,
    }  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
