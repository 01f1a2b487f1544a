"""Calls of a kernel: checked once for arrays of a kind, and memory for results every time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import einbench
from einbench.operation import Operation


@pytest.fixture
def checked(monkeypatch) -> list[str]:
    """The operations whose arguments were checked, one entry a call."""
    seen: list[str] = []
    bind = Operation.bind

    def counting(op: Operation, *arrays: Any, **named: Any) -> Any:
        seen.append(op.name)
        return bind(op, *arrays, **named)

    monkeypatch.setattr(Operation, "bind", counting)
    return seen


def kernel_and_arrays(name: str, method: str, batch: int = 4) -> tuple[Any, list[np.ndarray]]:
    op = einbench.operation(name)
    return op[method], list(op.draw(batch=batch).values())


@pytest.mark.parametrize(
    ("name", "method"), [("linear", "matmul"), ("mlp_gradients", "matmul"), ("relu", "numba")]
)
def test_arrays_and_memory_of_a_known_kind_are_not_bound_again(name, method, checked):
    kernel, arrays = kernel_and_arrays(name, method)
    expected = kernel(*arrays)
    several = isinstance(expected, tuple)
    out = tuple(map(np.empty_like, expected)) if several else np.empty_like(expected)
    kernel(*arrays, out=out)
    kernel(*arrays, out=expected)
    expected = kernel(*arrays)
    checked.clear()
    for found in (kernel(*arrays), kernel(*arrays, out=out), kernel(*arrays, out=kernel(*arrays))):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)
    assert checked == []


def test_an_array_of_another_kind_is_bound(checked):
    kernel, (x, w, b) = kernel_and_arrays("linear", "matmul")
    kernel(x, w, b)
    checked.clear()
    for other in (x[:2], np.asfortranarray(x), x.tolist()):
        given = (other, w, b) if isinstance(other, np.ndarray) else (other, w.tolist(), b.tolist())
        expected = np.asarray(other) @ w.T + b
        np.testing.assert_allclose(kernel(*given), expected, rtol=1e-4, atol=1e-5)
    assert len(checked) == 3


def test_what_is_wrong_is_said_after_right_calls_too():
    kernel, (x, w, b) = kernel_and_arrays("linear", "matmul")
    kernel(x, w, b)
    for arrays, named, message in (
        ((x, w), {}, "is missing bias"),
        ((x, w, b, b), {}, "takes 3 arrays, got 4"),
        ((x, w, b), {"axis": 1}, "has no argument 'axis'"),
        ((x, w, b), {"inputs": x}, "by position and by name"),
        ((x[:, :3], w, b), {}, "has features 784 where"),
        ((x.astype(np.float64), w, b), {}, "give every array in one dtype"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            kernel(*arrays, **named)


def memory_that_is_wrong(x: np.ndarray) -> dict[str, np.ndarray]:
    room = np.zeros((8, 6), x.dtype)
    locked = np.zeros_like(x)
    locked.flags.writeable = False
    shifted = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    return {
        "must have shape": room[:, :3],
        "is not in C order": np.zeros(x.shape[::-1], x.dtype).T,
        "is read-only": locked,
        "is not aligned": shifted,
        "must be an array of": np.zeros(x.shape, np.float64),
    }


def test_memory_is_refused_after_right_calls_as_before():
    kernel, (x,) = kernel_and_arrays("softmax", "numba")
    kernel(x, out=np.empty_like(x))
    for message, out in memory_that_is_wrong(x).items():
        with pytest.raises((TypeError, ValueError), match=message):
            kernel(x, out=out)


def test_memory_that_is_an_input_s_is_refused_however_it_is_reached():
    kernel, _ = kernel_and_arrays("softmax_vjp", "numba")
    both = np.ones((2, 4, 3), np.float32)
    probs, cotangent = both
    own, other = both[0].copy(), both[1].copy()
    kernel(probs, cotangent, out=np.empty_like(probs))
    # inputs and memory that own what they hold, views of one array, and one seen through a buffer
    again = np.frombuffer(memoryview(own), own.dtype).reshape(own.shape)
    for given, out in (
        ((own, other), own), ((own, other), other), ((own, other), own[:]), ((own, other), again),
        ((probs, cotangent), probs), ((probs, cotangent), both[1]), ((probs, other), both[0]),
        ((own[:], other[:]), own),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="shares memory with"):
            kernel(*given, out=out)
    # beside an input in the same array: no part of it
    room = np.ones((3, 4, 3), np.float32)
    assert kernel(room[0], room[1], out=room[2]) is not None


def test_memories_of_several_results_must_not_be_one():
    op = einbench.operation("mlp_gradients")
    arrays = list(op.draw(batch=4, hidden1=5, hidden2=5).values())
    kernel = op["matmul"]
    right = tuple(np.empty_like(each) for each in kernel(*arrays))
    first, second = (n for n, each in enumerate(right) if each.shape == (5,))
    kernel(*arrays, out=right)
    for place, taken in ((first, right[second]), (first, right[second][:]), (first, arrays[2])):
        wrong = [*right[:place], taken, *right[place + 1 :]]
        with pytest.raises(ValueError, match="shares memory with"):
            kernel(*arrays, out=tuple(wrong))


def test_what_was_looked_up_is_no_part_of_a_kernel_s_state():
    kernel, arrays = kernel_and_arrays("linear", "matmul")
    before = kernel.__getstate__().keys()
    kernel(*arrays)
    assert kernel.__getstate__().keys() == before
