"""Kernels are called with a private copy of the inputs, which is compared bit by bit."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

import einbench
from einbench.check.hostile_rows import hostile_rows
from einbench.check.layouts import LAYOUTS, as_layout
from einbench.check.probe import small_sizes
from einbench.check.sized import judge_output
from einbench.check.unchanged import PrivateCopy, same_bits
from einbench.problem import Problem

ALL = list(einbench.operations.values())
EACH = pytest.mark.parametrize("op", ALL, ids=lambda op: op.name)


def problem(op, batch=300, dtype="float32", layout="C"):
    drawn = op.draw(batch, dtype, 1, **small_sizes(op))
    arrays = [as_layout(a, layout) for a in drawn.values()]
    return Problem.of(op, arrays, op.choose_options(op.independent_options))


def overwrite(array):
    """Through its address: whatever its flags say."""
    _, high = np.lib.array_utils.byte_bounds(array)
    last = (ctypes.c_char * 1).from_address(high - 1)
    last[0] = bytes([last[0][0] ^ 1])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_copy_has_the_layout_and_the_numbers_and_no_memory_of_the_original(layout):
    given = problem(einbench.operation("linear"), layout=layout)
    copied = PrivateCopy(given).problem
    assert copied == given
    for one, other in zip(given.given, copied.given, strict=True):
        assert one.strides == other.strides
        assert one.ctypes.data % 64 == other.ctypes.data % 64
        assert same_bits(one, other)
        assert not np.may_share_memory(one, other)
        assert not other.flags.writeable


@pytest.mark.parametrize("batch", [1, 300, 40_000])
@pytest.mark.parametrize("layout", ["C", "F", "reversed"])
def test_one_changed_bit_is_found_named_and_undone(batch, layout):
    given = problem(einbench.operation("softmax_vjp"), batch, layout=layout)
    private = PrivateCopy(given)
    assert private.changed() == ""
    overwrite(private.problem.arrays["cotangent"])
    assert private.changed() == "cotangent"
    assert private.changed() == ""
    assert same_bits(given.arrays["cotangent"], private.problem.arrays["cotangent"])


def test_nan_is_no_change_and_the_sign_of_zero_is():
    x = np.array([[np.nan, 0.0]])
    assert same_bits(x, x.copy())
    assert not same_bits(x, np.array([[np.nan, -0.0]]))


@EACH
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_right_kernels_pass_on_hostile_rows_which_then_are_the_callers_again(op, dtype):
    given = problem(op, dtype=dtype)
    private = PrivateCopy(given)
    with hostile_rows(private, seed=3) as case:
        if op.leading not in op.independent:
            assert case is None
            return
        assert case.truth.kept[op.leading][-1] == 299
        assert not all(
            same_bits(a, b) for a, b in zip(given.given, case.problem.given, strict=True)
        )
        for kernel in op:
            if kernel.available and kernel.here:
                with np.errstate(all="ignore"):
                    result = kernel.function(*case.problem.given, **case.problem.options)
                assert judge_output(case, result)[1] == "", kernel.method
        assert private.changed() == ""
        overwrite(private.problem.given[0])
        assert private.changed() == next(iter(op.inputs))
    assert all(same_bits(a, b) for a, b in zip(given.given, private.problem.given, strict=True))


def test_hostile_rows_find_a_softmax_without_its_maximum_in_the_last_row_of_any_batch():
    op = einbench.operation("softmax")
    found = []
    for seed in range(8):
        with hostile_rows(PrivateCopy(problem(op, 1000)), seed) as case:
            logits = case.problem.given[0]
            with np.errstate(all="ignore"):
                powers = np.exp(logits)
                found.append(judge_output(case, powers / powers.sum(axis=1, keepdims=True))[1])
                right = op["numba"].function(logits)
            assert judge_output(case, right)[1] == ""
            right[-1] = 0
            assert "wrong at the timed size" in judge_output(case, right)[1]
    assert all("wrong at the timed size" in reason for reason in found)


def test_few_rows_get_no_hostile_ones():
    with hostile_rows(PrivateCopy(problem(einbench.operation("relu"), 63)), 0) as case:
        assert case is None
