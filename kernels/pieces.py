"""How large a piece of an array is that one thread takes, and where its result is stored."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels.bodies import helper
from kernels.cpu import third_level_bytes

Array = npt.NDArray[Any]

#: elements of a piece of an array that a thread takes: some microseconds of work
PIECE = 1 << 12
#: a second thread is of help after a microsecond: so many exponentials, or bytes that a core's own
#: cache holds, take some
_ALONE_ELEMENTS, _ALONE_BYTES = 8_000, 200_000
#: a result of so many bytes is pushed out of the caches before it is read; where cores share one, a
#: program has a part of it (on two cores of 105 MB a Jacobian of 24 MB took 1.0 instead of 2.0 ms
#: stored to it, and 48 MB took 4.5 instead of 2.9)
_PAST_BYTES = max(1 << 22, third_level_bytes() // 4)


@helper()
def piece_of(like: Array, elements: int, arrays: int) -> int:
    """Elements of a piece: all of them, where no other thread would be of help.

    ``arrays`` are those that a function moves and does little else; 0 where it computes an
    exponential or a logarithm an element.
    """
    alone = _ALONE_ELEMENTS
    if arrays > 0:
        alone = _ALONE_BYTES // (arrays * like.itemsize)
    return max(elements, 1) if elements < alone else PIECE


@helper()
def beyond_caches(size_bytes: int) -> int:
    """1 where a result of so many bytes is better stored past the caches, else 0."""
    return 1 if size_bytes >= _PAST_BYTES else 0


@helper()
def piece_rows(columns: int) -> int:
    """Rows of a piece: a multiple of all vectors' lanes."""
    return max(PIECE // columns // 16, 1) * 16


@helper()
def rows_of_piece(like: Array, rows: int, columns: int, arrays: int) -> int:
    """Rows of a piece: all of them, where no other thread would be of help."""
    alone = piece_of(like, rows * columns, arrays) >= rows * columns
    return max(rows, 1) if alone else piece_rows(columns)
