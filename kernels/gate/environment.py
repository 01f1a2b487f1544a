"""A virtual environment per commit, built as its own pyproject.toml and constraints.txt say."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from einbench.gate.revision import Repository, Revision

#: built environments that are kept, the newest ones: each takes some hundred megabytes
_KEPT = 4
_MARK = "einbench-complete"
#: lines in which pip says that there was an error, and not which
_WRAPPERS = ("subprocess-exited-with-error", "metadata-generation-failed", "ERROR: Exception:")


class BuildError(Exception):
    """A commit could not be installed: it can neither pass nor fail."""


def build(repository: Repository, revision: Revision, side: str, folder: Path) -> Path:
    """The interpreter of an environment with this commit installed; made where it is missing.

    Base and head have one each, even where both are the same commit.

    Raises:
        BuildError: pip failed; its last error and where the whole log is.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    home = folder / f"{revision.commit[:12]}-{version}-{side}"
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    mark = home / _MARK
    if not mark.exists():
        shutil.rmtree(home, ignore_errors=True)  # half of one, from a run that was stopped
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / f"{home.name}.log"
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            tree = Path(temporary)
            repository.export(revision, tree)
            with log.open("wb") as out:
                _run([sys.executable, "-m", "venv", str(home)], revision, log, out)
                constraints = tree / "constraints.txt"
                held = ["--constraint", str(constraints)] if constraints.exists() else []
                pip = [str(python), "-I", "-m", "pip", "install", "--disable-pip-version-check"]
                _run([*pip, *held, str(tree)], revision, log, out)
        mark.touch()
    os.utime(mark)
    _prune(folder)
    return python


def _run(argv: list[str], revision: Revision, log: Path, out: object) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(  # noqa: S603 - this interpreter's venv and pip
        argv, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,  # type: ignore[call-overload]
        env=environment, check=False, cwd=log.parent,
    )  # fmt: skip
    if done.returncode:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or [""]
        errors = [line.strip(" \u2570\u2500>|") for line in lines if "error:" in line.lower()]
        said = [line for line in errors if not any(w in line for w in _WRAPPERS)] or lines
        raise BuildError(f"{revision.short} could not be installed: {said[-1]} (log: {log})")


def _prune(folder: Path) -> None:
    """Remove all but the newest environments; one in use was touched a moment ago."""
    marks = sorted(folder.glob(f"*/{_MARK}"), key=lambda mark: mark.stat().st_mtime)
    for mark in marks[:-_KEPT]:
        if time.time() - mark.stat().st_mtime > 3600:
            shutil.rmtree(mark.parent, ignore_errors=True)
