"""The distribution: one import package, einbench, built from the folder kernels/."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import einbench

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
