"""What is said of a wrong output: the pattern of what is wrong, and one entry of it."""

from __future__ import annotations

import numpy as np
import pytest

import einbench
from einbench.check.diagnosis import describe
from einbench.check.error import error
from einbench.check.truth import Truth

RELU = einbench.operation("relu")


def said(got, reference, dtype="float32", limit=4.0, op=RELU):
    got, reference = np.asarray(got, dtype), np.asarray(reference, np.float64)
    rounding = np.finfo(dtype).eps * np.abs(reference) + 1e-300
    expected = Truth((reference,), (rounding,), np.dtype(dtype), limit)
    found = error((got,), expected)
    assert found.units > limit
    return describe(op, (got,), expected, found)


def changed(where, to=9.0, shape=(20, 10)):
    got = np.ones(shape)
    got[where] = to
    return got, np.ones(shape)


def test_zeros_everywhere_are_called_so():
    assert said(np.zeros((2, 3)), np.ones((2, 3))).startswith("outputs is zero everywhere; ")


def test_nan_everywhere_is_called_so():
    assert said(np.full((2, 3), np.nan), np.ones((2, 3))).startswith("outputs is NaN everywhere; ")


def test_some_zeros_or_some_nan_are_not_everywhere():
    assert "everywhere" not in said([[0.0, 1.0]], [[0.0, 2.0]])
    assert "everywhere" not in said([[np.nan, 1.0]], [[np.nan, 2.0]])


@pytest.mark.parametrize(
    ("where", "note"),
    [
        (3, "wrong at batch 3 of 20 only"),
        (slice(17, 20), "wrong at batch 17 to 19 of 20 only"),
        ([0, 5, 9], "wrong at batch 0, 5, 9 of 20 only"),
        (slice(0, 10, 2), "wrong at batch 0, 2, 4, 6, ... (5 of them) of 20 only"),
        ((slice(None), 9), "wrong at features 9 of 10 only"),
        (slice(None), "wrong in every entry"),
        (slice(0, 15), "wrong in 150 of 200 entries"),
    ],
)
def test_rows_columns_or_their_number_are_named(where, note):
    assert note in said(*changed(where))


def test_the_worst_entry_is_shown_with_what_was_expected():
    assert said(*changed((3, 4), 7.25)).endswith("outputs[3, 4] is 7.25 where 1 was expected")


def test_a_scalar_is_shown_without_an_index():
    op = einbench.operation("cross_entropy")
    assert said(2.5, 1.5, op=op) == "loss is 2.5 where 1.5 was expected"


def test_the_output_that_is_wrong_is_named_among_several():
    op = einbench.operation("mlp_intermediates")
    six = tuple(np.ones((2, 4)) for _ in range(6))
    wrong = (*six[:4], six[4] * 2, six[5])
    expected = Truth(six, (np.full((2, 4), 1e-7),) * 6, np.dtype("float32"), 4.0)
    reason = describe(op, wrong, expected, error(wrong, expected))
    assert "y3[0, 0] is 2" in reason


def test_float32_inside_a_float64_kernel_is_recognised():
    exact = np.random.default_rng(0).standard_normal((7, 5))
    reason = said(exact.astype(np.float32), exact, "float64")
    assert "no more accurate than float32 arithmetic inside" in reason


@pytest.mark.parametrize("factor", [1 + 1e-14, 1 + 1e-4, 0.5])
def test_errors_of_other_sizes_are_not_blamed_on_float32(factor):
    exact = np.ones((7, 5))
    assert "float32" not in said(exact * factor, exact, "float64")


def test_float32_kernels_are_not_reported_as_float32():
    assert "float32" not in said(np.full((3, 2), 1.001), np.ones((3, 2)))
