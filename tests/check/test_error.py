"""The size of an error: nothing for equal arrays, huge for zeros, masks where they belong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import einbench
from einbench.check.error import error
from einbench.check.truth import Truth, as_tuple, exact_truth, truth
from einbench.problem import Problem

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
OPERATIONS = pytest.mark.parametrize(
    "op", list(einbench.operations.values()), ids=lambda op: op.name
)


def small(op, dtype, batch=7):
    sizes = {axis: min(size, 7) for axis, size in op.sizes.items()}
    arrays = list(op.draw(batch, dtype, 3, **sizes).values())
    options = op.choose_options({})
    return truth(Problem.of(op, arrays, options)), arrays, options


def known(values, rounding, dtype="float32"):
    return Truth((np.asarray(values, np.float64),), (np.asarray(rounding),), np.dtype(dtype), 4.0)


@DTYPES
@OPERATIONS
def test_the_reference_rounded_once_is_half_a_unit_off_at_most(op, dtype):
    expected, _, _ = small(op, dtype)
    rounded = tuple(o.astype(dtype) for o in expected.outputs)
    assert error(rounded, expected).units <= 0.5


@DTYPES
@OPERATIONS
def test_zeros_are_far_beyond_every_limit(op, dtype):
    expected, _, _ = small(op, dtype)
    zeros = tuple(np.zeros(o.shape, dtype) for o in expected.outputs)
    limit = max(op.limit(7.0), op.tied_limit(7.0), 4)
    assert error(zeros, expected).units > 1000 * limit


@OPERATIONS
def test_reference_and_scale_have_the_shape_of_every_output(op):
    expected, _, _ = small(op, "float32", batch=0)
    shapes = op.output_shapes(op.all_sizes(0, {a: min(n, 7) for a, n in op.sizes.items()}))
    assert [o.shape for o in expected.outputs] == list(shapes.values())
    for output, rounding in zip(expected.outputs, expected.roundings, strict=True):
        assert np.broadcast_shapes(output.shape, rounding.shape) == output.shape


def test_equal_arrays_have_no_error_even_where_no_rounding_is_allowed():
    values = np.array([0.0, -0.0, 1.5, -2.0])
    least = np.array(float(np.finfo(np.float32).smallest_subnormal))
    found = error((values.astype(np.float32),), known(values, least))
    assert found.units == 0


def test_one_unit_of_rounding_off_is_an_error_of_one_and_is_located():
    values = np.ones((2, 3))
    got = values.astype(np.float32)
    got[1, 2] += np.finfo(np.float32).eps
    one_unit = known(values, np.full((2, 3), np.finfo(np.float32).eps))
    found = error((got,), replace(one_unit, limit=0.5))
    assert found.units == pytest.approx(1)
    assert found.worst == (1, 2)
    # within the limit nobody asks where
    assert error((got,), one_unit).units == pytest.approx(1)
    assert found.output == 0


def test_the_worst_of_several_outputs_is_found():
    right, wrong = np.ones(3), np.ones(2)
    expected = Truth((right, wrong), (np.full(3, 1e-7), np.full(2, 1e-7)), np.dtype("float32"), 4.0)
    found = error((right, np.array([1.0, 2.0])), expected)
    assert (found.output, found.worst) == (1, (1,))


@pytest.mark.parametrize(
    ("got", "reference", "units"),
    [
        (np.nan, np.nan, 0), (np.inf, np.inf, 0), (np.inf, np.nan, 0), (-np.inf, np.inf, np.inf),
        (np.nan, 1.0, np.inf), (1.0, np.nan, np.inf), (np.inf, 1.0, np.inf), (1.0, -np.inf, np.inf),
    ],
)  # fmt: skip
def test_nan_and_infinity_must_come_where_they_belong(got, reference, units):
    found = error(
        (np.array([1.0, got], np.float32),), known([1.0, reference], np.array([1e-7, 1e-7]))
    )
    assert found.units == units
    assert not units or found.worst == (1,)


def test_where_no_input_is_infinite_nothing_but_nan_stands_for_nan():
    expected = replace(known([1.0, np.nan], np.array([1e-7, 1e-7])), nan_only=True)
    assert error((np.array([1.0, np.nan], np.float32),), expected).units == 0
    assert error((np.array([1.0, np.inf], np.float32),), expected).units == np.inf


@pytest.mark.parametrize("rounding", [np.inf, np.nan])
def test_beside_an_infinite_scale_only_the_mask_is_judged(rounding):
    expected = known([1.0, np.nan], np.array([np.inf, rounding]))
    assert error((np.array([9.0, np.nan], np.float32),), expected).units == 0
    assert error((np.array([9.0, 9.0], np.float32),), expected).units == np.inf
    assert error((np.array([np.nan, np.nan], np.float32),), expected).units == np.inf


def test_nothing_at_all_has_no_error():
    assert (
        error((np.zeros((0, 3), np.float32),), known(np.zeros((0, 3)), np.zeros((0, 3)))).units == 0
    )


@DTYPES
def test_denormal_products_are_not_infinitely_wrong(dtype):
    op = einbench.operation("sigmoid_vjp")
    tiny = np.finfo(dtype).smallest_subnormal
    arrays = [np.full((2, 3), 0.5, dtype), np.full((2, 3), 3 * tiny, dtype)]
    expected = truth(Problem.of(op, arrays, {}))
    assert error((np.full((2, 3), tiny, dtype),), expected).units <= 1


def test_a_sum_of_whole_numbers_is_wrong_by_more_than_any_limit_when_one_is_missing():
    op = einbench.operation("bias_gradient")
    rows = np.ones((60_000, 2), np.float32)
    expected = exact_truth(Problem.of(op, [rows], {}))
    assert error((rows.sum(axis=0),), expected).units == 0
    assert error((rows[1:].sum(axis=0),), expected).units > 1e30


def test_one_output_and_several_become_tuples():
    assert len(as_tuple(einbench.operation("relu"), np.zeros(3))) == 1
    assert len(as_tuple(einbench.operation("mlp_gradients"), [np.zeros(3)] * 6)) == 6
