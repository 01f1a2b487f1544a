"""What operations and bytes are expected to take, in seconds.

Constants are of a common core. A *pace* corrects them where it was measured on the machine at hand
(`einbench.choose.paces`): the seconds of a step of some kind over those expected, by dtype.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from einbench.host.cores import usable_threads

#: operations a second of one core: BLAS on large matrices, compiled loops, NumPy's einsum
BLAS, LOOPS, LOOPS_ON_VECTORS, EINSUM = 5e10, 2.5e9, 6e9, 6e9
#: bytes a second of one core: in loops, and copied by NumPy to another order
BYTES, COPIED = 6e10, 2e9
#: seconds that a call takes whatever its size
CALL_EINSUM, CALL_MATMUL, CALL_LOOPS, CALL_PARALLEL = 1.5e-6, 2.5e-6, 1e-6, 1e-5
#: of every matrix product in a stack, where threads share it, and of an inner loop of einsum
CALL_BLAS, CALL_SHARED, BEGIN_EINSUM = 5e-8, 5e-6, 4.5e-9
#: operations of one matrix product that BLAS shares out between threads
_SHARED = 200_000
#: elements of a result that is not shared out
_FEW = 4096
#: operations of a small matrix product, and rows, columns and sums of a narrow one
_SMALL, _NARROW = 1 << 14, 32


#: kinds of steps that have a pace: BLAS on large matrices, on those with few rows or columns, with
#: few sums, on vectors and on stacks of small matrices; copies to another order; NumPy's einsum;
#: compiled loops on one thread and on all; the machine's vectors; one pass over memory
KINDS = (
    "large", "narrow", "short", "vector", "stack", "copied", "einsum", "loops", "loops parallel",
    "machine", "pass",
)  # fmt: skip
Paces = Mapping[str, Mapping[str, float]]
#: dtype -> kind -> pace; and the same by the dtype's letter, whose name takes a microsecond
_USED: dict[str, Mapping[str, float]] = {}
_PACES: dict[str, Mapping[str, float]] = {}
#: called where paces change: what was expected with others is forgotten
on_change: list[Callable[[], object]] = []


def use(paces: Paces) -> None:
    """Expect what these say from now on: dtype -> kind -> pace."""
    if paces == _USED:
        return
    for held in (_USED, _PACES):
        held.clear()
    _USED.update(paces)
    _PACES.update({np.dtype(name).char: paces[name] for name in paces})
    for listener in on_change:
        listener()


def used() -> dict[str, Mapping[str, float]]:
    """Those in use."""
    return dict(_USED)


def pace(kind: str, dtype: np.dtype[Any]) -> float:
    """Seconds of a step of this kind over those expected on a common core; 1 if not measured."""
    return _PACES[dtype.char].get(kind, 1.0) if dtype.char in _PACES else 1.0


def passing(moved: float, dtype: np.dtype[Any]) -> float:
    """Seconds of reading and writing so many bytes on one core."""
    return moved / BYTES * pace("pass", dtype)


def kind_of(rows: int, summed: int, columns: int) -> str:
    """Of one matrix product."""
    least = min(rows, columns)
    if least == 1 or summed == 1:
        return "vector"
    if rows * summed * columns < _SMALL:
        return "stack"
    if least < _NARROW:
        return "narrow"
    return "short" if summed < _NARROW else "large"


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
        rate = BLAS * min(1.0, least / _NARROW) * min(1.0, summed / _NARROW)
    call = CALL_BLAS if shared == 1 else CALL_SHARED
    of_kind = pace(kind_of(rows, summed, columns), dtype)
    each = (call + rows * summed * columns * wide / (rate * shared)) * of_kind
    moved = rows * summed + summed * columns + rows * columns
    # a result is written once per sum, and short sums leave BLAS little else to do
    moving = passing(moved * dtype.itemsize, dtype) / shared
    each = max(each, moving / min(1.0, summed / 8))
    copying = copied * dtype.itemsize / COPIED * pace("copied", dtype)
    return CALL_MATMUL + stack * each + copying
