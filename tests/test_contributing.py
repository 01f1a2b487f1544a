"""The steps of CONTRIBUTING work, on a copy of the package, also where they were done before."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import einbench

from .documents import ROOT, blocks

OPERATION = "contributed_norm"
#: tests made from the registry that took sizes and names of axes for granted
FROM_THE_REGISTRY = (
    "test_arguments.py", "test_operation_files.py", "test_out.py", "check/test_probes.py",
    "check/test_sized.py", "jit/test_compiled.py", "truth/test_properties.py",
)  # fmt: skip


def run(argv: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """There, with the package that lies there, and as if no make had started this one."""
    environment = {n: v for n, v in os.environ.items() if not n.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        argv,
        cwd=folder,
        env={**environment, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def copied(folder: Path) -> Path:
    """The package under its name, beside what `make` and the tests need."""
    shutil.copytree(
        Path(einbench.__file__).parent, folder / "kernels",
        ignore=shutil.ignore_patterns("__pycache__"),
    )  # fmt: skip
    (folder / "einbench").symlink_to("kernels")
    for name in ("Makefile", "pyproject.toml", "tests"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def take_first_step(folder: Path) -> int:
    """Apply the edits of step 1 that are not there yet; gives back how many there are."""
    count = 0
    for note, _, body in blocks("CONTRIBUTING.md"):
        if edit := re.fullmatch(r'(append to|insert below "(.*)" in) (kernels/\S+)', note):
            count += 1
            path = folder / edit[3]
            text = path.read_text(encoding="utf-8")
            if body in text:
                continue
            if edit[2] is None:
                text += f"\n\n{body}"
            else:
                above = text.index(f"\n{edit[2]}") + 1
                below = text.index("\n", above) + 1
                text = text[:below] + body + text[below:]
            path.write_text(text, encoding="utf-8")
    return count


def add_operation(folder: Path) -> None:
    """One with names of axes of its own: a file and its import."""
    group = folder / "kernels" / "forward"
    shutil.copy(Path(__file__).parent / "contributed" / f"{OPERATION}.py", group)
    with (group / "__init__.py").open("a", encoding="utf-8") as file:
        file.write(f"import einbench.forward.{OPERATION}\n")


@pytest.fixture(scope="module")
def contributed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy to which the first step has been applied, twice, and an operation been added."""
    folder = copied(tmp_path_factory.mktemp("contributed"))
    assert take_first_step(folder) == 2
    once = (folder / "kernels/jacobian/softmax_jacobian.py").read_text(encoding="utf-8")
    assert take_first_step(folder) == 2
    assert (folder / "kernels/jacobian/softmax_jacobian.py").read_text(encoding="utf-8") == once
    assert once.count("def outer(") == 1
    add_operation(folder)
    return folder


def commands() -> dict[str, list[str]]:
    """Every command that a reader is told to run, by its target of `make`."""
    lines = [
        shlex.split(line)
        for note, _, body in blocks("CONTRIBUTING.md")
        if note == "run"
        for line in body.strip().splitlines()
    ]
    assert [line[0] for line in lines] == ["make"] * len(lines)
    return {line[1]: line for line in lines}


def make(line: list[str], folder: Path, more: str) -> subprocess.CompletedProcess[str]:
    """That command's recipe, but that nothing is installed."""
    _, target, arguments = line
    there = [f"BIN={Path(sys.executable).parent}", "-o", ".venv/.installed", "-o", ".venv/.test"]
    return run(["make", *there, target, f"{arguments} {more}"], folder)


@pytest.mark.long
@pytest.mark.parametrize("target", [target for target in commands() if target != "test"])
def test_a_step_runs_and_shows_the_new_kernel(target, contributed):
    done = make(commands()[target], contributed, "--json out.json")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "outer" in done.stdout


def test_the_new_kernel_is_tested_without_a_new_test(contributed):
    files = "tests/check/test_right_kernels.py tests/truth"
    more = f"--collect-only -q -n 0 -p no:cacheprovider {files}"
    done = make(commands()["test"], contributed, more)
    assert done.returncode == 0, done.stdout + done.stderr
    tested = [line for line in done.stdout.splitlines() if "outer" in line]
    assert any("right_kernels" in line for line in tested)
    assert any("truth" in line for line in tested)


@pytest.mark.long
def test_an_operation_with_axes_of_its_own_passes_the_tests_made_from_the_registry(contributed):
    files = [str(Path("tests") / name) for name in FROM_THE_REGISTRY]
    options = ["-q", "-k", OPERATION, "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = run([sys.executable, "-m", "pytest", *options, *files], contributed)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed
    assert int(passed[1]) >= 30
