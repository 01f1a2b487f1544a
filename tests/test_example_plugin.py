"""The example of a package with kernels: built, installed beside the suite, found and used."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent / "example_plugin"
BILINEAR = "rows.left,left.right,rows.right->rows"


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Runs Python where the example is installed."""
    folder = tmp_path_factory.mktemp("example")
    shutil.copytree(EXAMPLE, folder / "source")  # a build writes beside its sources
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation",
           "--disable-pip-version-check"]  # fmt: skip
    site = folder / "site"
    done = subprocess.run(
        [*pip, "--no-index", "--target", str(site), str(folder / "source")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": path, "EINBENCH_WISDOM": str(folder / "wisdom")}

    def python(*arguments):
        done = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, check=False,
            env=environment, cwd=folder,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return python


@pytest.mark.long
def test_it_is_found_on_request_alone(python):
    assert BILINEAR not in python("-m", "einbench.cli", "list")
    listed = python("-m", "einbench.cli", "--plugins", "list")
    assert BILINEAR in listed
    assert "clip" in python("-m", "einbench.cli", "--plugins", "list", "relu")


@pytest.mark.long
def test_its_kernels_are_checked_and_ranked_with_the_others(python):
    checked = python("-m", "einbench.cli", "--plugins", "check", "relu", BILINEAR)
    assert "clip" in checked
    assert "row_dots" in checked
    compared = python(
        "-m", "einbench.cli", "--plugins", "compare", BILINEAR, "--batch", "64", "--budget", "0.3",
        "--json", "-",
    )  # fmt: skip
    records = {r["kernel"]: r for r in json.loads(compared)["records"]}
    assert records["row_dots"]["status"] == "ok"
    assert records["row_dots"]["median_s"] > 0
    assert records["einsum_path"]["status"] == "ok"


PROGRAM = f"""
import multiprocessing, pickle
import numpy as np, einbench

def same(one):
    return one

if __name__ == "__main__":
    print(einbench.load_plugins())
    op = einbench.operation({BILINEAR!r})
    arrays = [np.ones(shape, "f4") for shape in ((3, 6), (6, 5), (3, 5))]
    choice = einbench.fastest(op, *arrays, budget_s=0.05)
    assert choice(*arrays).tolist() == [30, 30, 30]
    mine = op["row_dots"]
    assert pickle.loads(pickle.dumps(mine)) is mine
    isolated = {{v.method: v.status for v in einbench.check(op, isolate=True, rows=5)}}
    assert isolated["row_dots"] == isolated["path"] == "passed", isolated
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.starmap(mine, [arrays])
        assert found[0].tolist() == [30, 30, 30]
        assert pool.apply(choice, arrays).tolist() == [30, 30, 30]
        assert pool.apply(same, (op,)) is op
"""


@pytest.mark.long
def test_they_are_chosen_from_and_go_into_other_processes(python, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    assert "einbench-example: example" in python(str(program))
