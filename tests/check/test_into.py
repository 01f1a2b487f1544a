"""Memory that is given to a kernel under check: what lies there, and how often it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.check import contract
from einbench.check.verdicts import check_small

Array = np.ndarray[Any, Any]
DTYPES = ("float32", "float64")


@pytest.fixture
def judged() -> Iterator[Callable[[Any, str], str]]:
    """The reason why ``relu`` done by a function is rejected; empty where it is not."""
    op = einbench.operation("relu")

    def judge(function: Any, dtype: str) -> str:
        op.kernel("on_trial")(function)
        (verdict,) = check_small(op, [op["on_trial"]], np.dtype(dtype), 0)
        return verdict.reason

    yield judge
    op.remove("on_trial")


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_that_writes_everything_passes(judged: Any, dtype: str) -> None:
    def right(inputs: Array, out: Array | None = None) -> Array:
        return np.maximum(inputs, 0, out=out)

    assert judged(right, dtype) == ""


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_returned_beside_the_memory_is_no_ones_business(judged: Any, dtype: str) -> None:
    def returns_nothing(inputs: Array, out: Array | None = None) -> Array | None:
        if out is None:
            return np.maximum(inputs, 0)
        np.maximum(inputs, 0, out=out)
        return None

    assert judged(returns_nothing, dtype) == ""


def test_every_output_that_is_written_otherwise_is_named() -> None:
    op = einbench.operation("mlp_gradients")
    expected = [np.full(3, 2.0) for _ in op.outputs]
    for number, name in enumerate(op.outputs):

        def write(out: tuple[Array, ...], number: int = number) -> None:
            for place, array in enumerate(out):
                array[...] = 2 + (place == number)

        found = contract.into(op, write, expected, contract.memory_for(expected))
        assert found == f"writes another {name} into memory that it is given"


def test_memory_is_in_c_order_and_holds_no_number_whatever_the_result_was() -> None:
    seen = []

    def write(out: Array) -> None:
        seen.append((out.flags.c_contiguous, np.isnan(out).all()))
        out[...] = 0

    result = np.zeros((3, 4), order="F")
    memory = contract.memory_for([result])
    assert contract.into(einbench.operation("relu"), write, [result], memory) == ""
    assert seen[0] == (True, True)


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_that_writes_the_first_time_alone_is_rejected(judged: Any, dtype: str) -> None:
    written = set()

    def once(inputs: Array, out: Array | None = None) -> Array:
        found = np.maximum(inputs, 0)
        if out is None:
            return found
        if (inputs.ctypes.data, out.ctypes.data) not in written:
            written.add((inputs.ctypes.data, out.ctypes.data))
            out[...] = found
        return out

    assert "writes another outputs into memory that it is given" in judged(once, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_that_writes_an_earlier_result_for_other_numbers_is_rejected(
    judged: Any, dtype: str
) -> None:
    """As training would meet it: the same arrays, other numbers, the same memory."""
    kept: dict[tuple[int, ...], Array] = {}

    def remembers(inputs: Array, out: Array | None = None) -> Array:
        if out is None:
            return np.maximum(inputs, 0)
        key = (inputs.ctypes.data, *inputs.shape, *inputs.strides, out.ctypes.data)
        out[...] = kept.setdefault(key, np.maximum(inputs, 0))
        return out

    assert judged(remembers, dtype) != ""
