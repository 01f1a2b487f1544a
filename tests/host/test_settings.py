"""Settings that numba raises at are named in one line, and leave other kernels to be used."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

UNUSABLE = {
    "NUMBA_NUM_THREADS": ("0", "numba needs 1 thread or more"),
    "NUMBA_THREADING_LAYER_PRIORITY": ("tbb tbb omp", "numba needs each of omp, tbb, workqueue"),
}


def run(code: str, **setting: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], check=False, env={**os.environ, **setting}, text=True,
        capture_output=True,
    )  # fmt: skip


@pytest.mark.parametrize("name", UNUSABLE)
def test_commands_name_the_setting_and_end_with_2(name: str) -> None:
    value, expected = UNUSABLE[name]
    done = run(
        "import sys; sys.argv = ['einbench', 'check', 'relu']\n"
        "from einbench.cli import start; start()", **{name: value},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"einbench: error: {name}={value}: {expected}")


@pytest.mark.parametrize("name", UNUSABLE)
def test_programs_are_served_by_what_needs_no_numba(name: str) -> None:
    value, expected = UNUSABLE[name]
    done = run(
        "import einbench\n"
        "relu = einbench.operation('relu')\n"
        "print(relu['numba'].reason)\n"
        "print(sorted({v.status for v in einbench.check(relu, batch=3)}))", **{name: value},
    )  # fmt: skip
    reason, statuses = done.stdout.splitlines()
    assert expected in reason
    assert statuses == "['passed', 'unavailable']"
