"""What operations and bytes are expected to take on a common core, in seconds."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from einbench.host.cores import usable_threads

#: operations a second of one core: BLAS on large matrices, compiled loops, NumPy's einsum
BLAS, LOOPS, LOOPS_ON_VECTORS, EINSUM = 5e10, 2.5e9, 6e9, 1.2e9
#: bytes a second of one core: in loops, and copied by NumPy to another order
BYTES, COPIED = 6e10, 2e9
#: seconds that a call takes whatever its size
CALL_EINSUM, CALL_MATMUL, CALL_LOOPS, CALL_PARALLEL = 1.5e-6, 2.5e-6, 1e-6, 1e-5
#: of every matrix product in a stack, and where threads share it
CALL_BLAS, CALL_SHARED = 2e-7, 5e-6
#: operations of one matrix product that BLAS shares out between threads
_SHARED = 200_000
#: elements of a result that is not shared out
_FEW = 4096


@functools.cache
def threads() -> int:
    """Asked once: it takes longer than a small product."""
    return usable_threads()


def product(
    stack: int, rows: int, summed: int, columns: int, copied: int, dtype: np.dtype[Any]
) -> float:
    """Of a stack of matrix products, and of copying so many elements before or after."""
    wide = 1.0 if dtype.itemsize <= 4 else (2.0 if dtype.itemsize == 8 else 4.0)
    least = min(rows, columns)
    # BLAS shares out what is made, and not its sums; of vectors the longer one
    several = rows * summed * columns > _SHARED and (
        rows * columns > _FEW or least == 1 < rows * columns
    )
    shared = threads() if several else 1
    if least == 1 or summed == 1:
        rate = BLAS / 2
    else:
        rate = BLAS * min(1.0, least / 32) * min(1.0, summed / 32)
    call = CALL_BLAS if shared == 1 else CALL_SHARED
    each = call + rows * summed * columns * wide / (rate * shared)
    moved = rows * summed + summed * columns + rows * columns
    # a result is written once per sum, and short sums leave BLAS little else to do
    moving = moved * dtype.itemsize / (BYTES * shared)
    each = max(each, moving / min(1.0, summed / 8))
    return CALL_MATMUL + stack * each + copied * dtype.itemsize / COPIED
