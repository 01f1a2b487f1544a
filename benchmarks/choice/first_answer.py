"""What the first answer ever takes, in the next process, and once every kernel is compiled.

    make choice-first ARGS="--batch 128,60000"

Of each operation, in fresh processes with empty folders for choices and for compiled code: seconds
of the first call through `einbench.auto` (the import apart), of that process's end, and of the
first call in the next process; with ``--compiled`` also, in a third one, how long kernels compile
beside the program and what the call costs that measures them when they are there, and the first
call of a fourth. All are taken one after another; beside them stands the load of the machine.
``--operation`` names some, with commas.
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

SCHEMA = "einbench.choice-first/1"
#: seconds that are allowed for the first answer, and in the next process
ALLOWED_S, ALLOWED_NETWORK_S, ALLOWED_NEXT_S = 3.0, 5.0, 0.3
_NETWORKS = ("mlp_forward", "mlp_gradients", "mlp_sgd_step")
_CHILD = """
import json, sys, time
import numpy as np
import einbench
name, batch, compiled = sys.argv[1], int(sys.argv[2]), sys.argv[3]
arrays = list(einbench.operation(name).draw(batch=batch).values())
function = getattr(einbench.auto, name)
began_s = time.perf_counter()
function(*arrays)
first_s = time.perf_counter() - began_s
found = {"first_s": first_s}
if compiled:
    from einbench.host import background
    spent_s = []
    for _ in range(3):
        # numba is imported, then kernels are compiled, then the call measures
        background.wait()
        start_s = time.perf_counter()
        function(*arrays)
        spent_s.append((time.perf_counter() - start_s, start_s - began_s))
    found["measuring_s"], found["compiled_after_s"] = max(spent_s)
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
    parser.add_argument("--compiled", action="store_true")
    given = parser.parse_args(arguments)
    study = Study(given.path, SCHEMA)
    study.rows.clear()
    for batch in map(int, given.batch.split(",")):
        for name in given.operation.split(","):
            row = _measured(name, batch, given.compiled)
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


def _measured(name: str, batch: int, compiled: bool) -> dict[str, Any]:
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="first-answer-") as folder:
        env = {
            **os.environ,
            "EINBENCH_WISDOM": os.path.join(folder, "wisdom"),  # noqa: PTH118
            "NUMBA_CACHE_DIR": os.path.join(folder, "compiled"),  # noqa: PTH118
        }
        # some images set it, and every process would compile the modules anew
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        first, following = _answer(name, batch, env), _answer(name, batch, env)
        row = {
            "first_s": first["first_s"], "end_s": first["end_s"], "next_s": following["first_s"],
            "load": round(load, 1),
        }  # fmt: skip
        if compiled:
            whole = _answer(name, batch, env, compiled=True)
            row |= {part: whole[part] for part in ("compiled_after_s", "measuring_s", "kernel")}
            row["settled_s"] = _answer(name, batch, env)["first_s"]
    return row


def _answer(
    name: str, batch: int, env: dict[str, str], *, compiled: bool = False
) -> dict[str, Any]:
    argv = [sys.executable, "-c", _CHILD, name, str(batch), "compiled" if compiled else ""]
    done = subprocess.run(  # noqa: S603 - this interpreter and the lines above
        argv, env=env, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    found["end_s"] = time.time() - found.pop("before_end")
    return {n: round(s, 3) if isinstance(s, float) else s for n, s in found.items()}


if __name__ == "__main__":
    main(sys.argv[1:])
