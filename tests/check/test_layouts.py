"""Layouts: the same numbers, with the strides their name promises."""

from __future__ import annotations

import numpy as np
import pytest

import einbench
from einbench.check.layouts import LAYOUTS, as_layout
from einbench.problem import Problem

SHAPES = pytest.mark.parametrize("shape", [(5,), (4, 3), (2, 3, 4), (1, 1), (0, 3)])


def numbers(shape, dtype="float32"):
    return np.arange(1, 1 + np.prod(shape)).reshape(shape).astype(dtype)


@SHAPES
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
def test_a_layout_changes_no_number(layout, shape, dtype):
    array = numbers(shape, dtype)
    laid = as_layout(array, layout)
    assert laid.dtype == array.dtype
    np.testing.assert_array_equal(laid, array)


def test_every_layout_has_the_strides_it_claims():
    array = numbers((4, 3))
    assert as_layout(array.T, "C").flags.c_contiguous
    assert as_layout(array, "F").strides == (4, 16)
    assert as_layout(array, "sliced").strides == (48, 8)
    assert as_layout(array, "reversed").strides == (-12, -4)
    assert as_layout(array, "readonly").strides == (12, 4)


def test_only_the_frozen_layout_refuses_to_be_written_to():
    array = numbers((4, 3))
    assert not as_layout(array, "readonly").flags.writeable
    for layout in ("C", "F", "sliced", "reversed"):
        assert as_layout(array, layout).flags.writeable


@pytest.mark.parametrize(
    ("dtype", "poison"), [("float32", np.nan), ("float64", np.nan), ("int64", -1), ("uint8", 0)]
)
def test_between_the_entries_of_a_slice_lies_poison(dtype, poison):
    laid = as_layout(numbers((4, 3), dtype), "sliced")
    base = laid.base
    assert base.shape == (8, 6)
    np.testing.assert_array_equal(base[1::2], np.full((4, 6), poison, dtype))
    np.testing.assert_array_equal(base[:, 1::2], np.full((8, 3), poison, dtype))


def test_names_are_found_in_any_case_and_unknown_ones_are_refused():
    assert as_layout(numbers((4, 3)), "f").flags.f_contiguous
    with pytest.raises(ValueError, match=r"no layout 'slicde'.*sliced"):
        as_layout(numbers((4, 3)), "slicde")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_array_without_axes_stays_one(layout: str) -> None:
    found = as_layout(np.array(0.25, np.float32), layout)
    assert isinstance(found, np.ndarray)
    assert (found.shape, found.dtype) == ((), np.float32)
    assert found == 0.25


def test_the_first_rows_of_an_array_without_axes_are_that_array() -> None:
    op = einbench.operation("mlp_sgd_step")
    sizes = {"features": 5, "hidden1": 4, "hidden2": 3, "classes": 2}
    cut = Problem.at(op, 8, sizes=sizes).draw(0).first_rows(3).arrays
    assert cut["inputs"].shape == (3, 5)
    assert isinstance(cut["rate"], np.ndarray)
    assert cut["rate"].shape == ()
