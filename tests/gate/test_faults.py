"""The study's faulty commits have the fault that they are made for, and no other."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import einbench

_SPEC = importlib.util.spec_from_file_location(
    "faults", Path(__file__).resolve().parents[2] / "benchmarks" / "gate" / "faults.py"
)
faults = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(faults)

#: what is seen of a commit from outside; a clock that goes on when it is read counts who waits
SEEN = """
import json, time
ticks = 0
def clock():
    global ticks
    ticks += 1
    return float(ticks)
time.perf_counter = clock
import numpy as np, einbench
relu, x = einbench.operations["relu"], np.array([[-1.0, 2.0]])
called = {}
for method in relu.kernels:
    if method.startswith("ufunc"):
        before = ticks
        called[method] = relu[method].function(x).tolist(), ticks - before
print(json.dumps(called))
"""


@pytest.fixture
def clone(project):
    """This package in a repository of its own."""
    shutil.copytree(
        Path(einbench.__file__).parent, project.top / "kernels",
        ignore=shutil.ignore_patterns("data", "__pycache__"),
    )  # fmt: skip
    (project.top / "as").mkdir()
    (project.top / "as" / "einbench").symlink_to(project.top / "kernels")
    project("add", ".")
    project("commit", "--quiet", "--message", "the package")
    return project


def seen(clone, inject, *given):
    """Of a commit with this fault: name -> result and ticks of one call."""
    commit = inject(clone.top, *given)
    assert clone("status", "--porcelain") == ""
    assert clone("rev-parse", f"{commit}^") == clone("rev-parse", "HEAD")
    clone("checkout", "--quiet", commit)
    done = subprocess.run(
        [sys.executable, "-c", SEEN], check=True, capture_output=True,
        env={**os.environ, "PYTHONPATH": str(clone.top / "as"), "NUMBA_DISABLE_JIT": "1",
             "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    return json.loads(done.stdout)


def test_a_slowed_kernel_is_right_and_waits(clone):
    ((values, ticks),) = seen(clone, faults.inject_slowdown, [("relu", "ufunc")], 50.0).values()
    assert values == [[0.0, 2.0]]
    assert 45 <= ticks <= 50  # of this clock a call takes one


def test_a_renamed_kernel_has_its_new_name_alone(clone):
    found = seen(clone, faults.inject_rename, "relu", "ufunc")
    assert found == {"ufunc_renamed": [[[0.0, 2.0]], 0]}


def test_a_wrong_kernel_returns_zeros(clone):
    assert seen(clone, faults.inject_wrong, "relu", "ufunc") == {"ufunc": [[[0.0, 0.0]], 0]}
