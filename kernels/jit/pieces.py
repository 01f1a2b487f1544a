"""How large a piece of an array is that one thread takes, and where its result is stored."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from einbench.host.cpu import third_level_bytes
from einbench.jit.bodies import helper

Array = npt.NDArray[Any]

#: elements of a piece of an array that a thread takes: some microseconds of work
PIECE = 1 << 12
#: a second thread is of help after a microsecond: so many exponentials, or bytes that a core's own
#: cache holds, take some
_SERIAL_ELEMENTS, _SERIAL_BYTES = 8_000, 200_000
#: where so many bytes are read and written, the result is pushed out of the caches before it is
#: read: as many as the cache holds that cores share, of which a program has a part where it is
#: large. (Plain and non-temporal stores, cache of 32 MB: relu that moves 20 MB 0.18 and 0.41 ms, a
#: VJP that moves 30 MB 0.33 and 0.43. Of 105 MB: a Jacobian of 24 MB 1.0 and 2.0, of 48 MB 4.5 and
#: 2.9.)
_MOVED_BYTES = max(1 << 23, min(third_level_bytes(), 50_000_000))


@helper()
def piece_of(like: Array, elements: int, arrays: int) -> int:
    """Elements of a piece: all of them, where no other thread would be of help.

    ``arrays`` are those that a function moves and does little else; 0 where it computes an
    exponential or a logarithm an element.
    """
    serial = _SERIAL_ELEMENTS
    if arrays > 0:
        serial = _SERIAL_BYTES // (arrays * like.itemsize)
    return max(elements, 1) if elements < serial else PIECE


@helper()
def non_temporal(moved_bytes: int) -> int:
    """1 where non-temporal stores are faster, else 0; of all bytes that are read and written."""
    return 1 if moved_bytes >= _MOVED_BYTES else 0


@helper()
def piece_rows(columns: int) -> int:
    """Rows of a piece: a multiple of all vectors' lanes."""
    return max(PIECE // columns // 16, 1) * 16


@helper()
def rows_of_piece(like: Array, rows: int, columns: int, arrays: int) -> int:
    """Rows of a piece: all of them, where no other thread would be of help."""
    serial = piece_of(like, rows * columns, arrays) >= rows * columns
    return max(rows, 1) if serial else piece_rows(columns)
