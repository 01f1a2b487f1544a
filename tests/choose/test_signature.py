"""What a choice is made for: equal calls have equal signatures, and every component tells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import einbench
from einbench.choose.environment import Threads
from einbench.choose.signature import Signature, signature

THREADS = Threads(2, 2)
LABELS = ("int8", "uint8", "int16", "int32", "int64", "uint64")


def of_linear(
    batch: int = 5,
    features: int = 4,
    units: int = 3,
    dtype: str = "float32",
    order: str = "C",
    threads: Threads = THREADS,
    seed: int = 0,
) -> Signature:
    op = einbench.operation("linear")
    drawn = op.draw(batch, dtype, seed, features=features, units=units)
    arrays = [np.asarray(a, order=order) for a in drawn.values()]  # type: ignore[call-overload]
    return signature(op, op.bind(*arrays), threads)


def of_loss(dtype: str = "int64", reduction: str | None = None) -> Signature:
    op = einbench.operation("cross_entropy")
    drawn = op.draw(6, "float64", classes=4)
    options = {} if reduction is None else {"reduction": reduction}
    labels = drawn["labels"].astype(dtype)
    return signature(op, op.bind(drawn["logits"], labels, **options), THREADS)


CALLS = st.fixed_dictionaries(
    {
        "batch": st.integers(0, 6),
        "features": st.integers(2, 5),
        "units": st.integers(2, 5),
        "dtype": st.sampled_from(["float32", "float64"]),
        "order": st.sampled_from("CF"),
        "threads": st.builds(Threads, st.integers(1, 3), st.integers(1, 3)),
    }
)


@settings(max_examples=60)
@given(CALLS, CALLS)
def test_signatures_are_equal_exactly_where_every_component_is(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    first, second = of_linear(**one), of_linear(**other, seed=1)
    assert (first == second) == (one == other)
    assert (hash(first) == hash(second)) == (one == other)


@settings(max_examples=30)
@given(CALLS)
def test_what_the_arrays_hold_is_no_part_of_it(call: dict[str, Any]) -> None:
    assert of_linear(**call, seed=0) == of_linear(**call, seed=1)


@settings(max_examples=30)
@given(CALLS, st.integers(1, 50))
def test_the_kind_is_all_but_the_sizes(call: dict[str, Any], batch: int) -> None:
    one, other = of_linear(**call), of_linear(**{**call, "batch": batch + 1})
    if one.layout == other.layout:
        assert one.kind == other.kind
    assert one.kind != of_linear(**{**call, "threads": Threads(9, 9)}).kind


def test_every_component_is_reported_by_its_name() -> None:
    assert of_linear(order="F") == Signature(
        (("batch", 5), ("features", 4), ("units", 3)), (), "float32", "", "FFC", THREADS
    )


@pytest.mark.parametrize("dtype", LABELS)
def test_the_dtype_of_labels_is_part_of_it(dtype: str) -> None:
    found = of_loss(dtype)
    assert (found.dtype, found.integers) == ("float64", dtype)
    assert (found == of_loss("int64")) == (dtype == "int64")


def test_an_option_left_out_is_its_default() -> None:
    assert of_loss() == of_loss(reduction="mean") != of_loss(reduction="sum")
    assert of_loss().options == (("reduction", "mean"),)


@pytest.mark.parametrize(
    ("array", "letter"),
    [
        (np.zeros((4, 3)), "C"),
        (np.zeros((4, 3)).T, "F"),
        (np.zeros((8, 3))[::2], "S"),
        (np.zeros((4, 3))[::-1], "S"),
        (np.zeros((4, 6))[:, :3], "S"),
        (np.zeros((1, 3)), "C"),
        (np.zeros((4, 1)).T, "C"),
        (np.zeros((0, 3)), "C"),
        (np.broadcast_to(np.zeros(3), (4, 3)), "S"),
    ],
)
def test_a_letter_tells_the_layout(array: Any, letter: str) -> None:
    op = einbench.operation("relu")
    assert signature(op, op.bind(array), THREADS).layout == letter


def test_named_arrays_are_the_same_call() -> None:
    op = einbench.operation("softmax_vjp")
    drawn = op.draw(4)
    by_position = op.bind(*drawn.values())
    by_name = op.bind(**dict(reversed(drawn.items())))
    assert signature(op, by_position, THREADS) == signature(op, by_name, THREADS)
