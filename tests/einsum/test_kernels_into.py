"""Kernels of an expression called with memory for the result."""

import tracemalloc

import numpy as np
import pytest

import einbench

SIZES = {"i": 20_000, "j": 40, "k": 50}


@pytest.fixture(params=["einsum", "matmul", "blocked", "numba", "numba_parallel"])
def kernel(request):
    """Of a product, such as most are."""
    return einbench.expression("ij,jk->ik", **SIZES)[request.param]


def drawn(turned=False):
    rng = np.random.default_rng(0)
    a, b = rng.random((20_000, 40), np.float32), rng.random((40, 50), np.float32)
    return (np.asfortranarray(a), np.asfortranarray(b)) if turned else (a, b)


@pytest.mark.parametrize("turned", [False, True])
def test_the_memory_is_filled_and_nothing_as_large_is_made(kernel, turned):
    a, b = drawn(turned)
    out = np.full((20_000, 50), np.nan, np.float32)
    assert kernel(a, b, out=out) is out
    np.testing.assert_array_equal(out, kernel(a, b))
    out.fill(np.nan)
    tracemalloc.start()
    kernel(a, b, out=out)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    copied = a.nbytes + b.nbytes if turned else 0  # loops may copy what they read across
    assert peak < out.nbytes // 2 + copied
    np.testing.assert_allclose(out, a @ b, rtol=1e-5)


@pytest.mark.parametrize("name", ["einsum", "blocked", "numba"])
def test_a_result_without_axes_is_written_too(name):
    a = np.arange(5000.0)
    out = np.full((), np.nan)
    assert einbench.expression("i,i->", i=5000)[name](a, a, out=out) is out
    assert out[()] == a @ a
