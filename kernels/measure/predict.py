"""How long a call would take at a size, without making it: from smaller batches."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.kernel import Kernel
from einbench.measure.calls import bound
from einbench.problem import Problem

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Prediction:
    """Seconds a call would take at ``batch``, in proportion to ``measured_s``."""

    batch: int
    measured_batch: int
    measured_s: float

    @property
    def seconds(self) -> float:
        """measured_s * batch / measured_batch; at small batches overhead makes it too high."""
        return self.measured_s * max(self.batch, 1) / max(self.measured_batch, 1)

    @property
    def measured(self) -> bool:
        """Whether the call was made at the full batch."""
        return self.measured_batch == self.batch


def predict(
    kernel: Kernel,
    problem: Problem,
    limit_s: float,
    known: Prediction | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Prediction:
    """Grow the batch tenfold until the prediction is decisive, or the call too slow.

    A prediction below ``limit_s`` is reliable, because overhead can only make it too high. One
    above it is refined at ten times the batch as long as that call itself stays below
    ``limit_s``.
    """

    def measured(rows: int) -> Prediction:
        part = problem if problem.batch is None else problem.first_rows(rows)
        call = bound(kernel, part)
        with np.errstate(all="ignore"):
            start_s = clock()
            call()
            return Prediction(batch, rows, clock() - start_s)

    batch = problem.rows
    if known is None:
        measured(min(batch, 1))  # the first call may compile
        known = measured(min(batch, 1))
    found = Prediction(batch, known.measured_batch, known.measured_s)
    while found.seconds > limit_s and not found.measured:
        rows = min(batch, max(found.measured_batch, 1) * 10)
        if found.measured_s * rows / max(found.measured_batch, 1) > limit_s:
            break
        found = measured(rows)
    return found
