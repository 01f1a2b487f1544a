"""Casts as in NumPy: rounded where NumPy rounds, repeated along axes of size 1, and silent."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import einbench

ONE = np.ones(1)
INFINITE = np.array([[np.inf, -np.inf], [1, 2]])
LARGE = np.array([300.0, 1.001], "f2")


def same(*operands, out=None, **how):
    """The same as NumPy, in the first call and in the next, without a warning."""
    memory = [None if out is None else out.copy() for _ in range(3)]
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = np.einsum(*operands, out=memory[0], **how)
        for each in memory[1:]:
            found = einbench.einsum(*operands, out=each, **how)
            np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize("text", ["ij,k->i", "ij,k->", "ij,k->j"])
def test_sums_of_infinities_give_no_warning(text):
    same(text, INFINITE, np.ones(3))


@pytest.mark.parametrize("value", [1e-300, 1e300, np.nan])
def test_casts_to_a_narrower_dtype_give_no_warning(value):
    operands = np.full(3, value), np.ones(3)
    same("i,i->i", *operands, dtype="f4", casting="same_kind")
    same("i,i->i", *operands, out=np.zeros(3, "f4"), casting="same_kind")
    same("i,i->i", *operands, dtype="f2", casting="same_kind")


def test_casts_to_integers_give_no_warning():
    same("i,i->i", np.full(3, np.nan), np.ones(3), out=np.zeros(3, int), casting="unsafe")
    negative = np.array([-1, 2, 3])
    same("i,i->i", negative, negative, out=np.zeros(3, "u8"), casting="unsafe")


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.array([100_000]), np.array([0.5])),
        (np.array([100_000, 2], "i4"), np.array([0, 3], "i4")),
        (np.array([1.0004, 3], "f4"), LARGE),
    ],
)
def test_operands_are_rounded_to_float16_where_products_are_of_that(a, b):
    same("i,i->i", a, b, dtype="f2", casting="unsafe")
    same("i,i->", a, b, dtype="f2", casting="unsafe")


def test_results_are_rounded_to_float16_before_a_wider_out():
    same("i,i->i", LARGE, LARGE, dtype="f2", out=np.zeros(2, "f4"), casting="unsafe")
    same("i,i->i", LARGE, LARGE, out=np.zeros(2, "f4"))


@pytest.mark.parametrize("kind", ["f8", "f4", "f2", "?"])
def test_out_may_be_longer_along_axes_of_size_one(kind):
    row = np.full((1, 2), 2).astype(kind)
    same("ij,ij->ij", row, row, out=np.zeros((3, 2), kind))
    same("ij,jk->ik", row, np.ones((2, 1), kind), out=np.zeros((3, 4), kind))
    same("ij->ji", row, out=np.zeros((2, 3), kind))
    same("...,...->...", row, row, out=np.zeros((3, 2), kind))
    same("i,i->i", ONE.astype(kind), ONE.astype(kind), out=np.zeros(0, kind))


def test_memory_that_is_longer_may_overlap_an_operand():
    memory = np.arange(6.0).reshape(3, 2)
    expected = np.repeat(memory[:1] ** 2, 3, axis=0)
    einbench.einsum("ij,ij->ij", memory[:1], memory[:1], out=memory)
    np.testing.assert_array_equal(memory, expected)
