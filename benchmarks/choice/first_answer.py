"""What the first answer ever takes, in the next process, and once every kernel is compiled.

    make choice-first ARGS="--batch 128,60000"

Of each operation, in fresh processes with empty folders for choices and for compiled code: seconds
of the first call through `einbench.auto` (the import apart), of that process's end, and of the
first call in the next process; then, in a third one, how long kernels compile beside the program
and what the call costs that measures them when they are there. All are taken one after another;
beside them stands the load of the machine. ``--operation`` names some, with commas.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

import einbench

from .study import Study

SCHEMA = "einbench.first-answer/1"
#: seconds that are allowed for the first answer, and in the next process
ALLOWED_S, ALLOWED_NETWORK_S, ALLOWED_NEXT_S = 3.0, 5.0, 0.3
_NETWORKS = ("mlp_forward", "mlp_gradients", "mlp_sgd_step")
#: a process that goes on for longer than this measures nothing more
_MOST_S = 120.0
_CHILD = """
import json, sys, time
import numpy as np
import einbench
name, batch, until_s = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
arrays = list(einbench.operation(name).draw(batch=batch).values())
function = getattr(einbench.auto, name)
began_s = time.perf_counter()
function(*arrays)
first_s = time.perf_counter() - began_s
found = {"first_s": first_s}
if until_s:
    from einbench.host import background
    background.wait()
    found["compiled_after_s"] = time.perf_counter() - began_s
    start_s = time.perf_counter()
    function(*arrays)
    found["measuring_s"] = time.perf_counter() - start_s
    choice = einbench.fastest(name, *arrays)
    found["kernel"], found["origin"] = choice.kernel.method, choice.origin
found["before_end"] = time.time()
print(json.dumps(found))
"""


def main(arguments: list[str]) -> None:
    """Measure, keep and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("--batch", default="128")
    parser.add_argument("--operation", default=",".join(einbench.operations))
    given = parser.parse_args(arguments)
    study = Study(given.path, SCHEMA)
    study.rows.clear()
    for batch in map(int, given.batch.split(",")):
        for name in given.operation.split(","):
            row = _measured(name, batch)
            study.keep(f"{name} at batch {batch}", row)
            print(f"{name} at batch {batch}: {json.dumps(row)}", flush=True)
    at_128 = {n: row for n, row in study.rows.items() if n.endswith("batch 128")}
    study.summary = {
        "late": [n for n, row in at_128.items() if row["first_s"] > _allowed_s(n)],
        "late_in_next": [n for n, row in at_128.items() if row["next_s"] > ALLOWED_NEXT_S],
    }
    study.write()
    print(json.dumps(study.summary, indent=1))


def _allowed_s(name: str) -> float:
    return ALLOWED_NETWORK_S if name.startswith(_NETWORKS) else ALLOWED_S


def _measured(name: str, batch: int) -> dict[str, Any]:
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="first-answer-") as folder:
        env = {
            **os.environ,
            "EINBENCH_WISDOM": os.path.join(folder, "wisdom"),  # noqa: PTH118
            "NUMBA_CACHE_DIR": os.path.join(folder, "compiled"),  # noqa: PTH118
        }
        first, following = _answer(name, batch, env), _answer(name, batch, env)
        whole = _answer(name, batch, env, until_s=_MOST_S)
        settled = _answer(name, batch, env)
    return {
        "first_s": first["first_s"], "end_s": first["end_s"], "next_s": following["first_s"],
        "compiled_after_s": whole["compiled_after_s"], "measuring_s": whole["measuring_s"],
        "settled_s": settled["first_s"], "kernel": whole["kernel"], "load": round(load, 1),
    }  # fmt: skip


def _answer(name: str, batch: int, env: dict[str, str], until_s: float = 0.0) -> dict[str, Any]:
    argv = [sys.executable, "-c", _CHILD, name, str(batch), str(until_s)]
    done = subprocess.run(  # noqa: S603 - this interpreter and the lines above
        argv, env=env, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    found["end_s"] = time.time() - found.pop("before_end")
    return {n: round(s, 3) if isinstance(s, float) else s for n, s in found.items()}


if __name__ == "__main__":
    main(sys.argv[1:])
