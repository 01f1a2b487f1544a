"""An operation made from its expression is checked, compared and chosen for as any other."""

from __future__ import annotations

import numpy as np
import pytest

import einbench


@pytest.mark.long
@pytest.mark.parametrize(
    ("text", "sizes", "kernels"),
    [
        ("bij,bjk->bik", {"i": 3, "j": 2, "k": 3}, {"matmul", "einsum_path"}),
        ("ij,jk->ik", {"i": 5, "j": 4, "k": 3}, {"matmul", "tensordot"}),
        ("ij,jk,kl->il", {"j": 3, "k": 4, "l": 2}, {"path", "einsum_path"}),
        ("bii->b", {"i": 4}, set()),
        ("ij,k", {"j": 3, "k": 2}, {"matmul", "tensordot"}),
    ],
)
def test_every_kernel_of_an_expression_passes(text, sizes, kernels):
    op = einbench.expression(text, **sizes)
    assert kernels <= set(op.kernels)
    assert {"loop", "einsum", "broadcast", "numba", "numba_parallel"} <= set(op.kernels)
    assert [str(v) for v in einbench.check(op, batch=5) if not v.passed] == []


def test_float64_passes_too():
    op = einbench.expression("ij,kj->ik", j=6, k=3)
    assert all(v.passed for v in einbench.check(op, batch=5, dtype="float64"))


def test_the_first_axis_without_a_size_is_that_of_rows():
    op = einbench.expression("ij,jk->ik", i=5, k=3)
    assert (op.leading, dict(op.sizes)) == ("j", {"i": 5, "k": 3})
    assert einbench.expression("ij,jk->ik", i=5, j=2, k=3).leading is None
    assert dict(einbench.expression("ij,jk->ik").sizes) == {"j": 16, "k": 16}


def test_interpreted_loops_of_millions_in_a_row_are_left_out():
    assert "loop" in einbench.expression("ij,jk->ik", j=500, k=500)
    assert "loop" not in einbench.expression("ij,jk,kl,lm->im", j=40, k=40, l=40, m=40)


def test_named_axes_are_the_axes_of_the_operation():
    op = einbench.expression(
        "batch features, units features -> batch units", axes="named", features=4, units=3
    )
    assert op.axes == ("batch", "features", "units")
    assert op.leading == "batch"
    x, w = np.ones((2, 4), "f4"), np.ones((3, 4), "f4")
    np.testing.assert_array_equal(op["matmul"](x, w), np.full((2, 3), 4))


def test_facts_follow_from_the_expression():
    op = einbench.expression("ij,jk->ik", i=5, j=4, k=3)
    sizes = {"i": 5, "j": 4, "k": 3}
    assert op.flops(sizes) == 2 * 5 * 4 * 3
    assert op.terms(sizes) == 4
    assert op.independent == ("i", "k")
    # a chain is as long as its best order, not as its nested loops
    chain = einbench.expression("ij,jk,kl->il", i=10, j=10, k=10, l=10)
    assert chain.flops({"i": 10, "j": 10, "k": 10, "l": 10}) == 4 * 10**3
    assert einbench.expression("i,j->ij", i=4, j=5).flops({"i": 4, "j": 5}) == 20


def test_a_wrong_kernel_is_rejected():
    op = einbench.expression("ij,jk->ik", j=4, k=3)

    @op.kernel("forgetful")
    def forgetful(x0, x1):
        return x0[:, 1:] @ x1[1:]

    verdicts = {v.method: v for v in einbench.check(op, batch=5)}
    assert verdicts["forgetful"].status == "rejected"
    assert verdicts["matmul"].passed


@pytest.mark.long
@pytest.mark.parametrize(
    ("text", "keywords", "said"),
    [
        ("ij,jk->ik", {"q": 3}, "no axis 'q'; its axes: i, j, k"), ("i...->i", {}, "letters"),
        ("ij->k", {}, "position 4"), ("ij", {"axes": "words"}, "expected 'letters', or 'named'"),
    ],
)  # fmt: skip
def test_what_is_no_expression_is_refused_in_one_line(text, keywords, said):
    with pytest.raises(ValueError, match=said):
        einbench.expression(text, **keywords)


def test_fastest_takes_an_expression():
    op = einbench.expression("ij,jk->ik", j=8, k=9)
    rng = np.random.default_rng(0)
    a, b = rng.random((4, 8)), rng.random((8, 9))
    chosen = einbench.fastest(op, a, b, budget_s=0.05)
    np.testing.assert_allclose(chosen(a, b), a @ b)


def test_compare_ranks_the_kernels_of_an_expression():
    op = einbench.expression("bi,bi->b", i=4)
    comparison = einbench.compare(op, batches=16, budget_s=0.2)
    timed = {record.kernel for record in comparison.records if record.median_s is not None}
    assert timed >= {"einsum", "loop", "numba"}


@pytest.mark.parametrize(("operands", "numpy"), [(40, True), (63, True), (64, False)])
def test_numpys_own_loop_is_a_kernel_of_as_many_operands_as_it_takes(operands, numpy):
    op = einbench.expression(",".join(["nab"] * operands) + "->nab", n=5, a=2, b=2)
    assert ({"einsum", "einsum_path"} <= set(op.kernels)) is numpy
    arrays = op.draw(n=5)
    for name in {"einsum", "path", "broadcast"} & set(op.kernels):
        np.testing.assert_allclose(
            op[name](**arrays), np.prod([*arrays.values()], axis=0), rtol=1e-4
        )
