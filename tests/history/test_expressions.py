"""The thirty expressions are in asv's suite, checked and timed as operations are."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import pytest

import einbench
from einbench.records.read import read

from .test_asv import asv  # noqa: F401 - a fixture
from .test_suite import QUANTITIES, classes


def test_all_thirty_are_in_the_suite_and_three_in_the_quick_one(suite):
    found = classes(suite("expressions", "thorough"))
    names = {name.rpartition(".")[0] for name in found}
    assert len(names) == 30
    assert set(found) == {f"{name}.{quantity}" for name in names for quantity in QUANTITIES}
    bmm = found["bmm_3x3.time_kernel"]
    op = einbench.expression("bij,bjk->bik", i=3, j=3, k=3)
    assert bmm.params == [list(op.kernels), [100_000], ["float32", "float64"]]
    assert len({name.rpartition(".")[0] for name in classes(suite("expressions", "quick"))}) == 3


def test_a_kernel_that_passed_is_called_with_drawn_operands(suite):
    found = classes(suite("expressions", "thorough"))["rowdots.time_kernel"]
    batch = found.params[1][0]
    made = found()
    fact = {"status": "ok", "reason": "", "median_s": 1e-5, "error": 1.0, "roofline": 0.5}
    made.setup({f"rowdots[einsum] at batch {batch} in float32": fact}, "einsum", batch, "float32")
    assert made.call().shape == (batch,)
    with pytest.raises(NotImplementedError, match="no such kernel"):
        found().setup({}, "einsum", batch, "float32")


@pytest.mark.long
def test_one_that_cannot_be_compared_costs_the_others_nothing(suite):
    expressions = suite("expressions")
    facts = sys.modules["history.facts"]

    def broken():
        raise ValueError("no expression")

    profile = replace(expressions._PROFILE, budget_s=0.1, cap_minutes=None)
    made = lambda: einbench.expression("ij->i", j=3)  # noqa: E731
    found = facts.examine_each(profile, {"a": (broken, 1), "sums": (made, 5)})
    assert "no expression" in found["a"]["reason"]
    assert found["sums[einsum] at batch 5 in float32"]["status"] == "ok"


STUB = """
from types import SimpleNamespace
import einbench


def compare(ops, batches, dtypes, budget_s):
    fact = {"status": "ok", "reason": "", "error": 1.0, "median_s": 1e-5, "roofline": 0.5}
    records = [
        fact | {"operation": op.name, "kernel": kernel.method, "leading": op.leading, "dtype": d,
                "sizes": {op.leading: b}}
        for op in ops for kernel in op for b in batches for d in dtypes
    ]
    return SimpleNamespace(document=lambda: {"records": records})


einbench.compare = compare
"""


@pytest.mark.long
def test_asv_runs_one_and_its_results_are_read_back(asv, tmp_path):  # noqa: F811
    """Against a stub of ``einbench.compare``: the real one compiles for minutes at first."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(STUB, encoding="utf-8")
    path = f"{site}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    finished = asv(
        "run", "--environment", "existing:same", "--set-commit-hash", "HEAD", "--show-stderr",
        "--bench", r"^chain\.(time|track_error).*\(.einsum_path.,",
        ASV_PYTHONPATH=path, PYTHONPATH=path,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout + finished.stderr
    (file,) = [f for f in (tmp_path / "results").rglob("*.json") if "existing" in f.name]
    rows = {row["kernel"]: row for row in read([file]).rows}
    row = rows["einsum_path"]
    assert (row["operation"], row["batch"], row["harness"]) == ("ij,jk,kl,lm->im", 40, "asv")
    assert dict(row["sizes"]) == dict.fromkeys("jklm", 40)
    assert row["median_s"] > 0
    assert row["error"] == 1.0
