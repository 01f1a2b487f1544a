"""The distribution: one import package, einbench, built from the folder kernels/."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import einbench
from einbench.libraries import LIBRARIES
from einbench.libraries.contestants import CONTESTANTS
from einbench.libraries.runtimes import runtime

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def folders() -> set[str]:
    return {
        ".".join(("einbench", *path.parent.relative_to(ROOT / "kernels").parts))
        for path in (ROOT / "kernels").rglob("__init__.py")
    }


def test_the_list_of_packages_is_the_folders_there_are() -> None:
    assert sorted(PROJECT["tool"]["setuptools"]["packages"]) == sorted(folders())


def test_the_version_is_said_alike() -> None:
    assert einbench.__version__ == PROJECT["project"]["version"]


def test_contributing_says_what_is_in_each_folder() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rooms = set(re.findall(r"^\| `(\w+)/` \|", text, re.M))
    assert rooms == {name.split(".")[1] for name in folders() if name.count(".") == 1}


def test_python_started_in_the_checkout_gets_the_installed_package() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import einbench; print(einbench.__file__)"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert Path(done.stdout.strip()).resolve() == Path(einbench.__file__).resolve()


def test_the_folder_imported_by_its_own_name_says_how_it_is_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import kernels"],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    said = "ImportError: this package is imported as einbench: write `import einbench`"
    assert done.stderr.splitlines()[-1] == said


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (None, "is missing or cannot run; name another: make PYTHON=python3.11"),
        ("exit 127", "is missing or cannot run; name another: make PYTHON=python3.11"),
        ("echo False", "einbench needs Python 3.11 or newer; try: make PYTHON=python3.11"),
    ],
)
def test_a_python_that_make_cannot_use_is_one_line(
    program: str | None, said: str, tmp_path: Path
) -> None:
    python = tmp_path / "python-of-a-test"
    if program is not None:
        python.write_text(f"#!/bin/sh\n{program}\n", encoding="utf-8")
        python.chmod(0o755)
    done = subprocess.run(
        [shutil.which("make") or "make", "--silent", f"PYTHON={python}", f"BIN={tmp_path}",
         str(tmp_path / "python")],
        capture_output=True, text=True, check=False, cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
    )  # fmt: skip
    assert done.returncode == 2
    (line,) = done.stdout.splitlines()
    assert line.endswith(said)


def test_every_library_that_competes_is_an_extra() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    assert sorted(extras["peers"]) == sorted(p for name in LIBRARIES for p in extras[name])


def test_every_einsum_library_is_an_extra_and_all_but_cupy_are_one() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    names = {runtime(name).extra or name for name in CONTESTANTS}
    assert sorted(extras["einsum-libraries"]) == sorted(
        part for name in names - {"cupy"} for part in extras[name]
    )
    assert extras["cupy"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    pytest.importorskip("setuptools")
    folder, tree = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("tree")
    # of a copy: setuptools leaves build/ beside what it builds
    for name in ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in", "kernels"):
        (tree / name).symlink_to(ROOT / name)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--wheel-dir", str(folder), str(tree)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (made,) = folder.glob("*.whl")
    return zipfile.ZipFile(made).namelist()


def test_a_wheel_holds_einbench_and_no_kernels(wheel: list[str]) -> None:
    tops = {name.partition("/")[0] for name in wheel if ".dist-info" not in name}
    assert tops == {"einbench"}
    assert "einbench/py.typed" in wheel
    assert sum(name.startswith("einbench/mnist/data/") for name in wheel) == 6
    assert any(name.endswith("licenses/LICENSE") for name in wheel)
    modules = {name for name in wheel if name.endswith(".py")}
    here = {f"einbench/{p.relative_to(ROOT / 'kernels')}" for p in (ROOT / "kernels").rglob("*.py")}
    assert modules == here
