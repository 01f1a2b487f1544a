"""Functions of arrays that do not overlap, called by compiled ones, alone and in pieces."""

import threading

import numba
import numpy as np
import pytest

from einbench.jit import dividing, pool

FAST = frozenset({"contract"})


def doubled(x, out):
    for b in range(len(x)):
        out[b] = 2 * x[b]


def piece(first, count, x, out, seen):
    seen[first] = count
    for b in range(first, first + count):
        out[b] = 2 * x[b]


def test_a_function_is_called_with_arrays_of_any_strides():
    call = numba.njit(dividing.apart(doubled, 2, FAST))
    x, out = np.arange(14.0)[::2], np.full(21, np.nan)[::3]
    call(x, out)
    np.testing.assert_array_equal(out, 2 * x)
    assert call.py_func.__module__ == doubled.__module__


@pytest.mark.parametrize(
    ("items", "length", "counts"), [(100, 30, [30, 30, 30, 10]), (7, 9, [7]), (0, 1, [])]
)
def test_every_piece_is_done_once(items, length, counts):
    pool.start()
    share_out = dividing.divided(piece, 3, FAST)

    @numba.njit
    def call(items, length, x, out, seen):
        share_out(items, length, x, out, seen)

    x, out, seen = np.arange(float(items)), np.full(items, np.nan), np.zeros(items + 1, np.int64)
    call(items, length, x, out, seen)
    np.testing.assert_array_equal(out, 2 * x)
    assert seen[seen > 0].tolist() == counts


@pytest.mark.parametrize("items", [0, 1, 5, 1_000_000])
def test_pieces_of_no_length_are_several_for_each_thread(items):
    pool.start()
    share_out = dividing.divided(piece, 3, FAST)

    @numba.njit
    def call(items, x, out, seen):
        share_out(items, 0, x, out, seen)

    x, out, seen = np.arange(float(items)), np.full(items, np.nan), np.zeros(items + 1, np.int64)
    call(items, x, out, seen)
    np.testing.assert_array_equal(out, 2 * x)
    assert seen.sum() == items
    assert np.count_nonzero(seen) <= 8 * pool.MOST
    assert items < 100 or np.count_nonzero(seen) > 4 * (1 + len(pool.threads()))


def test_what_is_written_is_held_apart_from_what_is_read():
    """LLVM may then keep an operand in a register while a result is written."""

    def scaled(factor, out):
        for b in range(len(out)):
            out[b] = factor[0] * out[b]

    array = numba.types.float64[::1]
    compiled = dividing._compiled(scaled, numba.types.void(array, array), FAST)
    code = compiled.library.get_llvm_str()
    named = [line for line in code.splitlines() if line.startswith("define") and "scaled" in line]
    # beside numba's own two, where it leaves its result and what went wrong
    assert any(line.count("noalias") > 2 for line in named), named


def test_what_a_fork_waits_for_is_held_while_the_pool_is_started():
    """Or a child would have a lock of llvmlite's that nobody releases."""
    from numba.core.compiler_lock import global_compiler_lock

    pool.start()
    done = threading.Event()
    waiting = threading.Thread(target=lambda: (pool.start(), done.set()))
    with global_compiler_lock:
        waiting.start()
        assert not done.wait(0.5)
    waiting.join(60)
    assert done.is_set()
