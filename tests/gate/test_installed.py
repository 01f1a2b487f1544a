"""The package of an environment is found under either name, and no folder that is in its way."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from einbench.gate import installed
from einbench.gate.partner import LaunchError, Partner

ROOT = Path(__file__).resolve().parents[2]
FIND = f"""
import runpy
found = runpy.run_path({installed.__file__!r})["import_installed"]()
print(found.__name__, found.__file__)
"""
#: as much of a package of before version 0.2 as a launch asks for
OLD = "operations = {}\n"


class Environment:
    """A virtual environment with nothing in it."""

    def __init__(self, home: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
        placed = {"base": str(home), "platbase": str(home)}
        self.packages = Path(sysconfig.get_path("purelib", "venv", vars=placed))
        self.python = Path(sysconfig.get_path("scripts", "venv", vars=placed)) / "python"

    def put(self, name: str, code: str) -> Path:
        """A package of that name; its first file."""
        file = self.packages / name / "__init__.py"
        file.parent.mkdir()
        file.write_text(code, encoding="utf-8")
        return file

    def find(self, *flags: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
        """What is found by an interpreter that is started in a folder."""
        return subprocess.run(
            [str(self.python), *flags, "-c", FIND],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip


@pytest.fixture
def environment(tmp_path):
    return Environment(tmp_path / "env")


def test_the_package_of_today_is_found_by_its_name(environment):
    file = environment.put("einbench", "")
    assert environment.find().stdout == f"einbench {file}\n"


def test_a_commit_of_before_is_found_by_its_old_name(environment):
    file = environment.put("kernels", OLD)
    assert environment.find("-I").stdout == f"kernels {file}\n"


def test_the_folder_of_todays_checkout_is_refused_in_one_line_and_not_run(environment, tmp_path):
    environment.put("kernels", OLD)
    decoy = tmp_path / "checkout" / "kernels" / "__init__.py"
    decoy.parent.mkdir(parents=True)
    decoy.write_text("print('it was run')", encoding="utf-8")
    found = environment.find(folder=decoy.parents[1])
    assert found.returncode == 1
    assert found.stdout == ""
    said = found.stderr.splitlines()[-1]
    assert f"kernels was found in {decoy.parent.resolve()}; pip install the commit" in said


def test_what_numbas_cache_left_of_an_uninstalled_commit_is_passed_over(environment):
    (environment.packages / "einbench" / "__pycache__").mkdir(parents=True)
    file = environment.put("kernels", OLD)
    assert environment.find("-I").stdout == f"kernels {file}\n"


def test_a_package_that_cannot_be_imported_is_reported_and_not_taken_for_missing(environment):
    environment.put("einbench", "import nothing_of_this_name")
    environment.put("kernels", OLD)
    assert "No module named 'nothing_of_this_name'" in environment.find("-I").stderr


def test_an_editable_install_is_of_its_environment(environment, tmp_path):
    file = tmp_path / "checkout" / "einbench" / "__init__.py"
    file.parent.mkdir(parents=True)
    file.touch()
    (environment.packages / "einbench.pth").write_text(f"{file.parents[1]}\n", encoding="utf-8")
    assert "neither einbench nor kernels is installed" in environment.find("-I").stderr
    info = environment.packages / "einbench-0.2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: einbench\nVersion: 0.2.0\n")
    url = {"url": file.parents[1].as_uri(), "dir_info": {"editable": True}}
    (info / "direct_url.json").write_text(json.dumps(url), encoding="utf-8")
    assert environment.find("-I").stdout == f"einbench {file}\n"


def test_a_launch_measures_what_lies_in_its_environment(environment, tmp_path, monkeypatch):
    """Started in the checkout's root, with the checkout on the path as well."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    environment.put("kernels", OLD)
    with Partner("base", environment.python, tmp_path / "base.log", 1, {}) as partner:
        assert partner.ask("facts", expressions=[])["kernels"] == []


def test_a_launch_in_an_environment_without_the_package_says_so(environment, tmp_path):
    with pytest.raises(LaunchError, match="neither einbench nor kernels is installed in"):
        Partner("base", environment.python, tmp_path / "base.log", 1, {})
