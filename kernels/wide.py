"""Arithmetic wider than the kernels': what references are computed in.

float32 is judged in float64. float64 is judged in ``longdouble`` where that is wider (x86
Linux); on other platforms matrix products are still computed beyond double precision, and
everything else in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

#: multiply-adds up to which a plain longdouble product is quicker than splitting
_SMALL = 2_000_000
#: multiply-adds up to which OpenBLAS multiplies on the caller's thread alone
_ONE_THREAD = 1 << 18
#: such parts at most, of so many columns, and of so many terms at least: smaller ones are slow
_MOST_PARTS, _COLUMNS, _LEAST_TERMS = 256, 128, 8


def widen(array: Array) -> Array:
    """The array in the precision it is judged in; integers stay as they are."""
    if array.dtype.kind in "iu":
        return array
    return array.astype(np.float64 if array.dtype == np.float32 else np.longdouble)


def narrow_of(wide_array: Array) -> np.finfo[Any]:
    """What limits the dtype that `widen` made this array of: where its smallest number matters."""
    # longdouble may be no wider than float64 and equal to it; its character is its own
    return np.finfo(np.float64 if wide_array.dtype.char == "g" else np.float32)


def matmul(a: Array, b: Array) -> Array:
    """c[i, j] = sum_k a[i, k] b[k, j], in the precision of ``a``: float64 or longdouble.

    Large longdouble products, and all where longdouble is no wider than float64, are split
    into float64 parts of so few bits that BLAS multiplies and sums them without rounding.

    Source: K. Ozaki, T. Ogita, S. Oishi, S. M. Rump, Error-free transformations of matrix
    multiplication, Numerical Algorithms 59 (2012).
    """
    if a.dtype == np.float64:
        return product(a, b)
    if longdouble_is_wider() and a.shape[0] * a.shape[1] * b.shape[1] <= _SMALL:
        return np.asarray(a @ b)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return np.asarray(a @ b)
    return split_matmul(a, b)


def product(a: Array, b: Array) -> Array:
    """``a @ b`` of two matrices; in float64, where it takes milliseconds, on this thread alone.

    The product of parts that BLAS wakes no thread for: where others use the cores waking one takes
    a time slice, as long as ten such products, and a check makes hundreds.
    """
    (rows, terms), columns = a.shape, b.shape[1]
    step = _ONE_THREAD // max(rows * min(columns, _COLUMNS), 1)
    parts = -(-terms // max(step, 1)) * -(-columns // _COLUMNS)
    small = rows * terms * columns <= _ONE_THREAD
    if small or step < _LEAST_TERMS or parts > _MOST_PARTS or not a.dtype == b.dtype == np.float64:
        return np.asarray(a @ b)
    result = np.empty((rows, columns))
    for column in range(0, columns, _COLUMNS):
        there = slice(column, column + _COLUMNS)
        np.matmul(a[:, :step], b[:step, there], out=result[:, there])
        for term in range(step, terms, step):
            result[:, there] += a[:, term : term + step] @ b[term : term + step, there]
    return result


def longdouble_is_wider() -> bool:
    """Whether this platform's longdouble has more digits than float64."""
    return bool(np.finfo(np.longdouble).eps < np.finfo(np.float64).eps)


def split_matmul(a: Array, b: Array) -> Array:
    """The product of two finite matrices of float64 values, in longdouble, from exact parts.

    Every part of ``a`` holds, row by row, so few leading bits that a sum of K products of
    parts fits in 53 bits: 2 bits_per_part + log2 K <= 53. Parts are cut off until nothing is
    left, or until what is left lies below 2^-70 of its row's largest entry.
    """
    terms = max(a.shape[1], 1)
    bits = int((53 - np.ceil(np.log2(terms + 1))) // 2)
    count = -(-70 // bits)
    left = _parts(np.asarray(a, np.float64), bits, count, axis=1)
    right = _parts(np.asarray(b, np.float64), bits, count, axis=0)
    total = np.zeros((a.shape[0], b.shape[1]), np.longdouble)
    carry = np.zeros_like(total)
    # from the smallest products to the largest; those of order ``count`` and beyond lie below
    # what the cut has left out already
    for order in range(min(len(left) + len(right) - 1, count) - 1, -1, -1):
        for i, part in enumerate(left):
            if 0 <= order - i < len(right):
                found = product(part, right[order - i])
                if longdouble_is_wider():
                    total += found
                else:  # carry the rounding of every sum along: a double-double
                    summed = total + found
                    back = summed - total
                    carry += (total - (summed - back)) + (found - back)
                    total = summed
    return np.asarray(total + carry)


def _parts(matrix: Array, bits: int, count: int, axis: int) -> list[Array]:
    """Matrices of ``bits`` leading bits each whose sum is ``matrix``."""
    parts = []
    rest = matrix
    for _ in range(count):
        largest = np.abs(rest).max(axis=axis, keepdims=True, initial=0.0)
        if not largest.any():
            break
        _, exponent = np.frexp(largest)
        # adding and taking away 1.5 * 2^(e + 52 - bits) rounds to a multiple of 2^(e - bits)
        shift = np.ldexp(1.5, exponent + (52 - bits))
        part = (rest + shift) - shift
        parts.append(part)
        rest = rest - part
    return parts or [rest]
