"""`einbench.einsum` in place of `numpy.einsum`: views, scalars, out=, dtype=."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

import einbench
from einbench.dropin import calls as calls_module


@pytest.mark.parametrize("text", ["ij->ji", "ij->ij", "ij", "ii->i", "...->..."])
def test_one_operand_that_is_not_summed_is_a_view_that_can_be_written(text):
    array = np.zeros((3, 3))
    view = einbench.einsum(text, array)
    view[...] = 7
    assert np.shares_memory(view, array)
    assert (array == 7).any()


def test_a_view_of_read_only_memory_is_read_only():
    assert not einbench.einsum("ij->ji", np.broadcast_to(1.0, (2, 3))).flags.writeable


@pytest.mark.parametrize("text", ["i,i->", "i,i", "i,j->"])
def test_a_result_without_axes_is_a_scalar(text):
    found = einbench.einsum(text, np.ones(3, "f4"), np.ones(3, "f4"))
    assert type(found) is np.float32


def test_dtype_is_that_of_sums_too():
    # NumPy's optimised path sums j in int8 first
    narrow = np.full((2, 50), 20, np.int8)
    found = einbench.einsum("ij,k->ik", narrow, np.ones(3, np.int8), dtype=np.int64, optimize=True)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, np.full((2, 3), 1000))


def test_out_is_not_cast_to_unless_casting_says_so():
    a, b = np.full((2, 2), 1.5), np.ones((2, 2))
    for kind in (np.int64, np.float32, bool):
        with pytest.raises(TypeError, match="which cannot be cast to out"):
            einbench.einsum("ij,jk->ik", a, b, out=np.empty((2, 2), kind), optimize=True)
    out = np.empty((2, 2), np.float32)
    assert einbench.einsum("ij,jk->ik", a, b, out=out, casting="same_kind") is out
    np.testing.assert_array_equal(out, np.full((2, 2), 3.0))


def test_out_of_a_wider_dtype_widens_products_as_in_numpy():
    a = np.full(300, 100, np.int8)
    out = np.empty((), np.int64)
    einbench.einsum("i,i->", a, a, out=out)
    assert out == 3_000_000


@pytest.mark.parametrize("wrong", [np.empty(3), np.empty((1, 2)), np.empty((2, 1))])
def test_out_of_another_shape_is_refused(wrong):
    with pytest.raises(ValueError, match="out has shape"):
        einbench.einsum("ij->i", np.ones((2, 3)), out=wrong)


def test_out_must_be_an_array_that_can_be_written():
    with pytest.raises(TypeError, match="expected an array"):
        einbench.einsum("ij->i", np.ones((2, 3)), out=[0, 0])
    out = np.empty(2)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        einbench.einsum("ij->i", np.ones((2, 3)), out=out)


@pytest.mark.parametrize("size", [3, 200])
def test_out_may_overlap_an_operand(size):
    rng = np.random.default_rng(0)
    a, b = rng.random((size, size)), rng.random((size, size))
    expected = a @ b
    memory = a.copy()
    assert einbench.einsum("ij,jk->ik", memory, b, out=memory) is memory
    np.testing.assert_allclose(memory, expected)


@pytest.mark.parametrize(
    "make", [lambda o: o, lambda o: o.T, lambda o: o[::-1], lambda o: o[:, ::2]]
)
@pytest.mark.parametrize("text", ["ij,jk->ik", "ij,ij->ij", "ij,k->ik"])
def test_out_of_any_strides_is_filled(make, text):
    rng = np.random.default_rng(0)
    shape = make(np.empty((40, 40))).shape
    a = rng.random((shape[0], 30 if text == "ij,jk->ik" else shape[1]))
    b = {"ij,jk->ik": rng.random((30, shape[1])), "ij,ij->ij": a, "ij,k->ik": a[0]}[text]
    out = make(np.full((40, 40), np.nan))
    einbench.einsum(text, a, b, out=out)
    np.testing.assert_allclose(out, np.einsum(text, a, b))


def test_repeated_operands_are_not_written_out():
    row = np.random.default_rng(0).random(1000)
    large = np.broadcast_to(row, (3000, 1000))  # 24 MB where written out
    vector = np.ones(1000)
    einbench.einsum("ij,j->i", large, vector)
    tracemalloc.start()
    found = einbench.einsum("ij,j->i", large, vector)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(found, row.sum())
    assert peak < 1_000_000


def test_a_large_operand_is_not_copied_for_a_small_one():
    large, small = np.ones((60, 50, 1000)), np.ones(50)  # 24 MB
    einbench.einsum("ijk,j->ik", large, small)
    tracemalloc.start()
    einbench.einsum("ijk,j->ik", large, small)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_float16_is_summed_in_float32():
    ones = np.ones((5000, 2), np.float16)
    found = einbench.einsum("ij->j", ones)
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, [5000, 5000])
    np.testing.assert_array_equal(einbench.einsum("ij,ij->j", ones, ones), [5000, 5000])


def test_seventy_operands_are_not_too_many():
    ones = [np.full(3, 1.01)] * 70
    found = einbench.einsum(",".join("i" * 70) + "->i", *ones)
    np.testing.assert_allclose(found, 1.01**70)


@pytest.mark.parametrize("dtype", [object, np.longdouble, np.clongdouble])
def test_what_kernels_do_not_compute_goes_to_numpy(dtype):
    a = np.array([[1, 2], [3, 4]], dtype)
    found = einbench.einsum("ij,jk->ik", a, a)
    assert found.dtype == a.dtype
    np.testing.assert_array_equal(found, np.einsum("ij,jk->ik", a, a))


def test_arrays_of_other_libraries_are_given_to_them():
    class Other:
        def __array_function__(self, function, types, arguments, keywords):
            return function.__name__, arguments[0]

    assert einbench.einsum("i,i->", Other(), np.ones(3)) == ("einsum", "i,i->")


def test_other_libraries_are_given_the_arguments_that_were_given():
    class Other:
        def __array_function__(self, function, types, arguments, keywords):
            return keywords

    out = np.zeros(())
    for given in (
        {}, {"optimize": True}, {"dtype": "f8"}, {"order": "F"}, {"casting": "unsafe"},
        {"out": out, "dtype": np.dtype("f8"), "optimize": "greedy"},
    ):  # fmt: skip
        assert einbench.einsum("i->", Other(), **given) == given


def test_a_subclass_is_a_plain_array_as_in_numpy():
    class Matrix(np.ndarray):
        pass

    found = einbench.einsum("ij->ji", np.array([[1.0, 2.0]]).view(Matrix))
    assert type(found) is np.ndarray
    assert found.shape == (2, 1)


def test_a_masked_array_is_refused_before_its_mask_is_lost():
    masked = np.ma.array([1.0, 2.0], mask=[True, False])
    plain = np.ones(2)
    for operands, which in (
        ((masked, plain), "operand 0"), ((plain, masked), "operand 1"), ((plain, [masked]), "1"),
    ):  # fmt: skip
        with pytest.raises(TypeError, match=f'"...i,...i->...i": .*{which} is masked'):
            einbench.einsum("...i,...i->...i", *operands)
    with pytest.raises(TypeError, match="out is masked"):
        einbench.einsum("i,i->i", plain, plain, out=masked)


def test_memory_that_is_not_aligned_is_read_right():
    line = np.zeros(8 * 200 * 200 + 1, np.uint8)
    array = line[1:].view(np.float64).reshape(200, 200)
    array[...] = np.random.default_rng(0).random((200, 200))
    aligned = array.copy()
    for text in ("ij,ij->i", "ij,jk->ik", "ij,ij->ij", "ij->j"):
        operands = (aligned,) * (text.count(",") + 1)
        expected = einbench.einsum(text, *operands)
        found = einbench.einsum(text, *((array,) * len(operands)))
        np.testing.assert_allclose(found, expected, err_msg=text)


@pytest.mark.parametrize(
    ("keywords", "error"),
    [
        ({"order": "X"}, ValueError), ({"casting": "perhaps"}, ValueError),
        ({"casting": None}, TypeError), ({"dtype": "f4"}, TypeError), ({"strange": 1}, TypeError),
        ({"dtype": "no dtype"}, TypeError),
    ],
)  # fmt: skip
def test_keywords_that_numpy_refuses_are_refused(keywords, error):
    for function in (np.einsum, einbench.einsum):
        with pytest.raises(error):
            function("ij,jk->ik", np.ones((2, 2)), np.ones((2, 2)), **keywords)


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "i2", "?"])
@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("ij,jk->ik", [(200, 90), (90, 100)]), ("bij,bjk->bik", [(3000, 3, 3)] * 2),
        ("bi,bi->b", [(4000, 60)] * 2), ("ij,ij->", [(400, 500)] * 2), ("ij->j", [(700, 400)]),
        ("bi,ij,bj->b", [(600, 40), (40, 40), (600, 40)]), ("bii->b", [(800, 30, 30)]),
        ("i,j->ij", [(600,), (500,)]), ("abc,c->ab", [(70, 60, 50), (50,)]),
    ],
)  # fmt: skip
def test_large_operands_give_what_numpy_gives(text, shapes, dtype):
    rng = np.random.default_rng(0)
    operands = [rng.integers(-3, 4, shape).astype(dtype) for shape in shapes]
    found = einbench.einsum(text, *operands)
    expected = np.einsum(text, *operands, optimize=len(operands) > 2)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)  # whole numbers: no order of sums rounds them


def test_the_same_operands_give_the_same_bits():
    rng = np.random.default_rng(0)
    for text, shapes in [
        ("ij,ij->", [(900, 901)] * 2),
        ("ij->j", [(900, 901)]),
        ("ij->", [(900, 901)]),
    ]:
        operands = [rng.standard_normal(shape, np.float32) for shape in shapes]
        first = einbench.einsum(text, *operands)
        for _ in range(20):
            assert np.array_equal(first, einbench.einsum(text, *operands))


def test_small_operands_and_matrix_products_import_no_compiler():
    code = (
        "import sys, numpy as np, einbench\n"
        "a = np.ones((500, 500))\n"
        "einbench.einsum('ij,jk->ik', a, a); einbench.einsum('ij->ji', a)\n"
        "einbench.einsum('i,i->', a[0], a[0]); einbench.einsum('ij,jk,kl->il', a, a, a)\n"
        "print('numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_what_a_planned_call_raises_is_not_computed_again(monkeypatch):
    a = np.ones((3, 5))
    einbench.einsum("ij,ij->i", a, a)
    calls = []

    def failing(*_):
        calls.append(1)
        raise KeyError("a kernel's own")

    kept = dict.fromkeys(calls_module._PLANS, failing)
    monkeypatch.setattr(calls_module, "_PLANS", kept)
    with pytest.raises(KeyError, match="a kernel's own"):
        einbench.einsum("ij,ij->i", a, a)
    assert calls == [1]
