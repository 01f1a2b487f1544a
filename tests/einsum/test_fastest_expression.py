"""`check`, `compare` and `fastest` on expressions, remembered by their canonical form."""

from __future__ import annotations

import numpy as np
import pytest

import einbench
from einbench.choose import tune
from einbench.choose.canonical import canonical
from einbench.choose.environment import threads
from einbench.choose.wisdom import wisdom

RNG = np.random.default_rng(0)
A, B = RNG.random((20, 30), np.float32), RNG.random((30, 40), np.float32)
BRIEF = {"budget_s": 1e-3}


def test_fastest_gives_what_can_be_called(memory):
    op = einbench.expression("ij,jk->ik", j=30, k=40)
    choice = einbench.fastest(op, A, B, **BRIEF)
    assert choice.origin == "measured"
    assert choice.kernel is op[choice.kernel.method]
    np.testing.assert_allclose(choice(A, B), A @ B, rtol=1e-5)
    out = np.empty((20, 40), np.float32)
    assert choice(A, B, out=out) is out
    np.testing.assert_allclose(out, A @ B, rtol=1e-5)


def test_equal_expressions_share_what_is_remembered_in_their_own_letters(memory):
    first = einbench.fastest(einbench.expression("ij,jk->ik", j=30, k=40), A, B, **BRIEF)
    assert wisdom().operations() == ["ab,bc->ac"]
    other = einbench.expression("xy,yz->xz", y=30, z=40)
    choice = einbench.fastest(other, A, B, **BRIEF)
    named = einbench.expression("n f, f u -> n u", axes="named", f=30, u=40)
    again = einbench.fastest(named, A, B, **BRIEF)
    assert (choice.origin, again.origin) == ("remembered", "remembered")
    assert choice.kernel is other[first.kernel.method]
    assert again.kernel is named[first.kernel.method]
    assert repr(choice).startswith("<Choice xy,yz->xz at x 20, y 30, z 40, float32: ")
    assert dict(choice.decision.signature.sizes) == {"x": 20, "y": 30, "z": 40}
    for found, op in ((first, "ij,jk->ik"), (choice, "xy,yz->xz"), (again, "n.f,f.u->n.u")):
        assert {record.operation for record in found.records} == {op}
        assert "ab,bc->ac" not in str(found)
    np.testing.assert_allclose(again(A, B), A @ B, rtol=1e-5)


def test_what_is_remembered_of_equal_expressions_is_not_tuned_again(memory):
    (ours,) = tune.plan(["ij,jk->ik"], [20], sizes={"j": 30, "k": 40})
    (first,) = tune.tune([ours])
    assert first.origin == "measured"
    (theirs,) = tune.plan(["xy,yz->xz"], [20], sizes={"y": 30, "z": 40})
    now = threads()
    for asked in (ours, theirs):
        found = tune.exactly(asked, "measure", now)
        assert found is not None
        assert found.kernel is asked.operation[first.decision.kernel.method]
        assert dict(found.signature.sizes) == dict(asked.sizes)
    (again,) = tune.tune([theirs])
    assert again.origin == "remembered"
    (longer,) = tune.plan(["xy,yz->xz"], [20], sizes={"y": 30, "z": 41})
    assert tune.exactly(longer, "measure", now) is None


@pytest.mark.long
def test_where_nothing_is_compiled_compiled_kernels_are_unavailable(memory, monkeypatch):
    op = einbench.expression("ij,jk->ik", i=5, j=6, k=7)
    compiled = {"blocked", "numba", "numba_parallel"}
    assert all(op[name].available for name in compiled)
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    verdicts = {each.kernel.method: each for each in einbench.check(op)}
    assert {name for name, v in verdicts.items() if v.status == "unavailable"} == compiled
    assert {name for name, v in verdicts.items() if v.status != "passed"} == compiled
    arrays = op.draw().values()
    for records in (
        einbench.compare(op, budget_s=0.01).records,
        einbench.fastest(op, *arrays).records,
    ):
        reasons = {r.kernel: r.reason for r in records if r.status == "unavailable"}
        assert set(reasons) == compiled
        assert set(reasons.values()) == {
            "numba's compiler is switched off (unset NUMBA_DISABLE_JIT)"
        }


@pytest.mark.long
def test_equal_forms_with_other_axes_of_rows_or_other_kernels_do_not_collide(memory):
    rows_first = einbench.expression("ij,jk->ik", j=30, k=40)
    assert einbench.fastest(rows_first, A, B, **BRIEF).origin == "measured"
    rows_last = einbench.expression("ij,jk->ik", i=20, j=30)
    assert einbench.fastest(rows_last, A, B, **BRIEF).origin == "measured"

    own = einbench.expression("ij,jk->ik", j=30, k=40)

    @own.kernel("mine")
    def mine(x0, x1):
        return x0 @ x1

    assert canonical(own) is None
    choice = einbench.fastest(own, A, B, **BRIEF)
    assert choice.origin == "measured"
    assert "mine" in {record.kernel for record in choice.records}
    again = einbench.fastest(rows_first, A, B, **BRIEF)
    assert again.origin == "remembered"
    assert "mine" not in {record.kernel for record in again.records}


def test_the_transposed_expression_is_another_form(memory):
    einbench.fastest(einbench.expression("ij,jk->ik", j=30, k=40), A, B, **BRIEF)
    other = einbench.expression("ij,jk->ki", j=30, k=40)
    choice = einbench.fastest(other, A, B, **BRIEF)
    assert choice.origin == "measured"
    np.testing.assert_allclose(choice(A, B), (A @ B).T, rtol=1e-5)


def test_the_drop_in_and_fastest_keep_their_choices_apart(memory):
    op = einbench.expression("ij,jk->ik", j=30, k=40)
    einbench.einsum("ij,jk->ik", A, B)
    assert einbench.fastest(op, A, B, **BRIEF).origin == "measured"
    assert einbench.fastest(op, A, B, **BRIEF).origin == "remembered"
    assert len(wisdom().book("ab,bc->ac").choices) == 2


def test_compare_and_check_take_an_expression(memory):
    op = einbench.expression("bi,bi->b", i=7)
    assert all(verdict.passed for verdict in einbench.check(op))
    found = einbench.compare(op, batches=(1, 5), budget_s=0.05)
    assert {record.sizes["b"] for record in found.records} == {1, 5}
    assert {record.operation for record in found.records} == {"bi,bi->b"}


@pytest.mark.parametrize("wrong", [(A,), (A, B, B), (A, B.T), ("a", B)])
def test_wrong_arrays_are_refused_by_name(memory, wrong):
    op = einbench.expression("ij,jk->ik", j=30, k=40)
    with pytest.raises((TypeError, ValueError), match="ij,jk->ik"):
        einbench.fastest(op, *wrong)
