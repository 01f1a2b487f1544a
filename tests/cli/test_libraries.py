"""Libraries that compete, and kernels in processes of their own, from the command line."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import einbench
from einbench.cli import main
from einbench.libraries import LIBRARIES, library_kernels

ROOT = Path(__file__).resolve().parents[2]
needs_sklearn = pytest.mark.skipif(
    importlib.util.find_spec("sklearn") is None, reason="scikit-learn is not installed"
)
QUICK = ["--operation", "tanh", "--batch", "4", "--budget", "0.2", "--threads", "1"]


def by_hand(inputs):
    return np.tanh(inputs)


def invoke(*args):
    return CliRunner().invoke(main, list(args))


@pytest.fixture(autouse=True)
def in_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def compared(*more):
    done = invoke("compare", *QUICK, "--json", "found.json", *more)
    return done, json.loads(Path("found.json").read_text(encoding="utf-8"))


@pytest.mark.long
@needs_sklearn
def test_a_library_is_a_row_beside_ours_where_it_is_asked_for():
    done, document = compared("--with", "sklearn")
    assert done.exit_code == 0, done.output
    rows = {row["kernel"]: row for row in document["records"]}
    row = rows["sklearn_inplace_tanh"]
    assert row["status"] == "ok", row["reason"]
    assert row["median_s"] > 0
    assert row["prepare_s"] > 0
    assert row["speedup"] > 0
    assert row["error"] <= row["limit"] == 8 * rows["ufunc"]["limit"]
    assert sum(r["winner"] for r in document["records"]) == 1
    assert document["settings"]["with"] == ["sklearn"]
    facts = document["settings"]["libraries"]["sklearn"]
    assert facts["threads"] == 1
    assert facts["idle_s"] >= 0
    assert "sklearn_inplace_tanh" in done.output
    assert "sklearn_inplace_tanh" not in einbench.operation("tanh")

    done, document = compared()
    assert not any(row["kernel"].startswith("sklearn") for row in document["records"])
    assert "libraries" not in document["settings"]


def test_a_library_that_is_not_installed_is_a_row_that_says_what_to_do(monkeypatch):
    monkeypatch.setattr("einbench.libraries.runtime.why_missing", lambda names: "x is missing (y)")
    done, document = compared("--with", "sklearn")
    assert done.exit_code == 0, done.output
    (row,) = [row for row in document["records"] if row["runtime"] == "sklearn"]
    assert row["status"] == "unavailable"
    assert row["reason"] == "x is missing (pip install 'einbench[sklearn]')"


def test_an_unknown_library_is_one_line():
    done = invoke("compare", *QUICK, "--with", "torsh")
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert "no library 'torsh'; did you mean torch" in line


def test_every_library_has_ways_of_known_operations_named_after_it():
    for name in LIBRARIES:
        found = library_kernels(name)
        assert found.keys() <= einbench.operations.keys()
        for kernels in found.values():
            assert all(k.method.startswith(f"{name}_") and k.summary for k in kernels)


def test_every_operation_that_the_scoreboard_has_ways_of_still_has_some():
    """Ways are optional: a new operation needs none."""
    board = json.loads((ROOT / "results" / "peers.json").read_text(encoding="utf-8"))
    kept = {
        (way["library"], cell["operation"])
        for cell in board["cells"]
        for way in cell["ways"]
        if way["library"] != "ours" and way["way"]
    }
    assert kept
    assert kept <= {(library, name) for library in LIBRARIES for name in library_kernels(library)}


@pytest.mark.long
def test_isolated_kernels_are_checked_and_timed():
    done, document = compared("--isolate")
    assert done.exit_code == 0, done.output
    rows = {row["kernel"]: row for row in document["records"]}
    assert rows["ufunc"]["status"] == "ok"
    assert rows["ufunc"]["median_s"] > 0
    assert document["settings"]["isolate"] is True
    done = invoke("check", "tanh", "--batch", "4", "--isolate")
    assert done.exit_code == 0, done.output


@pytest.mark.long
@pytest.mark.parametrize("command", ["compare", "check"])
def test_a_kernel_that_ends_its_process_costs_its_own_row_and_no_other(command):
    op = einbench.operation("tanh")

    @op.kernel("ending")
    def ending(inputs):
        import os

        os._exit(3)

    try:
        if command == "compare":
            done, document = compared("--isolate")
            rows = {row["kernel"]: row for row in document["records"]}
            assert rows["ending"]["status"] == "crashed"
            assert "exit code 3" in rows["ending"]["reason"]
            assert rows["ufunc"]["status"] == "ok"
        else:
            done = invoke("check", "tanh", "--batch", "4", "--isolate")
            assert "exit code 3" in " ".join(done.output.split())
        assert done.exit_code == 1
    finally:
        op.remove("ending")


def test_a_kernel_that_cannot_be_isolated_is_one_line(monkeypatch):
    op = einbench.operation("tanh")
    op.kernel("by_hand")(by_hand)
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    try:
        done = invoke("compare", *QUICK, "--isolate")
    finally:
        op.remove("by_hand")
    assert done.exit_code == 2
    *_, line = done.stderr.splitlines()
    assert "tanh['by_hand'] is registered by no module that can be imported" in line
    assert "pip install 'einbench[isolate]'" in line
