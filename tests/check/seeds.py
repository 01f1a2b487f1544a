"""Every registered kernel over many seeds: ``python seeds.py [COUNT]`` prints the worst errors.

The tests ask each operation at every eighth seed, some at each, which takes half a minute instead
of four. Only numbers are judged here, by one call a probe: what else the contract asks for does not
depend on them. Probes of 259 rows, which hold as many draws as twenty small ones, are asked every
eighth time. Draws at many sizes are asked by the command, not by the tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import einbench
from einbench.check import probes
from einbench.check.error import error
from einbench.check.judging import judge
from einbench.check.patience import Patience
from einbench.check.posed import Posed, pose
from einbench.check.truth import as_tuple
from einbench.kernel import Kernel
from einbench.operation import Operation

DTYPES = ("float32", "float64")
MANY_ROWS_EVERY = 8
#: what these compute is computed by mlp_sgd_step's kernels as well, at every seed
SHARED = {"mlp_gradients", "mlp_logits_gradients"}
SHARED_EVERY = 8
#: seeds from one that an operation is asked at to the next, where not all are asked for
TESTED_EVERY = 8

#: by operation and dtype: the error that came closest to its limit
Worst = dict[str, dict[str, Any]]


def worst_of(seeds: range, every: int) -> tuple[Worst, list[str]]:
    """The worst errors at these seeds, and what was rejected; an operation at every so many."""
    worst: Worst = {}
    rejected: list[str] = []
    for turn, seed in enumerate(seeds):
        for place, op in enumerate(einbench.operations.values()):
            own = SHARED_EVERY if op.name in SHARED else every
            if (turn + place) % own:
                continue
            many = (turn + place) // own % MANY_ROWS_EVERY == 0
            able = [kernel for kernel in op if kernel.available]
            for dtype in map(np.dtype, DTYPES):
                found: Worst = {}
                patience = {kernel: Patience() for kernel in able}
                for posed in posed_numbers(op, dtype, seed, many, sweep=every == 1):
                    for kernel in able:
                        if not patience[kernel].allows(posed):
                            continue  # as in the check: loops are asked at fewer sizes
                        with patience[kernel].spent(posed):
                            right = ask(kernel, posed, found)
                        if not right:
                            reason = judge(kernel, [posed]).reason
                            rejected.append(f"{kernel} {dtype} seed {seed}: {reason}")
                for answer in found.values():
                    keep_worse(worst, f"{op.name} {dtype}", {**answer, "seed": seed})
    return worst, rejected


def posed_numbers(
    op: Operation, dtype: np.dtype[Any], seed: int, many: bool, *, sweep: bool
) -> Iterator[Posed]:
    """The probes of a seed that are answered with numbers."""
    wholes: dict[int, Posed] = {}
    for probe in probes.probes(op, dtype, seed):
        if probe.series and not sweep:
            continue
        rows = len(next(iter(probe.inputs.values())))  # the batch, where there is one
        if probe.judged != "refuse" and (many or rows < probes.MANY or probe.series):
            yield pose(op, probe, dtype, wholes)


def ask(kernel: Kernel, posed: Posed, found: Worst) -> bool:
    """Whether a kernel's error is within its limit; the worst answer is put into ``found``."""
    with np.errstate(all="ignore"):
        result = kernel.function(*posed.problem.given, **posed.problem.options)
    units = error(as_tuple(kernel.operation, result), posed.truth).units
    part = units / posed.limit if posed.limit else 0.0
    answer = {
        "part": part, "error": units, "limit": posed.limit, "kernel": kernel.method,
        "probe": posed.probe.name,
    }  # fmt: skip
    keep_worse(found, "", answer)
    return units <= posed.limit


def keep_worse(worst: Worst, key: str, answer: dict[str, Any]) -> None:
    """Remember an answer where it came closer to its limit than any before."""
    if key not in worst or answer["part"] > worst[key]["part"]:
        worst[key] = answer


def over_seeds(count: int, every: int = TESTED_EVERY) -> tuple[Worst, list[str]]:
    """The same for ``count`` seeds, shared out over two processes of one thread each."""
    workers = min(2, os.cpu_count() or 1)
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    package = str(Path(einbench.__file__).parents[1])
    running = [
        subprocess.Popen(
            [sys.executable, __file__, "--part", str(first), str(count), str(workers), str(every)],
            env={**os.environ, **single, "PYTHONPATH": package},
            stdout=subprocess.PIPE,
            text=True,
        )
        for first in range(workers)
    ]
    answers = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        raise RuntimeError(f"a part of the seeds failed: {answers}")
    worst: Worst = {}
    rejected: list[str] = []
    for part in map(json.loads, answers):
        rejected += part["rejected"]
        for key, answer in part["worst"].items():
            keep_worse(worst, key, answer)
    return worst, rejected


def as_table(worst: Worst) -> str:
    """One line an operation and dtype."""
    lines = [f"{'operation':32} {'error':>8} {'limit':>8}   kernel, seed, probe"]
    lines += [
        f"{key:32} {w['error']:8.3g} {w['limit']:8.3g}   {w['kernel']}, {w['seed']}, {w['probe']}"
        for key, w in worst.items()
    ]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--part"]:
        *part, every = map(int, arguments[1:])
        worst, rejected = worst_of(range(*part), every)
        print(json.dumps({"worst": worst, "rejected": rejected}))
        return 0
    worst, rejected = over_seeds(int(arguments[0]) if arguments else 200, 1)
    print("\n".join([as_table(worst), *rejected]))
    return 1 if rejected else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
