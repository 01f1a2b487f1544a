"""Peak resident memory of choosing and checking, beside the bytes of inputs and outputs.

    cd benchmarks && python -m memory.peak [LARGEST_BYTES] [--json PATH]

Every case runs in a fresh process with an empty memory of choices, which may not have more than
8 GB of address space; those whose inputs and outputs take more than LARGEST_BYTES (1 GB) are left
out. ``allowed`` is what the suite promises: 2 (inputs + outputs) + 256 MB, beside what the same
process takes for eight rows: the interpreter, NumPy, numba and its compiler.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from einbench.problem import Problem
from einbench.registry import operation

#: (verb, operation, rows, sizes)
CASES: tuple[tuple[str, str, int, dict[str, int]], ...] = (
    ("fastest", "relu", 200_000, {"features": 128}),
    ("fastest", "relu", 500_000, {"features": 128}),
    ("auto", "relu", 500_000, {"features": 128}),
    ("fastest", "relu", 2_000_000, {"features": 128}),
    ("fastest", "softmax_jacobian", 200_000, {}),
    ("fastest", "softmax_jacobian", 1_000_000, {}),
    ("fastest", "linear", 60_000, {}),
    ("fastest", "linear", 200_000, {}),
    ("fastest", "weight_gradient", 100_000, {}),
    ("fastest", "cross_entropy", 3_000_000, {}),
    ("fastest", "mlp_gradients", 60_000, {}),
    ("fastest", "sigmoid", 500_000, {"features": 128}),
    ("compare", "relu", 500_000, {"features": 128}),
    ("compare", "softmax_jacobian", 500_000, {}),
    ("tune", "tanh", 500_000, {"features": 128}),
    ("check", "relu", 500_000, {"features": 128}),
    ("check", "softmax_jacobian", 500_000, {}),
)
_MOST_ADDRESS_SPACE = 8 << 30
_BESIDE = 256 << 20

_RUN = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
verb, name, rows, sizes = json.loads(sys.argv[1])
import einbench
outcome = ""
try:
    if verb in ("fastest", "auto"):
        import numpy as np
        op = einbench.operation(name)
        full = op.all_sizes(rows, sizes)
        rng = np.random.default_rng(0)
        arrays = {}
        for each, axes in op.inputs.items():
            # in blocks, or drawing would take more than the arrays
            shape = axes.shape(full)
            few = {**full, op.leading: min(rows, 9999)}
            part = op.draw_one(each, rng, np.dtype("float32"), few)
            arrays[each] = part if part.shape == shape else np.resize(part, shape)
        if verb == "auto":
            getattr(einbench.auto, name)(**arrays)
        else:
            outcome = einbench.fastest(name, **arrays).kernel.method
    elif verb == "compare":
        einbench.compare(name, batches=(rows,), budget_s=5, **sizes)
    elif verb == "check":
        verdicts = einbench.check(name, batch=rows, **sizes)
        outcome = f"{sum(v.passed for v in verdicts)} of {len(verdicts)} passed"
    else:
        from einbench.choose import tune
        for each in tune.tune(tune.plan([name], (rows,), sizes=sizes)):
            outcome = each.reason or each.decision.kernel.method
except (Exception, SystemExit) as raised:
    outcome = f"{type(raised).__name__}: {raised}"[:200]
status = open("/proc/self/status").read()
peak = int(status.split("VmHWM:")[1].split()[0]) << 10
print(json.dumps({"peak_bytes": peak, "outcome": outcome}))
"""


def main() -> None:
    """Run the cases one after the other, print a line each, and fail where one takes too much."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("largest_bytes", nargs="?", type=float, default=1e9)
    arguments.add_argument("--only", default="", help="operations whose name has this in it")
    arguments.add_argument("--json", type=Path)
    given = arguments.parse_args()
    rows: list[dict[str, Any]] = []
    print(f"{'case':34}{'in + out':>11}{'peak':>11}{'8 rows':>11}{'allowed':>11}{'ratio':>7}")
    for case in CASES:
        verb, name, batch, sizes = case
        problem = Problem.at(operation(name), batch, "float32", sizes)
        both = problem.input_bytes + problem.output_bytes
        if both > given.largest_bytes or given.only not in f"{verb} {name}":
            continue
        process = _peak((verb, name, 8, sizes))["peak_bytes"]
        found = _peak(case)
        peak, allowed = found["peak_bytes"], process + 2 * both + _BESIDE
        rows.append(
            {"case": list(case), "bytes": both, "process_bytes": process, "allowed_bytes": allowed,
             **found}
        )  # fmt: skip
        columns = "".join(f"{n / 1e6:>8.0f} MB" for n in (both, peak, process, allowed))
        label, ratio = f"{verb} {name} {batch:,}", f"{peak / both:>7.2f}"
        print(f"{label:34}{columns}{ratio}  {found['outcome']}", flush=True)
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    sys.exit(any(row["peak_bytes"] > row["allowed_bytes"] for row in rows))


def _peak(case: Any) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        finished = subprocess.run(  # noqa: S603 - this interpreter and the script above
            [sys.executable, "-c", _RUN, json.dumps(case), str(_MOST_ADDRESS_SPACE)],
            env={**os.environ, "EINBENCH_WISDOM": folder},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    lines = finished.stdout.splitlines()
    if finished.returncode or not lines:
        why = (finished.stderr.strip().splitlines() or ["no output"])[-1]
        return {"peak_bytes": 0, "outcome": f"ended with {finished.returncode}: {why}"[:200]}
    answer: dict[str, Any] = json.loads(lines[-1])
    return answer


if __name__ == "__main__":
    main()
