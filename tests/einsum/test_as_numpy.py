"""Where NumPy's ``optimize=True`` is wrong or wasteful, `einbench.einsum` does as NumPy without.

Both with kernels picked by the rule and with kernels chosen by measuring.
"""

from __future__ import annotations

import itertools
import tracemalloc
import warnings

import numpy as np
import pytest

import einbench
from einbench.einsum import plans

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True, params=["rule", "measured"])
def _kernels(request):
    if request.param == "measured":
        request.getfixturevalue("memory")


def numpys(text, *operands, **keywords):
    return np.einsum(text, *operands, optimize=False, **keywords)


@pytest.mark.parametrize(
    ("narrow", "wide", "value"), [("i1", "i8", 20), ("u1", "f8", 96), ("i2", "c16", 30_000)]
)
@pytest.mark.parametrize("text", ["ij,k->ik", "ij,k->ki", "ij->i", "ij,ik->k"])
def test_dtype_is_applied_before_any_sum(text, narrow, wide, value):
    operands = [np.full((4, 50), value, narrow), np.ones((4, 3) if "ik-" in text else 3, narrow)]
    operands = operands[: text.count(",") + 1]
    found = einbench.einsum(text, *operands, dtype=wide, optimize=True)
    expected = numpys(text, *operands, dtype=wide)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("text", ["ij,jk->ik", "ij,jk->ki", "ij,jk->i", "ij,jk->"])
@pytest.mark.parametrize(
    ("given", "into"),
    [("f8", "i8"), ("f8", "?"), ("f8", "f4"), ("c16", "f8"), ("f4", "i4"), ("i8", "i4")],
)
def test_a_result_is_cast_to_out_only_where_casting_says_so(text, given, into):
    a, b = np.full((3, 4), 1.5).astype(given), np.ones((4, 5), given)
    out = np.zeros(numpys(text, a, b).shape, into)
    for casting in ("no", "equiv", "safe"):
        with pytest.raises(TypeError):
            numpys(text, a, b, out=out, casting=casting)
        with pytest.raises(TypeError, match="cannot be cast"):
            einbench.einsum(text, a, b, out=out, casting=casting, optimize=True)
        assert not out.any()
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
        found = einbench.einsum(text, a, b, out=out, casting="unsafe")
        expected = numpys(text, a, b).astype(into)
    assert found is out
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("order", ["C", "F", "A", "K", "k", None])
@pytest.mark.parametrize("text", ["ij,jk->ik", "ij,jk->ki", "ij,ij->ij", "ij,ij->ji", "ij,j->ij"])
def test_a_result_lies_as_numpys(text, order):
    how = {} if order is None else {"order": order}
    square = RNG.random((5, 5))
    layouts = (square, square.T, np.asfortranarray(square[::-1]))
    seconds = (square[0],) if text == "ij,j->ij" else layouts
    for a, b in itertools.product(layouts, seconds):
        found, expected = einbench.einsum(text, a, b, **how), numpys(text, a, b, **how)
        assert found.strides == expected.strides
        np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize(
    "make", [lambda m: m[:9, :9], lambda m: m[1:, 1:], lambda m: m[:9, :9].T,
             lambda m: m[8::-1, 8::-1], lambda m: m[1:, :9]],
)  # fmt: skip
@pytest.mark.parametrize("text", ["ij,jk->ik", "ij,jk->ki", "ij,ij->ij", "ij,jk,kl->il"])
def test_out_that_overlaps_an_operand_gets_what_operands_were(make, text):
    first = RNG.random((10, 10))
    for place in range(text.count(",") + 1):
        memory = first.copy()
        operands = [RNG.random((9, 9)) for _ in range(text.count(",") + 1)]
        operands[place] = memory[:9, :9]
        expected = numpys(text, *(each.copy() for each in operands))
        out = make(memory)
        for _ in range(2):  # chosen, then looked up
            memory[...] = first
            assert einbench.einsum(text, *operands, out=out) is out
            np.testing.assert_allclose(out, expected)


def test_the_same_call_with_and_without_overlap():
    a, b, out = RNG.random((3, 20, 20))
    expected = a @ b
    for memory in (np.empty((20, 20)), out, a.copy(), np.empty((20, 20))):
        einbench.einsum("ij,jk->ik", a, b, out=memory)
        np.testing.assert_allclose(memory, expected)
    again = a.copy()
    einbench.einsum("ij,jk->ik", again, b, out=again)
    np.testing.assert_allclose(again, expected)


def test_out_that_became_read_only_is_refused():
    a, out = RNG.random((4, 4)), np.zeros((4, 4))
    einbench.einsum("ij,jk->ik", a, a, out=out)
    before = out.copy()
    out.flags.writeable = False
    with pytest.raises(ValueError, match="out is read-only"):
        einbench.einsum("ij,jk->ik", a[::-1].copy(), a, out=out)
    assert np.array_equal(out, before)


def peak_bytes(*call):
    einbench.einsum(*call)  # planned, and chosen
    tracemalloc.start()
    einbench.einsum(*call)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("text", ["ij,j->i", "ij,ij->i", "ij,j->j", "ij,jk->ik"])
def test_broadcast_operands_are_not_written_out(text):
    row = RNG.random(1000)
    large = np.broadcast_to(row, (3000, 1000))  # 24 MB where written out
    other = {"j": row, "ij": large, "jk": RNG.random((1000, 2))}[text[3:].partition("-")[0]]
    assert peak_bytes(text, large, other) < 1_000_000


def test_no_large_operand_is_copied_for_a_small_one():
    large = RNG.random((60, 50, 1000))  # 24 MB
    assert peak_bytes("ijk,j->ik", large, large[0, :, 0].copy()) < 2_000_000


@pytest.mark.parametrize("keywords", [{}, {"dtype": "f4", "casting": "unsafe"}, {"order": "F"}])
def test_a_result_larger_than_memory_is_refused_before_it_is_made(keywords, monkeypatch):
    line = np.broadcast_to(1.0, (1 << 20,))
    monkeypatch.setattr(np, "empty", lambda *_, **__: pytest.fail("memory was asked for"))
    with pytest.raises(MemoryError, match=r'^einsum "i,j,k->ijk": .* takes [\d,]+ GB, and .* left'):
        einbench.einsum("i,j,k->ijk", line, line, line, **keywords)


def test_what_is_left_is_asked_of_the_machine(monkeypatch):
    monkeypatch.setattr(plans, "available_bytes", lambda: 1 << 28)
    line = np.ones(1 << 13)
    with pytest.raises(MemoryError, match=r"takes 537 MB, and 268 MB are left"):
        einbench.einsum("i,j->ij", line, line)


@pytest.mark.parametrize(
    ("shape", "strides"), [((3, 3), (8, 0)), ((3, 3), (0, 8)), ((3, 3), (8, 8)), ((3, 3), (16, 8))]
)
def test_out_whose_elements_share_memory_is_filled_by_numpy(shape, strides):
    operand = np.arange(9.0).reshape(3, 3)
    filled = []
    for einsum in (einbench.einsum, numpys):
        out = np.lib.stride_tricks.as_strided(np.zeros(9), shape, strides)
        einsum("ij,jk->ik", operand, operand, out=out)
        filled.append(out.tolist())
    assert filled[0] == filled[1]


def test_order_and_casting_may_be_bytes_as_for_numpy():
    operand = np.ones((2, 3), np.float32)
    found = einbench.einsum("ij,ij->ji", operand, operand, order=b"F", casting=b"safe", dtype="f8")
    assert found.dtype == np.float64
    assert found.flags.f_contiguous
    with pytest.raises(ValueError, match="order='X'"):
        einbench.einsum("ij->ji", operand, order=b"X")
