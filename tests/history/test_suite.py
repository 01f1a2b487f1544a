"""What asv finds in the suites, and which cells it skips."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import einbench

from .conftest import ROOT

QUANTITIES = {"time_kernel", "peakmem_kernel", "track_error", "track_roofline"}
LOOP = ("loop", 1, "float32")
BATCHES = [1, 32, 128, 1000, 10_000, 60_000]


def classes(module):
    found = {}
    for value in vars(module).values():
        if isinstance(value, type) and "measure" in vars(value) and value.__name__[0] != "_":
            found[vars(value)["measure"].benchmark_name] = value
    return found


def fact(**named):
    return {"status": "ok", "reason": "", "median_s": 1e-5, "error": 1.0, "roofline": 0.5} | named


def test_every_operation_and_kernel_is_in_the_suite(suite):
    found = classes(suite("operations", "thorough"))
    assert set(found) == {f"{op}.{name}" for op in einbench.operations for name in QUANTITIES}
    for name, made in found.items():
        op = einbench.operation(name.partition(".")[0])
        assert made.params == [list(op.kernels), BATCHES, ["float32", "float64"]]


def test_names_of_parameters_and_the_version_are_stable(suite):
    module = suite("operations")
    assert module.param_names == ["kernel", "batch", "dtype"]
    assert module.version == "1"


@pytest.mark.parametrize(("profile", "cells"), [("quick", 2), ("regular", 6), ("thorough", 12)])
def test_profiles_choose_how_many_cells_a_kernel_has(suite, profile, cells):
    found = classes(suite("operations", profile))
    _, batches, dtypes = found["softmax.time_kernel"].params
    assert len(batches) * len(dtypes) == cells
    assert ("softmax.peakmem_kernel" in found) == (profile != "quick")


def test_an_unknown_profile_is_reported_in_one_line_that_lists_the_known_ones(suite):
    with pytest.raises(SystemExit, match=r"^EINBENCH_PROFILE=fast: .*quick, regular, thorough$"):
        suite("operations", "fast")


def test_without_a_profile_the_cheapest_is_taken(suite):
    profiles = suite("profiles")
    assert profiles.chosen({}).name == profiles.chosen({"EINBENCH_PROFILE": ""}).name == "quick"


def test_caps_are_stated_where_a_user_reads_them(suite):
    operations, profiles = suite("operations"), suite("profiles")
    assert [p.cap_minutes for p in profiles.PROFILES.values()] == [3, 30, None]
    assert "at most 3 minutes" in operations.__doc__
    assert "``regular`` (30)" in operations.__doc__


def test_a_kernel_of_the_checkout_alone_is_listed(suite, tmp_path):
    """The list is the checkout's: of the installed package it would shift what numbers mean."""
    shutil.copytree(ROOT / "kernels", tmp_path / "kernels", ignore=_no_data)
    with (tmp_path / "kernels/forward/softmax.py").open("a", encoding="utf-8") as file:
        file.write('\n\n@softmax.kernel("tomorrow")\ndef tomorrow(logits):\n    return logits\n')
    found = {o.operation: o.kernels for o in suite("listing").listed(tmp_path)}
    assert "tomorrow" in found["softmax"]
    assert "tomorrow" not in einbench.operation("softmax")


def _no_data(folder, names):
    return [n for n in names if n == "__pycache__" or (folder.endswith("mnist") and n == "data")]


def test_a_checkout_that_cannot_be_imported_says_why(suite, tmp_path):
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "__init__.py").write_text("raise OSError('broken')", encoding="utf-8")
    with pytest.raises(RuntimeError, match="broken"):
        suite("listing").listed(tmp_path)


def test_a_kernel_that_the_commit_lacks_is_skipped(suite):
    made = classes(suite("operations"))["softmax.time_kernel"]()
    with pytest.raises(NotImplementedError, match="no such kernel"):
        made.setup({}, "tomorrow", 128, "float32")


def test_a_cell_that_cannot_run_is_skipped_with_its_reason(suite):
    found = classes(suite("operations"))
    cell = "linear[loop] at batch 128 in float32"
    facts = {cell: fact(status="skipped", reason="about 5 s", error=None, roofline=None)}
    for name in ("time_kernel", "track_error", "track_roofline"):
        with pytest.raises(NotImplementedError, match="about 5 s"):
            found[f"linear.{name}"]().setup(facts, "loop", 128, "float32")


def test_a_kernel_that_passed_is_called_with_drawn_inputs_and_prepared_once(suite):
    made = classes(suite("operations"))["softmax.time_kernel"]()
    method = list(einbench.operation("softmax").kernels)[1]
    facts = {f"softmax[{method}] at batch 128 in float32": fact()}
    made.setup(facts, method, 128, "float32")
    call = made.call
    made.setup({}, method, 128, "float32")
    assert made.call is call
    assert call().shape == (128, 10)
    assert made.number > 1


@pytest.mark.long
def test_a_wrong_kernel_gets_no_time_but_its_error_is_tracked(suite):
    """From the check itself, on an operation of two kernels."""
    op = einbench.operation("bias_gradient")
    found = classes(suite("operations"))

    @op.kernel("planted")
    def planted(dlogits):
        return np.asarray(dlogits[:-1].sum(axis=0))

    try:
        facts = _examined(suite, ["bias_gradient"])
    finally:
        op.remove("planted")
    cell = ("planted", 128, "float32")
    with pytest.raises(NotImplementedError, match="rejected"):
        found["bias_gradient.time_kernel"]().setup(facts, *cell)
    found["bias_gradient.time_kernel"]().setup(facts, "sum", 128, "float32")
    error = found["bias_gradient.track_error"]()
    _, problem = _setup(error, facts, cell)
    assert problem is None or isinstance(problem, ValueError), "its error is given, or it failed"
    assert problem is not None or error.measure() > 1000


def _setup(made, facts, cell):
    try:
        return made.setup(facts, *cell), None
    except Exception as problem:
        return None, problem


def _examined(suite, names):
    suite_facts, profiles = suite("facts"), suite("profiles")

    def compare(_all, **named):
        return einbench.compare(names, **named | {"budget_s": 0.2, "batches": (1, 128)})

    return suite_facts.examine(profiles.PROFILES["quick"], compare)


def test_a_rejected_kernel_without_a_finite_error_fails(suite):
    facts = {"softmax[loop] at batch 1 in float32": fact(status="rejected", error=math.inf)}
    error = classes(suite("operations"))["softmax.track_error"]()
    with pytest.raises(ValueError, match="rejected"):
        error.setup(facts, "loop", 1, "float32")


def test_the_roofline_gates_nothing_while_a_time_does(suite):
    """asv takes more for worse: a fraction that grew would be a regression to it."""
    statistics = pytest.importorskip("asv_runner.statistics", reason="asv is not installed")
    compare = pytest.importorskip("asv.commands.compare", reason="asv is not installed")
    made = classes(suite("operations"))["softmax.track_roofline"]()

    def found(samples):
        value, stats = statistics.compute_stats(samples, 1)
        return value, (stats, None)

    def roofline(value):
        made.setup({"softmax[loop] at batch 1 in float32": fact(roofline=value)}, *LOOP)
        return found(made.measure()["samples"])

    def better(one, other):
        return compare._is_result_better(one[0], other[0], one[1], other[1], 1.1)

    low, high = roofline(0.01), roofline(0.99)
    assert (low[0], high[0]) == (0.01, 0.99)
    assert not better(low, high)
    assert not better(high, low)
    assert better(found([0.01] * 6), found([0.99] * 6)), "the same numbers as times do gate"


def test_an_operation_that_breaks_the_comparison_costs_the_others_nothing(suite):
    module, profiles = suite("facts"), suite("profiles")

    def compare(names, **_named):
        if "softmax" in names:
            raise RuntimeError("broken reference")
        record = {"operation": names[0], "kernel": "loop", "sizes": {"batch": 1}}
        document = {"records": [record | {"dtype": "float32"} | fact()]}
        return SimpleNamespace(document=lambda: document)

    facts = module.examine(profiles.PROFILES["quick"], compare)
    assert module.admitted(facts, "relu", "relu[loop] at batch 1 in float32")["status"] == "ok"
    with pytest.raises(NotImplementedError, match="broken reference"):
        module.admitted(facts, "softmax", "softmax[loop] at batch 1 in float32")


def test_a_commit_that_cannot_compare_kernels_has_no_times(suite, monkeypatch):
    monkeypatch.setattr(einbench, "compare", None)
    module = suite("facts")
    facts = module.examine(suite("profiles").PROFILES["thorough"])
    assert facts == {}


def test_what_the_cap_of_a_profile_leaves_out_is_skipped(suite, monkeypatch):
    module = suite("facts")
    cell = "relu[loop] at batch 1 in float32"
    facts = {cell: fact(), "until": {"time_s": 100.0}}
    monkeypatch.setattr(module.time, "time", lambda: 99.0)
    assert module.admitted(facts, "relu", cell)
    monkeypatch.setattr(module.time, "time", lambda: 101.0)
    with pytest.raises(NotImplementedError, match="used up"):
        module.admitted(facts, "relu", cell)


@pytest.mark.long
def test_facts_are_plain_data(suite):
    facts = _examined(suite, ["relu"])
    assert json.loads(json.dumps(facts)) == facts


def test_importing_the_suite_outside_the_fork_server_imports_no_numba():
    program = "import history.operations, sys; sys.exit('numba' in sys.modules)"
    environment = {"PYTHONPATH": str(ROOT / "benchmarks")}
    finished = subprocess.run([sys.executable, "-c", program], env=environment, check=False)
    assert finished.returncode == 0
