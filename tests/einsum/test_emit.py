"""What `einbench.einsum.emit` writes runs alone and gives the same."""

from __future__ import annotations

import ast

import numpy as np
import pytest

from einbench.einsum.emit import emit

CASES = (
    ("bij,bjk->bik", ("einsum", "matmul", "broadcast", "numba", "numba_parallel", "loop")),
    ("ij,jk->ki", ("einsum_path", "matmul", "tensordot", "numba")),
    ("iij,k->ik", ("matmul", "numba", "broadcast")),
    ("bij,bjk->ikb", ("matmul",)),
    ("bij,jk->kbi", ("matmul", "tensordot")),
    ("bi,ij,bj->b", ("path", "numba", "numba_parallel", "einsum")),
    ("ij,jk->ik", ("blocked",)),
    ("bi,ij,bj->b", ("blocked",)),
    ("ij->", ("numba", "numba_parallel", "loop")),
    (",i->i", ("numba", "broadcast", "einsum")),
    ("aib,b->ia", ("numba", "matmul", "einsum")),
)
SIZES = {"b": 40, "i": 20, "j": 30, "k": 7, "a": 1}


@pytest.mark.parametrize(
    ("text", "method"), [(text, method) for text, methods in CASES for method in methods]
)
def test_emitted_source_computes_the_expression(text, method):
    parts = text.split("->")[0].split(",")
    source = emit(text, [tuple(SIZES[i] for i in part) for part in parts], "float64", method)
    imported = {
        alias.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert imported <= {"numpy", "numba"}
    assert method in ("path", "blocked") or ("numba" in imported) == method.startswith("numba")
    scope: dict[str, object] = {}
    exec(compile(source, "<emitted>", "exec"), scope)
    rng = np.random.default_rng(0)
    operands = [rng.random([SIZES[i] for i in part]) for part in parts]
    found = scope["contract"](*operands)
    expected = np.einsum(text, *operands)
    assert type(found) is type(expected)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(
        scope["contract"](*[np.array(x, order="F") for x in operands]), expected
    )
    with pytest.raises(ValueError, match="expected operands of shapes"):
        scope["contract"](*[np.ones((2, 2, 2, 2))] * len(operands))
    for least in (0, 1, 2, 33):
        sizes = {i: 1 if n == 1 else least + k for k, (i, n) in enumerate(SIZES.items())}
        operands = [rng.random([sizes[i] for i in part]) for part in parts]
        np.testing.assert_allclose(scope["contract"](*operands), np.einsum(text, *operands))


def test_small_sizes_are_those_that_it_was_written_for():
    scope: dict[str, object] = {}
    source = emit("nij,njk->nik", [(9000, 3, 3)] * 2, "float64", "numba")
    exec(compile(source, "<emitted>", "exec"), scope)
    assert (
        scope["contract"](np.ones((5, 3, 3)), np.ones((5, 3, 3))).tolist() == [[[3.0] * 3] * 3] * 5
    )
    for shapes in ([(5, 3, 4), (5, 4, 3)], [(5, 3, 3), (6, 3, 3)]):
        with pytest.raises(ValueError, match=r"expected operands of shapes \(n_n, 3, 3\), \(n_n,"):
            scope["contract"](*map(np.ones, shapes))


@pytest.mark.parametrize("dtype", ["f8", "c8", "i8", "O"])
def test_emitted_source_takes_no_operands_that_it_would_have_to_narrow(dtype):
    scope: dict[str, object] = {}
    exec(compile(emit("ij,j->i", [(3, 4), (4,)], "float32", "einsum"), "<emitted>", "exec"), scope)
    exact, other = np.ones((3, 4), "f4"), np.ones(4, "i2")
    assert scope["contract"](exact, other).dtype == np.float32
    with pytest.raises(TypeError, match="expected operands of float32; convert others"):
        scope["contract"](exact, other.astype(dtype))


@pytest.mark.parametrize("parallel", ["numba", "numba_parallel"])
def test_emitted_source_takes_small_axes_two_operands_at_a_time(parallel):
    shapes = [(3000, 3, 3)] * 3
    scope: dict[str, object] = {}
    source = emit("nij,njk,nlk->nil", shapes, "float64", parallel)
    exec(compile(source, "<emitted>", "exec"), scope)
    operands = [np.random.default_rng(n).random(shape) for n, shape in enumerate(shapes)]
    found = scope["contract"](*operands)
    np.testing.assert_allclose(found, np.einsum("nij,njk,nlk->nil", *operands))
    assert "u0_0_0 = " in source


@pytest.mark.parametrize("method", ["einsum", "tensordot", "numba", "path"])
@pytest.mark.parametrize(
    ("text", "shapes"),
    [("ij,jk->ik", [(0, 1), (3, 16)]), ("dec->cd", [(0, 1, 4)]), ("i,i->", [(0,), (0,)])],
)
def test_emitted_source_of_no_products_gives_zeros(text, shapes, method):
    scope: dict[str, object] = {}
    exec(compile(emit(text, shapes, "float32", method), "<emitted>", "exec"), scope)
    operands = [np.ones(shape, np.float32) for shape in shapes]
    found = scope["contract"](*operands)
    np.testing.assert_array_equal(found, np.einsum(text, *operands), strict=True)


def test_a_kernel_that_does_not_compute_it_is_refused():
    with pytest.raises(ValueError, match="tensordot cannot"):
        emit("b,b->b", [(16,), (16,)], "float32", "tensordot")
