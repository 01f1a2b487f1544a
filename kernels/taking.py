"""Tasks that threads take one at a time, phase after phase, inside one parallel region.

Starting a parallel region costs ten microseconds and waking a sleeping thread a hundred, which is
what a whole phase of a small batch takes. So there is one region a call, and in it each thread runs
through all phases: it takes tasks until none is left, and goes on when all of them are done.
Nobody is waited for who has not taken a task: a thread that wakes late, or never, costs nothing but
its help, and one that is held up leaves its share to the others.

The counters are a flat int64 array; every counter has a cache line of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.bodies import Intrinsic, helper
from kernels.linked import Integers

Array = npt.NDArray[Any]

#: iterations of the region, at least as many as threads that shall help: asking for their number
#: takes longer than the few iterations that find nothing left
CROWD = 64
#: elements of a piece of an array that a thread takes: some microseconds of work
PIECE = 1 << 14
#: starting threads costs ten microseconds: so many exponentials, or bytes that a core's own cache
#: holds, are done before they are of help
_ALONE_ELEMENTS, _ALONE_BYTES = 40_000, 1_400_000
#: a result of so many bytes pushes everything else out of a core's own caches, and itself too
_PAST_BYTES = 1 << 22
_LINE = 8  # int64 in a cache line


def _build_add() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def add(typing: Any, counters: Any, place: Any, value: Any) -> Any:
        i = types.int64

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array, place, value = arguments
            data = array
            if isinstance(counters, types.Array):
                data = context.make_array(counters)(context, builder, array).data
            where = builder.bitcast(builder.gep(data, [place]), ir.IntType(64).as_pointer())
            # whoever sees the sum sees all that was written before it
            return builder.atomic_rmw("add", where, value, "acq_rel")

        return i(counters, i, i), generate

    return intrinsic(add)


#: ``add(counters, place, value)``: adds at once for all threads, and gives what was there before
add = Intrinsic(_build_add, __file__)


@helper()
def counters(phases: int) -> Array:
    """For each phase how many tasks were taken, and how many are done."""
    return np.zeros(2 * phases * _LINE, np.int64)


@helper()
def take(state: Integers, phase: int) -> int:
    """The number of a task that nobody else has; beyond the last there are none."""
    return add(state, 2 * phase * _LINE, 1)


@helper()
def finish(state: Integers, phase: int) -> None:
    """A task that was taken is done."""
    add(state, (2 * phase + 1) * _LINE, 1)


@helper()
def wait(state: Integers, phase: int, tasks: int) -> None:
    """Until all tasks of the phase are done; those left are in the hands of running threads."""
    while add(state, (2 * phase + 1) * _LINE, 0) < tasks:
        pass


@helper()
def left(state: Integers, phase: int, tasks: int) -> bool:
    """Whether the phase has tasks that nobody has taken."""
    return add(state, 2 * phase * _LINE, 0) < tasks


@helper()
def pieces_of(like: Array, elements: int, arrays: int) -> int:
    """How many pieces to take of so many elements: one, where no other thread would be of help.

    ``arrays`` are those that a function moves and does little else; 0 where it computes an
    exponential or a logarithm an element.
    """
    alone = _ALONE_ELEMENTS
    if arrays > 0:
        alone = _ALONE_BYTES // (arrays * like.itemsize)
    return 1 if elements < alone else (elements + PIECE - 1) // PIECE


@helper()
def beyond_caches(size_bytes: int) -> int:
    """1 where a result of so many bytes is better stored past the caches, else 0."""
    return 1 if size_bytes >= _PAST_BYTES else 0


@helper()
def piece_rows(columns: int) -> int:
    """Rows of a piece: a multiple of all vectors' lanes."""
    return max(PIECE // columns // 16, 1) * 16
