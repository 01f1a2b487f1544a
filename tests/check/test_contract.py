"""Every clause of the contract, kept and broken."""

from __future__ import annotations

import numpy as np
import pytest

import einbench
from einbench.check import contract
from einbench.problem import Problem

RELU = einbench.operation("relu")
SIX = einbench.operation("mlp_intermediates")
SINGLE = np.dtype("float32")
SIZES = {"batch": 2, "features": 3}


def at(op, sizes):
    rest = {axis: n for axis, n in sizes.items() if axis != "batch"}
    return Problem.at(op, sizes["batch"], SINGLE, rest)


def one(shape=(2, 3), dtype="float32"):
    return np.ones(shape, dtype)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (None, "returns nothing for outputs, expected an array of float32"),
        (1.0, "returns float for outputs, expected an array of float32"),
        ([[1.0] * 3] * 2, "returns list for outputs, expected an array of float32"),
        (np.float32(1), "returns float32 for outputs, expected an array of float32"),
        (one(dtype="float64"), "wrong dtype: outputs is float64, expected float32"),
        (one(dtype="int64"), "wrong dtype: outputs is int64, expected float32"),
        (one().astype(">f4"), "wrong dtype: outputs is >f4, expected float32"),
        (one((3, 2)), "wrong shape: outputs is (3, 2), expected (2, 3)"),
        (one((2, 3, 1)), "wrong shape: outputs is (2, 3, 1), expected (2, 3)"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_type_dtype_and_shape_are_the_operations(result, reason):
    assert contract.form(at(RELU, SIZES), result) == reason


def test_an_output_of_the_right_form_is_accepted_in_any_memory_order():
    for output in (one(), np.asfortranarray(one()), one((3, 2)).T, one((4, 6))[::2, ::2]):
        assert contract.form(at(RELU, SIZES), output) == ""


def test_a_scalar_comes_out_as_an_array_without_dimensions():
    op = einbench.operation("cross_entropy")
    sizes = {"batch": 2, "classes": 3}
    assert contract.form(at(op, sizes), np.array(1, SINGLE)) == ""
    assert "expected an array" in contract.form(at(op, sizes), np.float32(1))
    assert contract.form(at(op, sizes), one((1,))).startswith("wrong shape: loss is (1,)")


def test_several_outputs_come_in_their_number_and_order():
    sizes = {"batch": 2, "features": 3, "hidden1": 4, "hidden2": 5, "classes": 6}
    right = [one((2, n)) for n in (4, 4, 5, 5, 6, 6)]
    assert contract.form(at(SIX, sizes), tuple(right)) == ""
    assert contract.form(at(SIX, sizes), right[:5]).startswith("returns 5 outputs, expected 6")
    assert "expected a tuple of 6" in contract.form(at(SIX, sizes), right[0])
    assert "wrong shape: y1" in contract.form(at(SIX, sizes), right[::-1])


def test_new_memory_is_accepted():
    assert contract.memory(RELU, (one(),), {"inputs": one()}, [one()]) == ""


@pytest.mark.parametrize("view", [lambda x: x, lambda x: x[::-1], lambda x: x[:, 1:], np.transpose])
def test_a_view_of_an_input_is_refused(view):
    array = one()
    reason = contract.memory(RELU, (view(array),), {"inputs": array}, [])
    assert reason == "returns a view: outputs shares memory with the input inputs"


def test_an_earlier_output_is_not_handed_out_again():
    output = one()
    assert "handed out before" in contract.memory(RELU, (output,), {}, [output[:1]])


def test_outputs_that_share_memory_with_each_other_are_refused():
    six = [one((2, 4)) for _ in range(6)]
    six[3] = six[2].view()
    assert contract.memory(SIX, six, {}, []) == "returns a view: o2 shares memory with y2"


def test_an_output_that_cannot_be_written_to_is_refused():
    broadcast = np.broadcast_to(np.ones(3, SINGLE), (2, 3))
    assert contract.memory(RELU, (broadcast,), {}, []) == "returns a view: outputs is read-only"


def test_bits_tell_what_equality_does_not():
    assert contract.bits(np.array([0.0])) != contract.bits(np.array([-0.0]))
    assert contract.bits(np.array([np.nan])) == contract.bits(np.array([np.nan]))
    array = np.arange(6.0).reshape(2, 3)
    assert contract.bits(array) == contract.bits(np.asfortranarray(array))


def test_an_input_changed_by_a_single_bit_is_named():
    arrays = {"outputs": one(), "cotangent": one()}
    before = {name: contract.bits(array) for name, array in arrays.items()}
    assert contract.changed(arrays, before) == ""
    arrays["cotangent"][1, 2] = np.nextafter(SINGLE.type(1), SINGLE.type(2))
    assert contract.changed(arrays, before) == "changes its input cotangent"


def repeated(call):
    return contract.repeats(RELU, call, (call(),), {}, 2)


def test_a_call_that_repeats_itself_in_new_memory_is_accepted():
    assert repeated(one) == ""
    assert repeated(lambda: np.full((2, 3), np.nan)) == ""


def test_another_result_for_the_same_inputs_is_refused():
    counter = iter(range(9))
    assert "a second call gives another outputs" in repeated(lambda: one() * next(counter))


def test_a_third_call_counts_as_well():
    values = iter([1, 1, 2])
    assert "a second call gives another outputs" in repeated(lambda: one() * next(values))


def test_a_buffer_that_comes_back_later_is_refused():
    buffer = one()
    assert "a buffer it handed out before" in repeated(lambda: buffer)
    pair = [one(), one()]

    def alternating():
        pair.reverse()
        return pair[0]

    assert "a buffer it handed out before" in repeated(alternating)


def test_a_later_call_that_overwrites_an_earlier_result_is_refused():
    kept = []

    def overwriting():
        for earlier in kept:
            earlier += 1
        kept.append(one())
        return kept[-1]

    assert repeated(overwriting).endswith("a later call changed outputs of an earlier one")
