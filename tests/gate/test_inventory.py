"""What can be compared, and what neither passes nor fails."""

from __future__ import annotations

from dataclasses import replace

import pytest

from einbench.gate.inventory import Inventory, refuse_unknown, sort_out

PROBLEM = {"inputs": {"x": "batch units"}, "sizes": {"units": 3}, "options": {}}


def inventory(reasons, wrong=None, problem=PROBLEM, unchecked=None):
    return Inventory(
        ["op", "not_asked_for"],
        {"op": reasons} if reasons else {},
        {"op": {**dict.fromkeys(reasons, ""), **(wrong or {})}},
        {"op": problem} if reasons else {},
        {},
        unchecked or {},
    )


def sorted_out(base, head):
    cells, others = sort_out(base, head, (1, 128), "float32")
    return cells, {cell.kernel: (status, reason) for cell, status, reason in others}


def test_kernels_of_both_are_compared_at_every_batch():
    both = inventory({"loop": "", "einsum": ""})
    cells, others = sorted_out(both, both)
    assert [(c.kernel, c.batch) for c in cells] == [
        ("loop", 1), ("loop", 128), ("einsum", 1), ("einsum", 128),
    ]  # fmt: skip
    assert not others


def test_an_operation_without_a_batch_is_compared_once():
    alone = inventory({"loop": ""}, problem={**PROBLEM, "inputs": {"x": "units"}})
    cells, _ = sorted_out(alone, alone)
    assert [cell.batch for cell in cells] == [None]


@pytest.mark.parametrize(
    ("base", "head", "status", "said"),
    [
        ({"k": ""}, {"renamed": ""}, "missing", "head has renamed"),
        ({"k": ""}, {}, "missing", "no operation op"),
        ({"k": ""}, {"k": "no tbb"}, "missing", "cannot run in head: no tbb"),
        ({}, {"k": ""}, "new", "not in base"),
        ({"k": "no tbb"}, {"k": ""}, "new", "could not run in base: no tbb"),
        ({"k": "no tbb"}, {"k": "no tbb"}, "unavailable", "no tbb"),
    ],
)
def test_a_kernel_that_one_commit_lacks(base, head, status, said):
    cells, others = sorted_out(inventory(base), inventory(head))
    assert not cells
    found, reason = others["k"]
    assert found == status
    assert said in reason


def test_a_wrong_kernel_of_head_is_wrong_even_where_it_is_new_or_was_wrong_before():
    bad = {"k": "zeros"}
    for base in (inventory({"k": ""}), inventory({"k": ""}, bad), inventory({"loop": ""})):
        cells, others = sorted_out(base, inventory({"k": ""}, bad))
        assert not [cell for cell in cells if cell.kernel == "k"]
        assert others["k"] == ("wrong", "zeros")


def test_a_kernel_that_was_wrong_in_base_alone_is_repaired_and_not_compared():
    _, others = sorted_out(inventory({"k": ""}, {"k": "zeros"}), inventory({"k": ""}))
    assert others["k"][0] == "repaired"


def test_another_size_is_another_problem_and_not_a_slower_kernel():
    larger = inventory({"k": ""}, problem={**PROBLEM, "sizes": {"units": 300}})
    cells, others = sorted_out(inventory({"k": ""}), larger)
    assert not cells
    assert others["k"] == (
        "missing", "another problem: sizes {'units': 3} in base, {'units': 300} in head",
    )  # fmt: skip


@pytest.mark.parametrize("side", ["base", "head"])
def test_a_check_that_does_not_work_makes_no_kernel_wrong_and_none_repaired(side):
    right, broken = inventory({"k": ""}), inventory({"k": ""}, unchecked={"op": "no memory"})
    pair = (broken, right) if side == "base" else (right, broken)
    cells, others = sorted_out(*pair)
    assert not cells
    assert others["k"] == ("failed", f"the check itself failed in {side}: no memory")


def test_an_operation_that_neither_has_is_refused_with_the_nearest_there_is():
    both = inventory({"k": ""})
    refuse_unknown(["op"], {"units": 4}, both, both)
    with pytest.raises(ValueError, match=r"'not_askd_for'.*not_asked_for"):
        refuse_unknown(["not_askd_for"], {}, both, both)
    with pytest.raises(ValueError, match=r"no axis 'unit' in any of these.*units"):
        refuse_unknown([], {"unit": 4}, both, both)


def sides(*unknown):
    """Of an expression and a kernel, base's and head's: what each says, where it makes none."""
    return [
        replace(inventory({} if why else {"einsum": "", "numba": ""}), unknown=why and {"op": why})
        for why in unknown
    ]


@pytest.mark.parametrize(
    ("why", "status", "said"),
    [
        (("knows no expressions", {}), "new", "base knows no expressions: nothing to compare"),
        (({}, "refuses it: no"), "missing", "head refuses it: no: nothing to compare with"),
    ],
)
def test_an_expression_that_one_commit_does_not_know_is_one_line(why, status, said):
    cells, others = sorted_out(*sides(*why))
    assert not cells
    assert list(others) == ["*"]
    assert others["*"][0] == status
    assert said in others["*"][1]


def test_a_wrong_kernel_of_an_expression_that_base_does_not_know_is_wrong():
    base, head = sides("knows no expressions", {})
    _, others = sorted_out(base, replace(head, wrong={"op": {"einsum": "zeros", "numba": ""}}))
    assert {name: status for name, (status, _) in others.items()} == {"*": "new", "einsum": "wrong"}


def test_an_expression_that_neither_knows_is_refused_with_both_reasons():
    base, head = sides("knows no expressions", "refuses it: no")
    with pytest.raises(ValueError, match="op: base knows no expressions, and head refuses it: no"):
        refuse_unknown(["op"], {}, base, head)


@pytest.mark.parametrize("side", [0, 1])
def test_a_kernel_that_could_not_be_checked_is_neither_wrong_nor_repaired(side):
    sides = [inventory({"k": ""}), inventory({"k": ""})]
    why = "could not be checked here: MemoryError: 1 TiB"
    sides[side] = inventory({"k": ""}, wrong={"k": why})
    cells, others = sorted_out(*sides)
    assert not cells
    assert others == {"k": ("failed", f"{('base', 'head')[side]}: {why}")}
