"""Every script of benchmarks/ imports what it needs and says how it is called, from any folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1] / "benchmarks"
#: which the package is not installed with
EXTRAS = ("dask", "distributed")
SCRIPTS = [
    file for file in sorted(TOP.rglob("*.py")) if '__name__ == "__main__"' in file.read_text()
]


def _is_module(script: Path) -> bool:
    """What imports its neighbours as a package's is called as a module."""
    return "\nfrom ." in script.read_text() or script.parent.name == "gate"


@pytest.mark.long
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda file: str(file.relative_to(TOP)))
def test_a_script_says_how_it_is_called(script: Path) -> None:
    command = [str(script)]
    if _is_module(script):
        command = ["-m", ".".join(script.relative_to(TOP).with_suffix("").parts)]
    done = subprocess.run(
        [sys.executable, *command, "--help"], cwd=TOP, capture_output=True, text=True, check=False
    )
    if any(f"No module named '{extra}'" in done.stderr for extra in EXTRAS):
        pytest.skip("needs einbench[dask]")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: ")


def test_scripts_are_found() -> None:
    assert TOP / "gate" / "study.py" in SCRIPTS
