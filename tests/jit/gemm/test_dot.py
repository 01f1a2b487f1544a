"""Products of rows as they lie, and of packed panels: the same, at sizes that fill nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from einbench.jit.compiled import Compiled
from einbench.jit.gemm.block import PLAIN, RECTIFIED
from einbench.jit.gemm.dot import SHAPES, SMALL_SHAPES, dot_block, dots
from einbench.jit.gemm.products import forward, pack_panel, pad, padded, panels_of
from einbench.jit.linked import fresh

pytest.importorskip("numba", reason="numba is not installed (pip install numba)")

Array = np.ndarray[Any, Any]
DTYPES = ("float32", "float64")
SIZES = [
    (rows, units, count)
    for rows in (1, 2, 3, 4, 5, 7, 8, 13)
    for units in (1, 2, 3, 4, 5, 7, 8, 9, 11, 17, 50)
    for count in (1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 51, 100)
]


def dotted(a: Array, b: Array, bias: Array, asked: Array) -> Array:
    """``asked``: how many columns of A and B are summed, and whether the result is rectified."""
    c = np.full((a.shape[0], b.shape[0] + 3), np.nan, a.dtype)
    dots(
        a.shape[0], b.shape[0], a, a.shape[1], b, b.shape[1], asked[0], bias, c, c.shape[1],
        asked[1],
    )  # fmt: skip
    return c


def packed(a: Array, b: Array, bias: Array, asked: Array) -> Array:
    units = b.shape[0]
    c = np.empty((a.shape[0], units), a.dtype)
    wide, begun = fresh(a, padded(a, units) * a.shape[1]), fresh(a, padded(a, units))
    for panel in range(panels_of(a, units)):
        pack_panel(b, units, a.shape[1], wide, panel)
    pad(bias, units, begun)
    forward(a, a.shape[0], a.shape[1], wide, begun, units, c, asked[0])
    return c


DOTS, PACKED = Compiled(dotted, method="numba"), Compiled(packed, method="numba")


def drawn(rows: int, units: int, count: int, dtype: str) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(rows * 10_000 + units * 100 + count)
    shapes = (rows, count), (units, count), (units,)
    return tuple(rng.integers(-3, 4, shape).astype(dtype) for shape in shapes)


def times(a: Array, b: Array, bias: Array) -> Array:
    return np.asarray(a.astype(np.float64) @ b.astype(np.float64).T + bias)


@pytest.mark.parametrize("dtype", DTYPES)
def test_whole_numbers_are_multiplied_exactly_at_every_size(dtype: str) -> None:
    for rows, units, count in SIZES:
        a, b, bias = drawn(rows, units, count, dtype)
        expected = times(a, b, bias)
        for rectified, ending in ((0, PLAIN), (1, RECTIFIED)):
            if rectified:
                expected = np.maximum(expected, 0)
            by_dots = DOTS(a, b, bias, np.array([count, rectified]))
            np.testing.assert_array_equal(by_dots[:, :units], expected)
            # what lies between rows of the result is not written to
            assert np.isnan(by_dots[:, units:]).all()
            by_panels = PACKED(a, b, bias, np.array([ending]))
            np.testing.assert_array_equal(by_panels, expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sums_of_any_numbers_agree_within_rounding(dtype: str) -> None:
    rng = np.random.default_rng(1)
    for rows, units, count in ((1, 128, 784), (5, 129, 783), (63, 10, 128), (17, 47, 1001)):
        a, b, bias = (
            rng.standard_normal(shape).astype(dtype)
            for shape in ((rows, count), (units, count), (units,))
        )
        wide = [array.astype(np.longdouble) for array in (a, b, bias)]
        expected = wide[0] @ wide[1].T + wide[2]
        scale = np.abs(wide[0]) @ np.abs(wide[1]).T + np.abs(wide[2])
        limit = (4 + 2 * count**0.5) * np.finfo(dtype).eps * scale
        for found in (
            DOTS(a, b, bias, np.array([count, 0]))[:, :units],
            PACKED(a, b, bias, np.array([PLAIN])),
        ):
            assert (np.abs(found - expected) <= limit).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_columns_beyond_those_asked_for_are_not_read(dtype: str) -> None:
    for rows, units, count in SIZES[::7]:
        a, b, bias = drawn(rows, units, count + 5, dtype)
        a[:, count:], b[:, count:] = np.nan, np.nan
        found = DOTS(a, b, bias, np.array([count, 0]))[:, :units]
        np.testing.assert_array_equal(found, times(a[:, :count], b[:, :count], bias))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_row_is_the_same_however_many_stand_beside_it(dtype: str) -> None:
    """A tile's rows must not depend on the tile, nor its units on their number."""
    rng = np.random.default_rng(2)
    a, b, bias = (
        rng.standard_normal(shape).astype(dtype) for shape in ((13, 101), (23, 101), (23,))
    )
    whole = DOTS(a, b, bias, np.array([101, 0]))[:, :23]
    for rows in range(1, 13):
        np.testing.assert_array_equal(
            DOTS(a[:rows], b, bias, np.array([101, 0]))[:, :23], whole[:rows]
        )


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_no_number_stays_in_its_row_and_passes_a_rectified_product(dtype: str) -> None:
    a, b, bias = drawn(7, 9, 33, dtype)
    a[3, 32] = np.nan
    for asked, product in ((np.array([33, 1]), DOTS), (np.array([RECTIFIED]), PACKED)):
        found = product(a, b, bias, asked)[:, :9]
        assert np.isnan(found[3]).all()
        assert np.isfinite(np.delete(found, 3, axis=0)).all()


def test_nothing_to_sum_is_the_bias() -> None:
    a, b, bias = drawn(5, 7, 3, "float32")
    found = DOTS(a, b, bias, np.array([0, 0]))[:, :7]
    np.testing.assert_array_equal(found, np.broadcast_to(bias, (5, 7)))


@pytest.mark.parametrize("shapes", [SHAPES, SMALL_SHAPES], ids=["many", "few"])
def test_there_is_a_block_for_whatever_dots_asks_for(shapes: tuple[tuple[int, int], ...]) -> None:
    """Every width with the heights that halving leads to; those of eight rows are lower."""
    tallest, lower = (4, 2) if shapes is SHAPES else (2, 1)
    heights = {8: lower, 4: tallest, 1: tallest}
    asked = {
        (most >> k, units) for units, most in heights.items() for k in range(most.bit_length())
    }
    assert asked == set(shapes)


def test_a_block_of_products_cannot_be_called_from_python() -> None:
    with pytest.raises(TypeError, match="in a compiled kernel only"):
        dot_block(1, 1)
