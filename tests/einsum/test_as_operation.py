"""Whatever takes an operation takes an expression: by name, in JSON, in other processes."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

import einbench
from einbench.cli import main
from einbench.gate.inventory import take_inventories
from einbench.gate.launch import Launch
from einbench.records.read import read

A, B = np.ones((4, 3), np.float32), np.ones((3, 2), np.float32)


@pytest.fixture
def op():
    return einbench.expression("ij,jk->ik", j=3, k=2)


@pytest.mark.parametrize(
    "wrong",
    [lambda a, b: np.nan_to_num(a) @ b, lambda a, b: a @ np.clip(b, -1e30, 1e30)],
    ids=["NaN as zero", "clipped"],
)
def test_kernels_are_asked_for_nan_and_infinity(op, wrong):
    op.kernel("wrong")(wrong)
    found = {v.method: v for v in einbench.check(op)}
    assert not found["wrong"].passed
    assert "does not come out where the mathematics puts it" in found["wrong"].reason
    assert all(verdict.passed for method, verdict in found.items() if method != "wrong")


def pickled(value):
    return pickle.loads(pickle.dumps(value))  # noqa: S301


def test_an_expression_is_the_name_of_an_operation():
    found = einbench.operation("ij,jk->ik")
    assert einbench.operation("ij, jk -> ik") is found
    assert dict(found.sizes) == {"j": 16, "k": 16}
    assert "ij,jk->ik" not in einbench.operations
    with pytest.raises(ValueError, match="position 8: output index 'q' is in no operand"):
        einbench.check("ij,jk->iq")


def test_a_kernel_of_ones_own_is_found_by_the_name_too():
    text = "ij,jk,ik->"
    try:
        einbench.operation(text).kernel("own")(lambda a, b, c: np.asarray(((a @ b) * c).sum()))
        (own,) = [v for v in einbench.check(text, batch=3) if v.method == "own"]
        assert own.passed
    finally:
        einbench.operation(text).remove("own")


@pytest.mark.long
def test_copies_and_pickles_are_the_same_objects(op):
    choice = einbench.fastest(op, A, B, budget_s=0.02)
    for value in (op, op["matmul"]):
        assert pickled(value) is copy.copy(value) is copy.deepcopy(value) is value
    problem = einbench.Problem.at(op, 3)
    assert pickled(problem) == problem
    assert pickled(choice) == choice
    assert pickled(choice)(A, B).tolist() == (A @ B).tolist()


def test_a_pickle_of_a_kernel_of_ones_own_says_what_to_do(op):
    op.kernel("own")(lambda a, b: a @ b)
    assert pickled(op["own"]) is op["own"]  # in this process it is there
    named = pickle.dumps(op["own"])
    done = subprocess.run(
        [sys.executable, "-c", f"import pickle, einbench; pickle.loads({named!r})"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "has no kernel 'own' in this process" in done.stderr
    assert "register it in a module that both processes import" in done.stderr


def _same(one):
    return one


@pytest.mark.long
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_they_go_into_other_processes_and_come_back(op, method):
    named = einbench.expression("rows n, n -> rows", axes="named", n=3)
    given = [op, op["einsum"], *einbench.check(named, rows=2), named]
    choice = einbench.fastest(op, A, B, budget_s=0.02)
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.apply(_same, (given,)) == given
        for call in (op["einsum"], choice):
            assert pool.apply(call, (A, B)).tolist() == (A @ B).tolist()


def test_they_are_isolated_without_cloudpickle(op, monkeypatch):
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    assert {v.status for v in einbench.check(op, batch=3, isolate=True)} == {"passed"}


@pytest.mark.long
def test_a_comparison_is_written_and_read_back(op, tmp_path):
    comparison = einbench.compare(op, batches=(1, 16), budget_s=0.2)
    path = comparison.to_json(tmp_path / "expression.json")
    rows = [row for row in read([path]).rows if row["kernel"] == "matmul"]
    assert [(row["operation"], row["batch"]) for row in rows] == [
        ("ij,jk->ik", 1),
        ("ij,jk->ik", 16),
    ]
    table = CliRunner().invoke(main, ["export", str(path), "--format", "csv"])
    assert table.exit_code == 0
    assert '"ij,jk->ik"' in table.output
    assert "ij,jk->ik" in str(comparison)
    assert "<table" in comparison._repr_html_()
    saved = CliRunner().invoke(main, ["fastest", "ij,jk->ik", "--from", str(path)])
    assert saved.exit_code == 0, saved.output
    assert "ij,jk->ik" in saved.output


@pytest.mark.parametrize(
    "command", [["check", "bi,bi->b"], ["compare", "bi,bi->b", "--batch", "8", "--budget", "0.1"],
                ["fastest", "bi,bi->b", "--batch", "8", "--budget", "0.05"]],
    ids=lambda command: command[0],
)  # fmt: skip
def test_commands_take_one_by_its_text(command, tmp_path, monkeypatch):
    monkeypatch.setenv("EINBENCH_WISDOM", str(tmp_path))
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    assert "bi,bi->b" in done.output


REMEMBERED = """
import numpy as np, einbench
op = einbench.expression("ij,jk->ik", j=3, k=2)
print(einbench.fastest(op, np.ones((4, 3), "f4"), np.ones((3, 2), "f4"), budget_s=0.05).origin)
"""


@pytest.mark.long
def test_a_choice_is_remembered_by_the_next_process(tmp_path, monkeypatch):
    monkeypatch.setenv("EINBENCH_WISDOM", str(tmp_path))
    origins = [
        subprocess.run(
            [sys.executable, "-c", REMEMBERED], capture_output=True, text=True, check=True
        )
        for _ in range(2)
    ]
    assert [done.stdout.strip() for done in origins] == ["measured", "remembered"]
    shown = CliRunner().invoke(main, ["wisdom", "show"])
    assert "ab,bc->ac" in shown.output


class Here:
    """A launch in this process, as the gate asks it."""

    def __init__(self):
        self._launch = Launch(einbench, {})

    def ask(self, do, **fields):
        return getattr(self._launch, do)(**fields)

    def send(self, do, **fields):
        self._reply = self.ask(do, **fields)

    def answer(self, timeout_s):
        return self._reply


@pytest.fixture
def same_cores():
    """A launch keeps its process, this one, on a part of the cores."""
    cores = os.sched_getaffinity(0)
    yield
    os.sched_setaffinity(0, cores)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no core can be asked for here")
@pytest.mark.usefixtures("same_cores")
def test_the_gate_checks_and_times_it_in_both_commits():
    both = [Here(), Here()]
    found = take_inventories(both, ["bi,bi->b"], 4, "float32", lambda part, label: None)
    for inventory in found:
        assert set(inventory["wrong"]["bi,bi->b"]) == set(einbench.operation("bi,bi->b").kernels)
        assert set(inventory["wrong"]["bi,bi->b"].values()) == {""}
        assert inventory["problems"]["bi,bi->b"]["leading"] == "b"
    assert both[0].ask("ready", operation="bi,bi->b", kernel="einsum", batch=4, dtype="float32")
    assert both[0].ask("same") == {"same": True}


@pytest.mark.parametrize(
    ("text", "keywords", "said"),
    [
        (5, {}, "an expression is a string, 'ij,jk->ik' say; got int"),
        ("rows axes -> rows", {"axes": "named"}, "an axis cannot be called 'axes'"),
        ("rows seed -> rows", {"axes": "named"}, "an axis cannot be called 'seed'"),
        ("ij->i", {"j": 0}, "j=0; expected a whole number from 1"),
        ("ij->i", {"j": 2.5}, "j=2.5; expected a whole number from 1"),
        ("i...,j->i", {}, "'...' stands for axes without names; give them letters"),
    ],
)
def test_wrong_use_is_one_line(text, keywords, said):
    with pytest.raises((TypeError, ValueError), match=said) as raised:
        einbench.expression(text, **keywords)
    assert "\n" not in str(raised.value)


def test_operands_that_disagree_are_named_with_their_axis(op):
    with pytest.raises(
        ValueError, match=r"x1 has j 5 where x0 has 3; expected x1 of shape \(j, k\)"
    ):
        einbench.fastest(op, A, np.ones((5, 2), "f4"))
    op.kernel("mine")(lambda a, b: a @ b)
    with pytest.raises(ValueError, match="has a kernel 'matmul' already, einbench's own"):
        op.kernel("matmul")(lambda a, b: a @ b)
    with pytest.raises(ValueError, match=r"two operations are called ij,jk->ik"):
        einbench.compare([op, einbench.expression("ij,jk->ik")], batches=2)


def test_what_is_drawn_for_an_expression_is_no_image():
    op = einbench.expression("ij,jk->ik", i=4, j=4, k=4)
    assert "data" not in einbench.compare(op, budget_s=0.02).settings
    assert einbench.compare("linear", 1, budget_s=0.02).settings["data"] == "MNIST"
