"""Digests of what every kernel returns, in a process that has so many threads.

`python -m tests.repeats.results` prints them as JSON, kernel by kernel, or those of operations that
are named.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from einbench.kernel import Kernel

from .inputs import operations

ROOT = Path(__file__).resolve().parents[2]
#: enough for every library to use threads where it ever does; interpreted loops have none
BATCH, LOOPED = 600, 3
#: what BLAS, numba and OpenMP read how many threads they may start from
_COUNTS = ("OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def in_fresh_process(threads: int, *names: str) -> dict[str, str]:
    """``{"linear[matmul] float32": digest}`` from a new process."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.repeats.results", *names],
        cwd=ROOT, env=os.environ | dict.fromkeys(_COUNTS, str(threads)), text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, str] = json.loads(done.stdout)
    return found


def digests(*names: str) -> dict[str, str]:
    """Of every kernel that can run here, in both precisions; of these operations where named."""
    found = {}
    for op in (op for op in operations() if not names or op.name in names):
        for dtype in ("float32", "float64"):
            many, few = (op.draw(batch, dtype, seed=1) for batch in (BATCH, LOOPED))
            for kernel in op:
                if kernel.available and kernel.here:
                    drawn = few if kernel.family == "loop" else many
                    found[f"{name_of(kernel)} {dtype}"] = _digest(kernel(**drawn))
    return found


def name_of(kernel: Kernel) -> str:
    """``linear[matmul]``"""
    return f"{kernel.operation.name}[{kernel.method}]"


def _digest(result: object) -> str:
    outputs = result if isinstance(result, tuple) else (result,)
    return hashlib.sha256(b"".join(np.asarray(each).tobytes() for each in outputs)).hexdigest()


if __name__ == "__main__":
    print(json.dumps(digests(*sys.argv[1:])))
