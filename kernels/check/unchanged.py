"""A private copy of a problem's inputs: kernels are called with it, and it is compared, bit by bit.

A kernel that writes to its inputs, whatever their flags say, writes to the copy, and to none of the
caller's arrays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from einbench.check.layouts import read_only
from einbench.problem import Problem

Array = npt.NDArray[Any]

#: elements that are compared at a time
_BLOCK = 1 << 18
#: a copy begins as far into its page as the original: placement changes times
_PAGE = 4096


class _Replaced(NamedTuple):
    """Rows of one input that are not the caller's for now."""

    name: str
    rows: Any
    content: Array


class PrivateCopy:
    """``problem`` has read-only views of a copy of the given inputs, in the same memory order."""

    def __init__(self, original: Problem) -> None:
        self.original = original
        self._writable = {name: moved_copy(array) for name, array in original.arrays.items()}
        self.problem = original.holding({n: read_only(a) for n, a in self._writable.items()})
        self._replaced: list[_Replaced] = []

    def rows(self, name: str) -> Array:
        """An input of the copy, writable, its rows along the first axis."""
        op = self.original.operation
        return np.moveaxis(self._writable[name], op.inputs[name].names.index(op.leading), 0)

    def note_replaced(self, name: str, rows: Sequence[int]) -> None:
        """Rows of an input have been overwritten, and are meant to be as they are now."""
        self._replaced.append(_Replaced(name, list(rows), self.rows(name)[list(rows)].copy()))

    def put_back(self) -> None:
        """All rows are the caller's again."""
        self._originals()
        self._replaced.clear()

    def changed(self) -> str:
        """The first input that is not what it was, which all then are again; else empty."""
        for name, rows, content in self._replaced:
            if not same_bits(self.rows(name)[rows], content):
                found = name
                break
        else:
            self._originals()
            found = differing(self.original, self.problem)
        if found:
            for name, array in self.original.arrays.items():
                np.copyto(self._writable[name], array)
        for name, rows, content in self._replaced:
            self.rows(name)[rows] = content
        return found

    def _originals(self) -> None:
        op = self.original.operation
        for name, rows, _ in self._replaced:
            along = op.inputs[name].names.index(op.leading)
            self.rows(name)[rows] = np.moveaxis(self.original.arrays[name], along, 0)[rows]


def differing(original: Problem, copied: Problem) -> str:
    """The first input that differs in any bit; empty where none does."""
    pairs = zip(original.arrays.items(), copied.given, strict=True)
    return next((name for (name, a), b in pairs if not same_bits(a, b)), "")


def same_bits(a: Array, b: Array) -> bool:
    """Whether two arrays of one shape and dtype hold the same bits."""
    return all(
        np.array_equal(_bits(one), _bits(other))
        for one, other in zip(_blocks(a), _blocks(b), strict=True)
    )


def _bits(array: Array) -> Array:
    """As whole numbers: NaN equals itself, and 0 is not -0."""
    return array.view(f"u{array.dtype.itemsize}")


def _blocks(array: Array) -> Iterator[Array]:
    """Views of some elements each, along the first axis that is long enough."""
    if array.size <= _BLOCK or not array.ndim:
        yield array
    elif len(array) == 1:
        yield from _blocks(array[0])
    else:
        step = max(1, _BLOCK // (array.size // len(array)))
        for begin in range(0, len(array), step):
            yield array[begin : begin + step]


def moved_copy(array: Array) -> Array:
    """The same numbers with the same strides, in memory of their own."""
    if not array.size:
        return np.empty_like(array)
    low, high = np.lib.array_utils.byte_bounds(array)
    memory = np.empty(high - low + _PAGE, np.uint8)
    begin = (low - memory.ctypes.data) % _PAGE
    if high - low > array.nbytes:
        memory.fill(255)  # what lies between is NaN or -1
    copy: Array = np.ndarray(
        array.shape, array.dtype, memory, begin + array.ctypes.data - low, array.strides
    )
    copy[...] = array
    return copy
