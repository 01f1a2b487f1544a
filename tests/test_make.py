"""What make says where it cannot work: no clone, half of one, an environment that was moved."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .documents import ROOT

MAKE, GIT = shutil.which("make") or "", shutil.which("git") or ""
pytestmark = pytest.mark.skipif(not (MAKE and GIT), reason="no make or no git")
GIT_TARGETS = ["history-quick", "history", "history-newest", "publish", "gate-study"]


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=n", "-c", "user.email=n@localhost"]
    subprocess.run([GIT, "-C", str(folder), *identity, *arguments], check=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A clone with four commits, and what the Makefile looks at."""
    top = tmp_path / "project"
    (top / "kernels").mkdir(parents=True)
    (top / "kernels" / "a.py").touch()
    (top / "results").mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "results/gate-study.json"):
        shutil.copy(ROOT / name, top / name)
    git(top, "init", "--quiet")
    git(top, "add", ".")
    for number in range(4):
        git(top, "commit", "--quiet", "--allow-empty", "--message", f"{number}")
    return top


#: make that runs the tests would have another one say which folder it enters
SHELL = {k: v for k, v in os.environ.items() if "MAKE" not in k and k != "MFLAGS"}


def made(folder: Path, *arguments: str, **environment: str) -> str:
    """The one line that make says before it ends with 2; ``make: ***`` apart."""
    done = subprocess.run(
        [MAKE, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=120,
        env=SHELL | environment,
    )  # fmt: skip
    assert done.returncode == 2
    said = [line for line in done.stdout.splitlines() + done.stderr.splitlines() if line]
    (line,) = [line for line in said if not line.startswith("make: ***")]
    assert not (folder / ".venv" / "pyvenv.cfg").exists(), "said before anything is installed"
    return line


@pytest.mark.parametrize("target", GIT_TARGETS)
def test_a_copy_without_git_says_that_commits_are_measured(project: Path, target: str) -> None:
    shutil.rmtree(project / ".git")
    expected = f"this is no git clone, and make {target} measures commits: run it in one"
    assert made(project, target) == expected
    # nor is a folder in somebody else's clone
    git(project.parent, "init", "--quiet")
    assert made(project, target) == expected


@pytest.mark.parametrize("target", ["history-quick", "history", "gate-study"])
def test_a_shallow_clone_says_how_to_get_the_rest(project: Path, target: str) -> None:
    shallow = project.parent / "shallow"
    origin = project.as_uri()
    subprocess.run([GIT, "clone", "--quiet", "--depth", "1", origin, str(shallow)], check=True)
    line = made(shallow, target)
    assert line.endswith(": not in this clone, which is shallow: git fetch --unshallow")


def test_commits_that_there_are_not_are_named(project: Path) -> None:
    line = made(project, "history", "RANGE=HEAD~9..HEAD")
    assert line.startswith("HEAD~9..HEAD: not in this clone; ")


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root gives files away")
@pytest.mark.parametrize("target", GIT_TARGETS)
def test_a_clone_of_another_user_says_how_to_trust_it(project: Path, target: str) -> None:
    for path in (project, *project.rglob("*")):
        os.chown(path, 12345, 12345)
    line = made(project, target)
    assert line == (
        "git does not trust this folder, which another user owns; if you do: git config --global "
        f"--add safe.directory '{project}'"
    )


def environment(folder: Path, python: str, pip: str) -> None:
    """A virtual environment's two files that are looked at."""
    bin_ = folder / ".venv" / "bin"
    bin_.mkdir(parents=True)
    (bin_ / "python").symlink_to(python)
    (bin_ / "pip").write_text(pip, encoding="utf-8")


@pytest.mark.parametrize("target", ["compare", "test", "lint", "tune", "gate", "docs", "peers"])
@pytest.mark.parametrize(
    "pip", ["#!{0}/python3.11\n# -*- coding\n", '#!/bin/sh\n\'\'\'exec\' "{0}/python3" "$0" "$@"\n']
)
def test_an_environment_of_another_folder_is_told(project: Path, target: str, pip: str) -> None:
    environment(project, sys.executable, pip.format("/before/a b/.venv/bin"))
    assert made(project, target) == (
        ".venv was made as /before/a b/.venv and works only there: rm -rf .venv, and make again"
    )


@pytest.mark.parametrize("target", ["compare", "test", "lint", "tune", "gate", "docs", "peers"])
def test_an_environment_without_its_python_is_told(project: Path, target: str) -> None:
    environment(project, "/nowhere/python3.11", "")
    assert made(project, target) == (
        "the Python of .venv is gone or cannot run: rm -rf .venv, and make again"
    )


def test_an_environment_in_its_own_folder_is_used(project: Path) -> None:
    environment(project, sys.executable, f"#!{project}/.venv/bin/python3\n")
    done = subprocess.run(
        [MAKE, "sound"], cwd=project, capture_output=True, text=True, check=False, env=SHELL
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_bytecode_is_kept_where_an_image_switches_that_off(tmp_path: Path) -> None:
    more = tmp_path / "more.mk"
    more.write_text('shown:\n\t@echo "<$$PYTHONDONTWRITEBYTECODE>"\n')
    done = subprocess.run(
        [MAKE, "-s", "-f", str(ROOT / "Makefile"), "-f", str(more), "shown"], cwd=tmp_path,
        capture_output=True, text=True, check=True, env=SHELL | {"PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.stdout == "<>\n"
