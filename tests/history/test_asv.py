"""asv itself over the suites: `asv check`, and one tiny `asv run` from end to end."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import einbench

from .conftest import ROOT
from .test_configuration import relaxed

pytest.importorskip("asv", reason="asv is not installed")


@pytest.fixture
def asv(tmp_path):
    """asv with results, environments and the file about the machine in a temporary folder."""
    configuration = relaxed(ROOT / "asv.conf.json")
    configuration["repo"] = str(tmp_path / "repository")
    configuration["benchmark_dir"] = str(ROOT / configuration["benchmark_dir"])
    configuration |= {"results_dir": "results", "env_dir": "env"}
    (tmp_path / "asv.conf.json").write_text(json.dumps(configuration), encoding="utf-8")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", "-C", "repository"]
    for command in (["git", "init", "-q", "repository"], [*git, "commit", "-q", "--allow-empty"]):
        message = ["-m", "one"] if "commit" in command else []
        subprocess.run([*command, *message], cwd=tmp_path, check=True)

    # asv starts its processes here, as it does in the checkout's root
    decoy = tmp_path / "kernels"
    decoy.mkdir()
    (decoy / "__init__.py").write_text("raise RuntimeError('of no commit')", encoding="utf-8")

    def run(*arguments, **variables):
        # asv drops PYTHONPATH, which here stands for the installed package
        environment = os.environ | {
            "HOME": str(tmp_path),
            "EINBENCH_PROFILE": "quick",
            "ASV_PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            **variables,
        }
        return subprocess.run(
            [sys.executable, "-m", "asv", *arguments],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    run("machine", "--yes")
    return run


@pytest.mark.long
def test_asv_check_finds_no_problems(asv):
    finished = asv("check", "--environment", "existing:same")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "No problems found" in finished.stdout


def test_asv_shows_the_line_about_an_unknown_profile(asv):
    finished = asv("check", "--environment", "existing:same", EINBENCH_PROFILE="fast")
    assert finished.returncode != 0
    assert "EINBENCH_PROFILE=fast: no such profile; choose quick" in (
        finished.stdout + finished.stderr
    )


@pytest.mark.long
def test_asv_run_stores_what_it_measured_of_the_installed_package(asv, tmp_path):
    """Against a stub of ``einbench.compare``: the real one takes half a minute to compile all."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(STUB, encoding="utf-8")
    path = f"{site}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    finished = asv(
        "run", "--environment", "existing:same", "--set-commit-hash", "HEAD",
        "--bench", r"^relu\..*\(.(loop|ufunc).,", ASV_PYTHONPATH=path, PYTHONPATH=path,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout + finished.stderr
    (file,) = [f for f in (tmp_path / "results").rglob("*.json") if "existing" in f.name]
    stored = json.loads(file.read_text(encoding="utf-8"))
    rows = {
        name: dict(zip(stored["result_columns"], row, strict=False))
        for name, row in stored["results"].items()
    }
    assert set(rows) == {f"relu.{n}" for n in ("time_kernel", "track_error", "track_roofline")}
    kernel, batch, dtype = rows["relu.time_kernel"]["params"]
    assert kernel == [repr(name) for name in einbench.operation("relu").kernels]
    assert (batch, dtype) == (["1", "128"], ["'float32'"])
    loop, other = rows["relu.time_kernel"]["result"][:2], rows["relu.time_kernel"]["result"][2:4]
    assert all(math.isnan(value) for value in loop), "the stub says that it was rejected"
    assert all(value > 0 for value in other)
    assert rows["relu.track_error"]["result"][:4] == [1000.0, 1000.0, 1.0, 1.0]
    assert rows["relu.track_roofline"]["result"][2] == 0.5
    assert rows["relu.time_kernel"]["version"] == "1"


@pytest.mark.long
def test_asv_run_measures_a_commit_of_before_the_renaming_in_its_environment(asv, tmp_path):
    """There the package is called kernels, as is the folder that asv is started beside."""
    home = tmp_path / "old"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    placed = {"base": str(home), "platbase": str(home)}
    packages = Path(sysconfig.get_path("purelib", "venv", vars=placed))
    for file in Path(einbench.__file__).parent.rglob("*.py"):
        to = packages / "kernels" / file.relative_to(Path(einbench.__file__).parent)
        to.parent.mkdir(parents=True, exist_ok=True)
        text = file.read_text(encoding="utf-8").replace("einbench", "kernels")
        to.write_text(text, encoding="utf-8")
    with (packages / "kernels" / "__init__.py").open("a", encoding="utf-8") as file:
        file.write(COMPARE + "import sys\nassert __file__.startswith(sys.prefix)\n")
    libraries = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    (packages / "libraries.pth").write_text("\n".join(libraries), encoding="utf-8")
    # this package lies beside those libraries, and may come by these as well
    path = {name: str(tmp_path) for name in ("PYTHONPATH", "ASV_PYTHONPATH")}
    python = Path(sysconfig.get_path("scripts", "venv", vars=placed)) / "python"
    asked = ("run", "--environment", f"existing:{python}", "--set-commit-hash", "HEAD",
             "--show-stderr", "--bench", r"^relu\..*\(.(loop|ufunc).,")  # fmt: skip
    refused = asv(*asked, **path)
    assert f"kernels was found in {tmp_path / 'kernels'}; pip install" in refused.stdout
    finished = asv(*asked, ASV_PYTHONPATH="", PYTHONPATH="")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    (file,) = [f for f in (tmp_path / "results").rglob("*.json") if "existing" in f.name]
    results = json.loads(file.read_text(encoding="utf-8"))["results"]
    assert results["relu.track_error"][0][:4] == [1000.0, 1000.0, 1.0, 1.0]
    assert all(value > 0 for value in results["relu.time_kernel"][0][2:4])


COMPARE = """
from types import SimpleNamespace


def compare(names, batches, dtypes, budget_s):
    fact = {"median_s": 1e-5, "roofline": 0.5}
    wrong = {"status": "rejected", "reason": "planted", "error": 1000.0} | fact
    right = {"status": "ok", "reason": "", "error": 1.0} | fact
    records = [
        (wrong if kernel.method == "loop" else right)
        | {"operation": op.name, "kernel": kernel.method, "sizes": {"batch": b}, "dtype": d}
        for op in operations.values() for kernel in op for b in batches for d in dtypes
    ]
    return SimpleNamespace(document=lambda: {"records": records})
"""
STUB = f"from einbench import operations{COMPARE}\nimport einbench\neinbench.compare = compare\n"
