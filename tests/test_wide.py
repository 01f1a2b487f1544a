"""Products beyond double precision, against sums of exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from einbench import wide


def exact(a, b):
    rows = [[Fraction(float(x)) for x in row] for row in a]
    columns = [[Fraction(float(x)) for x in column] for column in b.T]
    return [[sum(x * y for x, y in zip(row, column, strict=True)) for column in columns]
            for row in rows]  # fmt: skip


def worst(product, a, b):
    """Largest error in units of float64's eps, over the sum of magnitudes."""
    eps = Fraction(float(np.finfo(np.float64).eps))
    scales = exact(np.abs(a), np.abs(b))
    off = [
        abs(as_fraction(product[i, j]) - value) / (eps * scales[i][j])
        for i, row in enumerate(exact(a, b))
        for j, value in enumerate(row)
        if scales[i][j]
    ]
    return float(max(off))


def as_fraction(value):
    """A longdouble as a fraction, all its digits."""
    high = float(value)
    return Fraction(high) + Fraction(float(value - np.longdouble(high)))


def matrices(kind, seed=0):
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((5, 40)), rng.standard_normal((40, 4))
    if kind == "decades":
        a *= 10.0 ** rng.uniform(-8, 8, a.shape)
        b *= 10.0 ** rng.uniform(-8, 8, b.shape)
    if kind == "cancelling":
        a[:, 20:] = -a[:, :20]
        b[20:] = b[:20] * (1 + 1e-13 * rng.standard_normal((20, 4)))
    if kind == "whole":
        a, b = np.rint(1000 * a), np.rint(1000 * b)
    return a, b


KINDS = pytest.mark.parametrize("kind", ["normal", "decades", "cancelling", "whole"])


@KINDS
def test_a_split_product_is_as_good_as_longdouble(kind):
    if not wide.longdouble_is_wider():
        pytest.skip("longdouble is no wider than float64 here")
    a, b = matrices(kind)
    assert worst(wide.split_matmul(a, b), a, b) < 0.01


@KINDS
def test_where_longdouble_is_no_wider_a_split_product_still_beats_float64(kind, monkeypatch):
    monkeypatch.setattr(wide, "longdouble_is_wider", lambda: False)
    monkeypatch.setattr(wide.np, "longdouble", np.float64)
    a, b = matrices(kind)
    split = wide.split_matmul(a, b)
    assert split.dtype == np.float64
    # the sum itself is exact but for its last rounding to float64
    assert worst(split, a, b) <= 0.5
    if kind != "whole":
        assert worst(split, a, b) < worst(a @ b, a, b)


def test_the_double_double_carry_keeps_what_a_plain_sum_of_parts_loses(monkeypatch):
    monkeypatch.setattr(wide, "longdouble_is_wider", lambda: False)
    monkeypatch.setattr(wide.np, "longdouble", np.float64)
    a, b = matrices("cancelling")
    value = exact(a, b)
    split, plain = wide.split_matmul(a, b), a @ b
    off = [max(abs(Fraction(float(p[i, j])) - value[i][j]) for i in range(5) for j in range(4))
           for p in (split, plain)]  # fmt: skip
    assert off[0] * 1000 < off[1]


def test_zeros_empty_sums_and_single_terms_are_exact():
    assert not wide.split_matmul(np.zeros((2, 3)), np.zeros((3, 4))).any()
    assert wide.split_matmul(np.zeros((2, 0)), np.zeros((0, 4))).shape == (2, 4)
    assert wide.split_matmul(np.zeros((0, 3)), np.ones((3, 4))).shape == (0, 4)
    third = np.full((1, 1), 1 / 3)
    assert as_fraction(wide.split_matmul(third, np.full((1, 1), 3.0))[0, 0]) == Fraction(1 / 3) * 3


def test_matmul_widens_nothing_that_is_double_already_and_passes_nan_on():
    a, b = matrices("normal")
    assert wide.matmul(a, b).dtype == np.float64
    np.testing.assert_array_equal(wide.matmul(a, b), a @ b)
    broken = wide.widen(a)
    broken[1, 2] = np.nan
    broken[3, 4] = np.inf
    product = wide.matmul(broken, wide.widen(b))
    assert np.isnan(product[1]).all()
    assert not np.isfinite(product[3]).any()
    assert np.isfinite(product[[0, 2, 4]]).all()


def test_large_longdouble_products_take_the_split_path_and_agree_with_the_plain_one(monkeypatch):
    a, b = (wide.widen(m) for m in matrices("decades"))
    plain = wide.matmul(a, b)
    monkeypatch.setattr(wide, "_SMALL", 0)
    split = wide.matmul(a, b)
    assert split.dtype == plain.dtype == np.longdouble
    assert worst(split, a.astype(float), b.astype(float)) < 1
    assert worst(plain, a.astype(float), b.astype(float)) < 1


def test_widening_doubles_the_digits_and_leaves_labels_alone():
    assert wide.widen(np.zeros(2, np.float32)).dtype == np.float64
    assert wide.widen(np.zeros(2, np.float64)).dtype == np.longdouble
    assert wide.widen(np.zeros(2, np.uint8)).dtype == np.uint8


class Recorded(np.ndarray):
    """An array whose products are noted by what they take."""

    taken: list[int] = []  # noqa: RUF012 - one list for all of them

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **more):
        if ufunc is np.matmul:
            self.taken.append(inputs[0].shape[0] * inputs[0].shape[1] * inputs[1].shape[1])
        arrays = [np.asarray(each) for each in inputs]
        into = {"out": tuple(np.asarray(each) for each in out)} if out else {}
        found = getattr(ufunc, method)(*arrays, **into, **more)
        return out[0] if out else found.view(Recorded)


@pytest.mark.parametrize("shape", [(80, 784, 128), (128, 80, 784), (3, 20_000, 10), (200, 300, 37)])
def test_products_of_milliseconds_are_made_of_parts_that_wake_no_thread(shape):
    rows, terms, columns = shape
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(rows, terms)), rng.normal(size=(terms, columns))
    Recorded.taken.clear()
    found = wide.matmul(a.view(Recorded), b.view(Recorded))
    assert sum(Recorded.taken) == rows * terms * columns
    assert max(Recorded.taken) <= 1 << 18
    scale = np.abs(a) @ np.abs(b)
    assert (np.abs(np.asarray(found) - a @ b) <= 1e-15 * np.sqrt(terms) * scale).all()


@pytest.mark.parametrize("shape", [(2000, 784, 128), (2, 3, 4), (0, 3, 4), (3, 0, 4), (3, 4, 0)])
def test_large_and_small_products_are_made_at_once(shape):
    rows, terms, columns = shape
    Recorded.taken.clear()
    found = wide.matmul(
        np.ones((rows, terms)).view(Recorded), np.ones((terms, columns)).view(Recorded)
    )
    assert Recorded.taken == [rows * terms * columns]
    np.testing.assert_array_equal(found, np.full((rows, columns), terms))
