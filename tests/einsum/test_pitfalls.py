"""`einbench.einsum` is right where einsum libraries return something else than they say."""

from __future__ import annotations

import numpy as np
import pytest

import einbench
from einbench.einsum.estimates import costs
from einbench.einsum.shapes import Contraction
from einbench.einsum.task import Task, in_order


@pytest.mark.parametrize(
    ("text", "operands", "expected"),
    [
        # an index of one operand alone is not summed in the dtype of that operand
        ("i,j->j", [np.full(100, 100, "i1"), np.ones(1)], 10_000),
        ("ij,j->j", [np.ones((3, 1), bool), np.array([20.0])], 60),
        ("i,j->j", [np.full(10, 60000, "f2"), np.full(1, 1e-3, "f4")], 600),
        ("i,j->j", [np.full(2, 3e38, "f4"), np.full(1, 1e-3)], 6e35),
        # nor are two operands multiplied in theirs
        ("i,i,i->i", [np.full(1, 100, "i1"), np.full(1, 100, "i1"), np.ones(1)], 10_000),
        ("ij,jk,k->i", [np.full((1, 3), 90, "i1"), np.full((3, 2), 90, "i1"), np.ones(2)], 48_600),
        ("i,i->i", [np.full(1, 200, "u1"), np.full(1, 100, "i1")], 20_000),
    ],
)  # fmt: skip
def test_operands_of_several_dtypes_are_multiplied_and_summed_in_the_widest(
    text, operands, expected
):
    found = einbench.einsum(text, *operands, optimize=True)
    assert found.dtype == np.result_type(*operands)
    np.testing.assert_allclose(found, [expected], rtol=1e-3)


@pytest.mark.parametrize("kinds", ["eBb", "Bbe", "beB"])
def test_the_dtype_of_a_result_is_not_that_of_pairs(kinds):
    operands = [np.ones(2, kind) for kind in kinds]
    assert einbench.einsum("i,i,i->i", *operands).dtype == np.float16


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(("kind", "expected"), [("i8", 40), ("i2", 40), ("f4", 40.0), ("f2", 40.0)])
def test_sums_are_rounded_once_to_a_narrower_out(kind, expected, order):
    # more elements than a buffer of NumPy's, which rounds whenever it is full
    array = np.full((100, 8192), 0.4 + 1e-9, order=order)
    out = np.empty(8192, kind)
    einbench.einsum("ij->j", array, out=out, casting="unsafe")
    np.testing.assert_allclose(out, expected, rtol=1e-6)


def test_an_out_of_another_shape_is_refused_with_optimize_too():
    with pytest.raises(ValueError, match="out has shape"):
        einbench.einsum(
            "ij,jk->k", np.ones((2, 2)), np.ones((2, 3)), out=np.zeros((4, 3)), optimize=True
        )


@pytest.mark.parametrize("axes", [([1, 0],), ([2, 1], [1, 0]), ([30, 0],), ([51, 26], [26, 25])])
def test_subscripts_without_an_output_are_sorted_by_number(axes):
    operands = [np.ones((2, 3)), np.ones((3, 4))][: len(axes)]
    call = [each for pair in zip(operands, axes, strict=True) for each in pair]
    assert einbench.einsum(*call).shape == np.einsum(*call).shape
    assert einbench.einsum(*call).shape[0] != 2


@pytest.mark.parametrize("text", [",i->i", "i,->i"])
@pytest.mark.parametrize("shape", [(2,), (3000,)])
def test_zero_times_nan_is_nan_where_the_zero_is_a_scalar(text, shape):
    bad = np.full(shape, np.nan)
    operands = (np.array(0.0), bad) if text[0] == "," else (bad, np.array(0.0))
    assert np.isnan(einbench.einsum(text, *operands)).all()


@pytest.mark.parametrize("text", ["ij,jk->ik", "j,i->ji", "ij,ij->i", "ij,i->j", "bij,bjk->bik"])
def test_zero_times_nan_is_nan_in_products(text):
    letters = dict.fromkeys("bijk", 40)
    shapes = [[letters[i] for i in part] for part in text.split("->")[0].split(",")]
    for first, second in ((0.0, np.nan), (np.nan, 0.0)):
        operands = np.full(shapes[0], first), np.full(shapes[1], second)
        assert np.isnan(einbench.einsum(text, *operands)).all()


@pytest.mark.parametrize("axes", [11, 14, 17, 20])
def test_many_axes_in_other_orders_are_computed(axes):
    rng = np.random.default_rng(axes)
    letters = "abcdefghijklmnopqrst"[:axes]
    other, output = ("".join(rng.permutation(list(letters))) for _ in range(2))
    text = f"{letters},{other}->{output[:-1]}"
    a, b = rng.random((2,) * axes), rng.random((2,) * axes)
    np.testing.assert_allclose(einbench.einsum(text, a, b), np.einsum(text, a, b), rtol=1e-12)


def test_no_nest_of_many_loops_is_compiled_for_one_call():
    # numba takes half a minute for 20 loops in each other
    sizes = (2,) * 20
    indices = tuple(range(20))
    other = tuple(np.random.default_rng(0).permutation(20).tolist())
    made = Contraction((indices, other), other[::-1][1:], sizes)
    strides = in_order(sizes, 8)
    task = Task(made, np.dtype(np.float64), (strides, strides), in_order(sizes[1:], 8))
    assert costs(task).keys() == {"einsum", "matmul"}


@pytest.mark.long
def test_a_lattice_of_more_operands_and_axes_than_numpy_takes_at_once_is_computed():
    # 4 x 8 sites, an axis between each two neighbours
    number = {}
    sites = []
    for i in range(4):
        for j in range(8):
            ends = [((i, j), (i + 1, j)), ((i - 1, j), (i, j)), ((i, j), (i, j + 1)),
                    ((i, j - 1), (i, j))]  # fmt: skip
            inside = [(a, b) for a, b in ends if min(a) >= 0 and b[0] < 4 and b[1] < 8]
            sites.append([number.setdefault(each, len(number)) for each in inside])
    assert len(number) == 52
    ones = [each for site in sites for each in (np.ones((2,) * len(site)), site)]
    assert einbench.einsum(*ones, []) == 2.0**52


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ij,kl->", lambda a: a.sum() ** 2),
        ("ij,kl->ik", lambda a: np.outer(a.sum(1), a.sum(1))),
        ("ij,jk->", lambda a: a.sum(0) @ a.sum(1)),
        ("ij,k->", lambda a: a.sum() * a[0].sum()),
    ],
)
def test_numpys_own_call_never_takes_sums_over_for_every_product(text, expected, monkeypatch):
    a = np.random.default_rng(0).random((40, 40))
    arrays = (a, a[0] if text == "ij,k->" else a)
    real, given = np.einsum, []

    def einsum(said, *operands, **how):
        given.append([np.shape(each) for each in operands])
        return real(said, *operands, **how)

    with monkeypatch.context() as patch:
        patch.setattr(np, "einsum", einsum)
        results = [einbench.einsum(text, *arrays) for _ in range(5)]
    for found in results:
        np.testing.assert_allclose(found, expected(a))
    assert [each.shape for each in arrays] not in given
