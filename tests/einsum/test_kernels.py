"""What kernels of an expression are made of: loops, products that copy little, orders of pairs."""

from __future__ import annotations

import ast

import numpy as np
import pytest

from einbench.einsum import compiling, pairs, products
from einbench.einsum.kernels import KERNELS
from einbench.einsum.language import parse
from einbench.einsum.shapes import bind
from einbench.einsum.task import Refusal, Task, in_order


def task(text, dtype="f4", **sizes):
    shapes = [tuple(sizes[i] for i in part) for part in text.split("->")[0].split(",")]
    contraction = bind(parse(text), shapes)
    item = np.dtype(dtype).itemsize
    strides = tuple(in_order(shape, item) for shape in shapes)
    return Task(contraction, np.dtype(dtype), strides, in_order(contraction.out_shape, item))


def test_letters_do_not_matter():
    sizes = {"i": 50, "j": 60, "k": 70}
    others = {"Q": 50, "a": 60, "Z": 70}
    assert task("ij,jk->ik", **sizes) == task("Qa,aZ->QZ", **others)


@pytest.mark.parametrize(
    "each",
    [
        task("ij,kj->ik", i=50, j=60, k=70),
        task("bqhd,bkhd->bhqk", b=4, q=32, k=32, h=8, d=16),
        task("abef,ijef->ijab", a=12, b=12, e=12, f=12, i=5, j=5),
        task("knlc,klma->knmac", k=50, n=10, l=10, c=10, m=10, a=10),
        task("pqrs,pi->iqrs", p=20, q=20, r=20, s=20, i=10),
    ],
)
def test_a_product_copies_nothing_where_the_strides_allow_it(each):
    plan = products.product(each)
    assert not any(each.copied for each in (plan.left, plan.right, plan.out))


def test_an_index_summed_in_one_operand_is_no_product():
    with pytest.raises(Refusal, match="in one operand alone"):
        products.product(task("ij,k->k", i=3, j=4, k=5))


def test_the_order_of_a_chain_is_the_one_of_least_work():
    steps = pairs.steps_of(task("ij,jk,kl->il", i=300, j=300, k=300, l=2))
    assert (steps[0].first, steps[0].second) == (1, 2)


@pytest.mark.parametrize("parallel", [False, True])
def test_loops_hold_generated_names_only(parallel):
    names = set()
    for each in (
        task("ij,jk->ik", i=50, j=60, k=70), task("bij,bjk->bik", b=999, i=3, j=3, k=3),
        task("ij->", i=99, j=99), task("ij->j", i=300, j=99), task("i,i->i", "i1", i=9999),
    ):  # fmt: skip
        source = compiling.source_of(each, parallel=parallel)
        names |= {n.id for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name)}
    known = {"T", "zero", "np", "prange", "range", "out", "parts", "pieces", "p", "s", "max", "min"}
    assert {
        n for n in names - known if n[0] not in "aintsu" or not n[1:].replace("_", "").isdecimal()
    } == set()


def test_small_axes_are_unrolled_where_there_are_many_products():
    assert (
        compiling.source_of(task("bij,bjk->bik", b=9999, i=3, j=3, k=3), parallel=False).count(
            "for"
        )
        == 1
    )
    assert (
        compiling.source_of(task("bij,bjk->bik", b=9, i=3, j=3, k=3), parallel=False).count("for")
        > 1
    )


def test_axes_behind_each_other_are_one_loop():
    source = compiling.source_of(task("bchw,c->bchw", b=8, c=6, h=20, w=20), parallel=False)
    assert source.count("for") == 3


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_fills_memory_of_any_strides(name):
    rng = np.random.default_rng(0)
    sizes = {"i": 7, "j": 5, "k": 6}
    text = "ij,jk,k->ik" if name.startswith("path") else "ij,jk->ik"
    operands = [
        rng.random([sizes[i] for i in part]) for part in text.split("->", maxsplit=1)[0].split(",")
    ]
    for out in (
        np.full((6, 7), np.nan).T,
        np.full((14, 6), np.nan)[::2],
        np.full((7, 6), np.nan)[::-1],
    ):
        each = Task(
            bind(parse(text), [a.shape for a in operands]), np.dtype("f8"),
            tuple(a.strides for a in operands), out.strides,
        )  # fmt: skip
        KERNELS[name](each)(operands, out)
        np.testing.assert_allclose(out, np.einsum(text, *operands))


def test_compiled_loops_are_held_up_to_a_number(monkeypatch):
    held = {}
    monkeypatch.setattr(compiling, "_COMPILED", held)
    monkeypatch.setattr(compiling, "_MOST_COMPILED", 2)
    monkeypatch.setattr(compiling, "_compile", lambda source, *_, **how: lambda *arrays: source)
    for text in ("i,i->i", "ij,ij->ij", "ij,jk->ik", "ijk,k->ij", "i,j->ij"):
        compiling.compiled(task(text, i=40, j=50, k=60), parallel=False)
        assert 1 <= len(held) <= 2
