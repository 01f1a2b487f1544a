"""The gate's study counts what the gate found, and what it should have found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SLOWED = [["relu", "loop"], ["tanh", "ufunc"]]


def found(*kernels, status=1, operations=()):
    findings = [
        {"operation": operation, "kernel": kernel, "batch": batch, "status": "regression"}
        for operation, kernel in kernels
        for batch in (1, 128)
    ]
    return {"status": status, "cells": 4, "told": findings, "operations": list(operations)}


def summary(tmp_path, runs):
    file = tmp_path / "study.json"
    file.write_text(json.dumps({"slowed": SLOWED, "runs": runs}), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "gate.study", str(file), "--summary"],
        cwd=BENCHMARKS, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def test_a_kernel_that_was_not_found_and_one_that_was_not_slowed_are_counted(tmp_path):
    (line,) = summary(
        tmp_path,
        {
            "slowed-1.3-00": found(*SLOWED),
            "slowed-1.3-01": found(SLOWED[0], ["linear", "matmul"]),
            "slowed-1.3-02": found(status=0),
            "slowed-1.3-03": found(SLOWED[1], operations=["tanh"]),
        },
    )
    assert "slowed-1.3: 4 runs, statuses [1, 1, 0, 1]" in line
    assert "all that was slowed found in 2 of 4 tries" in line
    assert "relu[loop] 2 of 3, tanh[ufunc] 2 of 4" in line
    assert line.endswith("others 1")


def test_a_false_alarm_is_counted(tmp_path):
    (line,) = summary(tmp_path, {"same-00": found(status=0), "same-01": found(["relu", "loop"])})
    assert "statuses [0, 1]; 2 regressions in 8 cells" in line
