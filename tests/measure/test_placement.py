"""Copies of the inputs at other addresses, which change nothing but the address."""

from __future__ import annotations

import numpy as np
import pytest

from einbench.check.layouts import LAYOUTS, as_layout
from einbench.measure.placement import MOST_BYTES, randomise_placement


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_numbers_dtype_and_memory_order_stay(layout: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    given = (
        as_layout(rng.integers(0, 99, (7, 19)).astype(dtype), layout),
        np.arange(5, dtype=dtype),
    )
    moved = randomise_placement(given, rng)
    for before, after in zip(given, moved, strict=True):
        np.testing.assert_array_equal(before, after)
        assert before.dtype == after.dtype
        assert before.strides == after.strides


def test_a_copy_is_read_only() -> None:
    (moved,) = randomise_placement([np.ones((3, 4), np.float32)], np.random.default_rng(0))
    with pytest.raises(ValueError, match="read-only"):
        moved[0, 0] = 2


def test_offsets_within_a_page_differ_and_keep_numbers_aligned() -> None:
    rng = np.random.default_rng(0)
    array = np.ones((3, 4), np.float64)
    offsets = {randomise_placement([array], rng)[0].ctypes.data % 4096 for _ in range(50)}
    assert len(offsets) > 20
    assert all(offset % array.itemsize == 0 for offset in offsets)


def test_large_inputs_stay_where_they_are() -> None:
    large = np.zeros(MOST_BYTES // 4 + 1, np.float32)
    small = np.zeros(4, np.float32)
    moved = randomise_placement([large, small], np.random.default_rng(0))
    assert moved[0] is large
    assert moved[1] is small


@pytest.mark.parametrize("shape", [(0, 4), (0,), (1, 1)])
def test_empty_and_single_arrays_can_be_moved(shape: tuple[int, ...]) -> None:
    array = np.ones(shape, np.float32)
    (moved,) = randomise_placement([array], np.random.default_rng(0))
    np.testing.assert_array_equal(moved, array)
