"""Elementwise kernels: any number of elements, any alignment, plain or non-temporal stores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import einbench
from einbench.check.error import error
from einbench.check.truth import truth
from einbench.jit.pieces import _MOVED_BYTES
from einbench.problem import Problem

pytest.importorskip("numba", reason="numba is not installed (pip install numba)")

Array = np.ndarray[Any, Any]
DTYPES = ("float32", "float64")
#: arrays that each reads and writes
MOVED = {"relu": 2, "tanh": 2, "sigmoid": 2, "relu_vjp": 3, "tanh_vjp": 3, "sigmoid_vjp": 3}
NAMES = tuple(MOVED)
#: rows of a result that is stored non-temporally, and some that fill no piece and no vector
COLUMNS = 131


def moved(array: Array, by_bytes: int) -> Array:
    """The same numbers so many bytes beyond a cache line, in C order."""
    memory = np.empty(array.nbytes + 128, np.uint8)
    start = -memory.ctypes.data % 64 + by_bytes
    found = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    found[...] = array
    assert found.flags.c_contiguous
    return found


def large(name: str, dtype: str, more: int = 5) -> dict[str, Array]:
    moved_bytes = COLUMNS * np.dtype(dtype).itemsize * MOVED[name]
    rows = -(-_MOVED_BYTES // moved_bytes) + more
    op = einbench.operation(name)
    return op.draw(rows, dtype, seed=3, **dict.fromkeys(op.sizes, COLUMNS))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_any_number_of_elements_is_what_the_reference_says(name: str, dtype: str) -> None:
    op = einbench.operation(name)
    for count in range(1, 71):
        arrays = op.draw(1, dtype, seed=count, **dict.fromkeys(op.sizes, count))
        bound = op.bind(**arrays)
        expected = truth(Problem.of(op, bound.arrays, {}))
        found = op["simd"](**arrays)
        assert error([found], expected).units <= op.limit(1), count
        # the elements around stay as they were
        memory = np.full(count + 32, 7, dtype)
        out = memory[16 : 16 + count].reshape(1, count)
        op["simd"](**arrays, out=out)
        np.testing.assert_array_equal(out, found)
        assert (memory[:16] == 7).all()
        assert (memory[16 + count :] == 7).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_arrays_may_begin_anywhere(name: str, dtype: str) -> None:
    op = einbench.operation(name)
    arrays = op.draw(5, dtype, seed=1, **dict.fromkeys(op.sizes, 29))
    expected = op["simd"](**arrays)
    for by_bytes in (*range(0, 64, np.dtype(dtype).itemsize), 1, 3):
        given = {key: moved(array, by_bytes) for key, array in arrays.items()}
        np.testing.assert_array_equal(op["simd"](**given), expected)
        # memory for a result begins at a whole number of elements
        out = moved(np.full_like(expected, np.nan), by_bytes - by_bytes % expected.itemsize)
        assert op["simd"](**given, out=out) is out
        np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_a_result_stored_past_the_caches_has_the_same_bits(name: str, dtype: str) -> None:
    op = einbench.operation(name)
    arrays = large(name, dtype)
    rows = len(next(iter(arrays.values())))
    step = rows // 9
    parts = [
        op["simd"](**{key: array[first : first + step] for key, array in arrays.items()})
        for first in range(0, rows, step)
    ]
    assert max(part.nbytes for part in parts) * MOVED[name] < _MOVED_BYTES
    expected = np.concatenate(parts)
    assert expected.nbytes * MOVED[name] >= _MOVED_BYTES
    assert op["simd"](**arrays).tobytes() == expected.tobytes()
    size = expected.itemsize
    for by_bytes in (0, size, 64 - size):
        out = moved(np.full_like(expected, np.nan), by_bytes)
        op["simd"](**arrays, out=out)
        assert out.tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_bytes_from_which_a_result_goes_past_the_caches(dtype: str) -> None:
    """One element less, exactly as many, and one more."""
    op = einbench.operation("tanh")
    most = _MOVED_BYTES // (MOVED["tanh"] * np.dtype(dtype).itemsize)
    x = np.random.default_rng(5).standard_normal(most + 1).astype(dtype)
    whole = op["simd"](x[: most // 2, None]), op["simd"](x[most // 2 :, None])
    expected = np.concatenate(whole)
    for count in (most - 1, most, most + 1):
        found = op["simd"](x[:count, None])
        assert found.tobytes() == expected[:count].tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_jacobians_stored_past_the_caches_have_the_same_bits(dtype: str) -> None:
    op = einbench.operation("softmax_jacobian")
    for classes in (1, 3, 10, 17, 40, 80):
        rows = _MOVED_BYTES // (classes**2 * np.dtype(dtype).itemsize) + 3
        probs = op.draw(rows, dtype, seed=classes, classes=classes)["probs"]
        step = rows // 3
        parts = [op["simd"](probs[first : first + step]) for first in range(0, rows, step)]
        assert 2 * max(part.nbytes for part in parts) < _MOVED_BYTES
        expected = np.concatenate(parts)
        for by_bytes in (0, expected.itemsize):
            out = moved(np.full_like(expected, np.nan), by_bytes)
            op["simd"](probs, out=out)
            assert out.tobytes() == expected.tobytes(), (classes, by_bytes)
