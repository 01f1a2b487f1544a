"""How long a call would take at a size, without making it: from smaller batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.kernel import Kernel
from einbench.measure.calls import Call, bound
from einbench.measure.turns import Turn
from einbench.problem import Problem

Array = npt.NDArray[Any]

#: of a row with more numbers than this, fewer are computed first
_LARGE_ROW = 50_000
#: at most so many times the rows are next
_GROWTH = 10
#: seconds of a call that may have waited for a core, of BLAS's threads or its own: it is made again
#: before the kernel is left out
_MAY_HAVE_WAITED_S = 0.05


@dataclass(frozen=True)
class Prediction:
    """Seconds a call would take at ``batch``, in proportion to ``measured_s``."""

    batch: int
    measured_batch: int
    measured_s: float
    #: part of the numbers of a row, where not even one whole row was computed
    part: float = 1.0

    @property
    def seconds(self) -> float:
        """measured_s * batch / (measured_batch part); where few, overhead makes it too high."""
        return self.measured_s * max(self.batch, 1) / max(self.measured_batch, 1) / self.part

    @property
    def measured(self) -> bool:
        """Whether the call was made at the full batch."""
        return self.measured_batch == self.batch and self.part == 1.0


#: by method
Predictions = Mapping[str, Prediction]


def predict(
    kernel: Kernel,
    problem: Problem,
    limit_s: float,
    known: Prediction | None = None,
    clock: Callable[[], float] = time.perf_counter,
    calls: int = 3,
) -> Prediction:
    """Grow the batch until the prediction is decisive, or the call too slow.

    A prediction below ``limit_s`` is reliable, because overhead can only make it too high. One
    above it is refined at two to ten times the batch as long as that call itself is expected to
    stay below ``limit_s``: threads of BLAS that wait for a core take as long for one row. Of large
    rows a part is computed first, as drawn arrays with smaller sizes. What would leave the kernel
    out is the least of so many calls, where they are short.
    """

    def measured(rows: int, calls: int = calls) -> Prediction:
        part = problem if problem.batch is None else problem.first_rows(rows)
        call = bound(kernel, part)
        with np.errstate(all="ignore"):
            # as long as this, and twice the rows can be tried
            enough_s = limit_s if rows == batch else limit_s / 2
            return Prediction(batch, rows, _least_s(call, clock, enough_s, calls))

    batch = problem.rows
    if known is None:
        known = _of_part(kernel, problem, limit_s, clock, calls)
    if known is not None and known.part < 1.0:
        if known.seconds / max(batch, 1) > limit_s:
            return known
        known = None
    if known is None:
        measured(min(batch, 1), 1)  # the first call may compile
        known = measured(min(batch, 1))
    found = Prediction(batch, known.measured_batch, known.measured_s)
    while found.seconds > limit_s and not found.measured:
        before = max(found.measured_batch, 1)
        rows = min(batch, int(before * min(_GROWTH, limit_s / found.measured_s)))
        if rows < 2 * before:
            break
        found = measured(rows)
    return found


def _of_part(
    kernel: Kernel, problem: Problem, limit_s: float, clock: Callable[[], float], calls: int
) -> Prediction | None:
    """From one row with smaller axes; None where a row has few numbers."""
    op = problem.operation
    row = problem.sized({} if op.leading is None else {op.leading: min(problem.rows, 1)})
    axes = [axis for axis, size in row.sizes.items() if axis != op.leading and size > 1]
    part = _LARGE_ROW / 10 / max(_numbers(row), 1)
    found = None
    while part < 0.1 and axes:
        sizes = {axis: max(1, int(row.sizes[axis] * part ** (1 / len(axes)))) for axis in axes}
        for axis in axes:  # of many short ones some stay whole: all would be 1
            entries = part * prod(row.sizes[each] for each in axes)
            longest = int(entries * sizes[axis] / prod(sizes.values()))
            sizes[axis] = min(row.sizes[axis], max(sizes[axis], longest))
        drawn = row.sized(sizes).draw(0)
        call = bound(kernel, drawn)
        with np.errstate(all="ignore"):
            if found is None:
                call()  # the first call may compile
            took_s = _least_s(call, clock, limit_s / _GROWTH, calls)
        found = Prediction(problem.rows, 1, took_s, _numbers(drawn) / _numbers(row))
        if found.seconds <= limit_s or _GROWTH * took_s > limit_s:
            break
        part *= _GROWTH
    return found


def _least_s(call: Call, clock: Callable[[], float], enough_s: float, calls: int) -> float:
    """Of one call where it is that quick, or too long to have waited; else of so many."""
    least_s = _call_s(call, clock)
    for _ in range(calls - 1):
        if not enough_s < least_s <= _MAY_HAVE_WAITED_S:
            break
        least_s = min(least_s, _call_s(call, clock))
    return least_s


def _call_s(call: Call, clock: Callable[[], float]) -> float:
    """In a worker on its own clock: the way there would count as part of every row."""
    if isinstance(call, Turn):
        return call.timed(1, warm=False)
    start_s = clock()
    call()
    return clock() - start_s


def _numbers(problem: Problem) -> float:
    """Of inputs and outputs."""
    return (problem.input_bytes + problem.output_bytes) / problem.dtype.itemsize
