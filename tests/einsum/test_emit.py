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
    shapes = [tuple(SIZES[i] for i in part) for part in text.split("->")[0].split(",")]
    source = emit(text, shapes, "float64", method)
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
    operands = [rng.random(shape) for shape in shapes]
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
