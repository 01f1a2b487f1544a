"""Choices of expressions that were made elsewhere: taken in, and checked before they are used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import einbench
from einbench.choose import contraction, environment, paces
from einbench.choose.wisdom import wisdom
from einbench.cli import main
from einbench.dropin import chosen, measured
from einbench.einsum import kernels, rates
from einbench.einsum.plans import plan

RNG = np.random.default_rng(0)
A, B, C = RNG.random((3, 60, 60))


@pytest.fixture(autouse=True)
def _expected_on_a_common_core():
    rates.use({})
    yield
    rates.use({})


def command(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["wisdom", *arguments])
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


@pytest.fixture
def elsewhere(
    memory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiled_machine: None
):
    """Exports what calls chose with memory of their own, and begins anew without it."""

    def export(*calls, change=lambda documents: None) -> str:
        monkeypatch.setenv("EINBENCH_WISDOM", str(tmp_path / "elsewhere"))
        environment.refresh()
        for text, *operands in calls:
            einbench.einsum(text, *operands)
        path = tmp_path / "w.json"
        command("export", str(path))
        found = json.loads(path.read_text())
        change(found["operations"])
        path.write_text(json.dumps(found))
        monkeypatch.setenv("EINBENCH_WISDOM", str(memory))
        environment.refresh()
        return str(path)

    return export


def name(documents, kernel):
    """Have every choice of these documents name one kernel."""
    for document in documents.values():
        for choice in document["choices"]:
            time = next(iter(choice["times"].values()))
            choice |= {"kernel": kernel, "tie": [kernel], "times": {kernel: time}, "left_out": {}}


def wrong(task):
    right = kernels.KERNELS["einsum"](task)

    def run(arrays, out):
        right(arrays, out)
        out[-1] *= 1.001

    return run


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch):
    """From its call on: kernels that are checked on operands, in turn; and measuring raises."""

    def begin() -> list[str]:
        asked: list[str] = []
        really = measured.error_of

        def error_of(task, name, arrays, out):
            asked.append(name)
            return really(task, name, arrays, out)

        monkeypatch.setattr(measured, "error_of", error_of)
        monkeypatch.setattr(measured, "measured", None)
        return asked

    return begin


@pytest.mark.parametrize(
    ("text", "operands", "expected"),
    [
        ("ij,jk->ik", (A, B), A @ B),
        ("ij,jk->ik", (A.T, B[::2]), A.T[:, :30] @ B[::2]),
        ("ij,jk->ik", (A + 1j * B, B), (A + 1j * B) @ B),
        ("ij,jk,kl->il", (A, B, C), A @ B @ C),
    ],
    ids=["contiguous", "strided", "complex", "chain"],
)
def test_they_answer_where_all_is_the_same_and_are_checked_once(
    text, operands, expected, elsewhere, watched
):
    if len(operands) == 2:
        operands = (operands[0][:, : len(operands[1])], operands[1])
    path = elsewhere((text, *operands))
    assert "1 choice of 1 operation imported: 1 answer here" in command("import", path)
    asked = watched()
    for _ in range(2):
        np.testing.assert_allclose(einbench.einsum(text, *operands), expected)
        environment.refresh()  # as in another process
    assert len(asked) == 1


def test_what_was_chosen_here_is_not_checked_again(memory, watched):
    einbench.einsum("ij,jk->ik", A, B)
    environment.refresh()
    assert watched() == []
    np.testing.assert_allclose(einbench.einsum("ij,jk->ik", A, B), A @ B)


def test_a_wrong_kernel_is_never_served(elsewhere, monkeypatch):
    path = elsewhere(("ij,jk->ik", A, B), change=lambda found: name(found, "broadcast"))
    command("import", path)
    monkeypatch.setitem(kernels.KERNELS, "broadcast", wrong)
    for _ in range(2):
        np.testing.assert_allclose(einbench.einsum("ij,jk->ik", A, B), A @ B, rtol=1e-12)
    (choice,) = wisdom().book("ab,bc->ac").choices
    assert choice.kernel != "broadcast"


def test_frozen_they_are_checked_in_their_first_call_and_nothing_is_written(elsewhere, watched):
    path = elsewhere(("ij,jk->ik", A, B), change=lambda found: name(found, "broadcast"))
    command("import", path)
    before = wisdom().book("ab,bc->ac")
    asked = watched()
    with einbench.choosing(choice="frozen"):
        first, second = (einbench.einsum("ij,jk->ik", A, B) for _ in range(2))
        assert asked == ["broadcast"]
        np.testing.assert_array_equal(first, (A[:, :, None] * B).sum(1))
    np.testing.assert_array_equal(first, second)
    assert wisdom().book("ab,bc->ac") == before


def test_frozen_a_wrong_kernel_leaves_the_rule_to_serve(elsewhere, monkeypatch, watched):
    with einbench.choosing(choice="off"):
        expected = einbench.einsum("ij,jk->ik", A, B)
    path = elsewhere(("ij,jk->ik", A, B), change=lambda found: name(found, "broadcast"))
    command("import", path)
    monkeypatch.setitem(kernels.KERNELS, "broadcast", wrong)
    asked = watched()
    with einbench.choosing(choice="frozen"):
        for _ in range(3):
            np.testing.assert_array_equal(einbench.einsum("ij,jk->ik", A, B), expected)
    assert asked == ["broadcast"]


def test_a_step_of_a_path_takes_no_kernel_that_was_not_checked(elsewhere):
    path = elsewhere(("ij,jk->ik", A, B))
    command("import", path)
    task = task_of("ij,jk->ik", A, B)
    assert contraction.recalled(task) is not None
    assert contraction.measured(task) is None
    einbench.einsum("ij,jk->ik", A, B)
    assert contraction.measured(task) == contraction.recalled(task).kernel


def task_of(text, *operands):
    found = []
    with einbench.choosing(choice="on"):
        chosen_for = chosen.Pick()
        plan(text, operands, None, "K", "safe", lambda task: found.append(task) or chosen_for(task))
    return found[0]


def test_paces_of_this_machine_stay_as_they_are(elsewhere):
    path = elsewhere(("ij,jk,kl->il", A, B, C))
    document = json.loads(Path(path).read_text())
    assert document["paces"]["paces"].keys() == {"float64"}
    document["paces"]["paces"]["float64"]["large"] = 7.5
    Path(path).write_text(json.dumps(document))
    einbench.einsum("ij,jk,kl->il", A[:, :50], B[:50], C)
    before = paces.exported(wisdom())
    said = command("import", path)
    assert "1 choice of 1 operation imported: 0 answers here, 1 hint (" in said
    assert paces.exported(wisdom()) == before


@pytest.mark.parametrize("spoilt", [7, {}, {"float64": {"large": 1e9}}, {"float64": {"x": 1.0}}])
def test_paces_of_another_form_are_left(spoilt, elsewhere):
    path = elsewhere(("ij,jk,kl->il", A, B, C))
    document = json.loads(Path(path).read_text())
    document["paces"]["paces"] = spoilt
    Path(path).write_text(json.dumps(document))
    assert "0 answers here, 1 hint" in command("import", path)
    assert paces.exported(wisdom()) is None


def test_choices_of_fastest_are_checked_as_those_of_operations(memory, elsewhere, monkeypatch):
    op = einbench.expression("ij,jk->ik", j=60, k=60)

    def fastest():
        return einbench.fastest(op, A, B, budget_s=1e-3)

    monkeypatch.setattr(einbench, "einsum", lambda text, *operands: fastest())
    path = elsewhere(("", A, B))
    assert "1 choice of 1 operation imported: 1 answer here" in command("import", path)
    assert wisdom().book("ab,bc->ac").checks == ()
    choice = fastest()
    assert choice.origin == "remembered"
    (checked,) = wisdom().book("ab,bc->ac").checks
    assert checked.errors.keys() == {choice.kernel.method}


def test_what_is_no_choice_of_an_expression_is_left_out_and_said(elsewhere):
    def change(documents):
        (found,) = documents.values()
        (choice,) = found["choices"]
        found["choices"] = [
            {**choice, "sizes": {"a": 60, "b": 60}},
            {**choice, "options": {"x0 strides": "8 480"}},
            {**choice, "layout": "C"},
            {**choice, "kernel": "numpy", "tie": ["numpy"], "times": {"numpy": [1, 1, 1, 1, 0]}},
        ]
        for other in (
            "xy,yz->xz",
            "ab->",
            "a,b,",
            "ab,bc->__import__('os')",
            "->" * 4000,
            "a," * 3000,
        ):
            documents[other] = {**found, "operation": other}

    said = command("import", elsewhere(("ij,jk->ik", A, B), change=change))
    assert "no choice was imported" in said
    assert "left out: 3 of another form of ab,bc->ac" in said
    assert "left out: 1 of kernel ab,bc->ac[numpy], which is not registered here" in said
    assert "of expression xy,yz->xz, which is not registered here" in said
    assert wisdom().operations() == []


def test_an_expression_of_more_operands_than_numpy_takes_is_not_looked_into(elsewhere, monkeypatch):
    def change(documents):
        (found,) = documents.values()
        name = ",".join(["a"] * 3000) + "->"
        documents[name] = {**found, "operation": name}

    path = elsewhere(("ij,jk->ik", A, B), change=change)
    really = contraction.named

    def made(name):
        assert len(name) < 100
        return really(name)

    monkeypatch.setattr(contraction, "named", made)
    assert "left out: 1 of expression a,a,a" in command("import", path)
