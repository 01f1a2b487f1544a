"""Small axes for each entry of long ones: two operands at a time, kept in registers."""

from __future__ import annotations

import numpy as np
import pytest

from einbench.einsum import compiling, factored
from einbench.einsum.kernels import KERNELS
from einbench.einsum.language import parse
from einbench.einsum.nest import nest
from einbench.einsum.shapes import bind
from einbench.einsum.task import Array, Task

SIZES = {"d": 4, "f": 4, "n": 700, "m": 9, "i": 3, "j": 3, "k": 3, "l": 3, "a": 4, "b": 4, "c": 2}


def drawn(text: str, dtype: str) -> list[Array]:
    rng = np.random.default_rng(0)
    shapes = [[SIZES[i] for i in part] for part in text.split("->", maxsplit=1)[0].split(",")]
    if dtype == "?":
        return [rng.random(shape) < 0.2 for shape in shapes]
    if np.dtype(dtype).kind in "iu":
        return [rng.integers(0, 99, shape).astype(dtype) for shape in shapes]
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    return [a + 1j * a[::-1] if dtype in "FD" else a for a in arrays]


def task_of(text: str, arrays: list[Array], out: Array) -> Task:
    contraction = bind(parse(text), [a.shape for a in arrays])
    return Task(contraction, out.dtype, tuple(a.strides for a in arrays), out.strides)


def filled(text: str, arrays: list[Array], kernel: str) -> tuple[Array, Array]:
    expected = np.einsum(text, *arrays)
    out = np.empty_like(expected)
    KERNELS[kernel](task_of(text, arrays, out))(arrays, out)
    return out, expected


def products(text: str, dtype: str = "d") -> int:
    """Of two numbers, for one entry of the long axes; 0 where nothing is taken apart."""
    arrays = drawn(text, dtype)
    laid = nest(task_of(text, arrays, np.einsum(text, *arrays)), unroll_from=0)
    return factored.products(laid.steps, laid.sizes)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("nij,njk,nlk->nil", 54),
        ("ijn,jkn,lkn->iln", 54),
        ("nij,njk,nkl,nl->ni", 27),  # from the right, each a matrix by a vector
        ("ijk,nj,nk->ni", 36),
        ("na,ab,nb->n", 20),
        ("mni,ij,mnj->mn", 12),
        ("ijn,jkn->ikn", 27),
        ("ni,ni->n", 3),
    ],
)
def test_the_steps_are_those_of_fewest_products(text, count):
    assert products(text) == count
    arrays = drawn(text, "d")
    each = task_of(text, arrays, np.einsum(text, *arrays))
    source = compiling.source_of(each, parallel=False, unroll_from=0)
    assert source.count("for ") == len(set(text.split("->")[1]) & {"n", "m"}) - ("mn" in text)


@pytest.mark.parametrize(
    "text",
    [
        "ni,nm,ij->jm",  # a long axis is summed
        "nm,nm->nm",  # none is small
        "ni,nj->nij", "ni,nj,nk->nijk",  # nothing is summed
        "ijab,nab->nij",  # 144 numbers that all entries share
        "nab,nbij,nija,nab->n",  # too many numbers of each entry
        "ij,jk,kl->il",  # none is long
    ],
)  # fmt: skip
def test_other_loops_stay_as_they_are(text):
    assert products(text) == 0


@pytest.mark.parametrize("dtype", ["f", "d", "F", "D", "b", "B", "q", "?"])
@pytest.mark.parametrize("kernel", ["loop", "numba", "numba_parallel"])
def test_every_dtype_is_computed_as_numpy_does(kernel, dtype):
    out, expected = filled("nij,njk,nlk->nil", drawn("nij,njk,nlk->nil", dtype), kernel)
    if dtype in "fdFD":
        np.testing.assert_allclose(out, expected, rtol=1e-4 if dtype in "fF" else 1e-12, atol=1e-5)
    else:
        np.testing.assert_array_equal(out, expected)
        assert len(np.unique(out)) > 1


@pytest.mark.parametrize("text", ["ijn,jkn,lkn->iln", "nij,njk,nkl,nl->ni", "mni,ij,mnj->mn",
                                  "ijk,nj,nk->ni", "ijn,jkn->ikn", "nac,ncb,nb->na"])  # fmt: skip
@pytest.mark.parametrize("way", ["whole", "strided", "reversed", "turned"])
def test_arrays_may_lie_in_memory_in_any_way(text, way):
    arrays = drawn(text, "d")
    if way == "strided":
        arrays = [np.repeat(a, 2, axis=-1)[..., ::2] for a in arrays]
    elif way == "reversed":
        arrays = [a[::-1] for a in arrays]
    elif way == "turned":
        arrays = [np.asfortranarray(a) for a in arrays]
    assert products(text) > 0
    for kernel in ("loop", "numba_parallel"):
        out, expected = filled(text, arrays, kernel)
        np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-12)
