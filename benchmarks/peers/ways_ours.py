"""The suite itself: every kernel of the operation that is not hopeless at this size."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from einbench.choose import environment
from einbench.host.memory import for_result
from einbench.kernel import Kernel
from einbench.measure.spinning import stop_spinning
from einbench.problem import Problem

from .serving import told
from .task import Array, Offer, Task, Way

#: a kernel is hopeless where it is predicted to take so many times as long as the best one, and
#: longer than this: smaller batches show mostly what a call costs
_HOPELESS = 5.0
_SHORT_S = 0.05
#: a prediction grows the batch by this until a call takes so long, the fastest of a few
_GROWTH = 4
_LONG_S = 0.1
_CALLS = 3
#: a call that takes so long is not held up: it is made once
_ENOUGH_S = 1.0


class Ours:
    """Kernels and nothing else."""

    def offer(self, task: Task) -> Offer:
        """All kernels that are there and worth their time."""
        predicted_s: dict[str, float] = {}
        skipped: dict[str, str] = {}
        for kernel in task.operation:
            if kernel.reason:
                skipped[kernel.method] = f"unavailable: {kernel.reason}"
                continue
            try:
                predicted_s[kernel.method] = _predicted_s(kernel, task)
            except Exception as problem:
                skipped[kernel.method] = told(problem)
        best_s = min(predicted_s.values(), default=0.0)
        for method, seconds in predicted_s.items():
            if seconds > max(_HOPELESS * best_s, _SHORT_S):
                skipped[method] = f"about {seconds:.2g} s at this size"
        return Offer(
            {
                method: partial(_way, task.operation[method], task)
                for method in predicted_s
                if method not in skipped
            },
            skipped,
        )

    def close(self) -> None:
        """Every way holds its own."""

    def facts(self) -> Mapping[str, Any]:
        """Threads of BLAS or numba, whichever are more."""
        return {"numpy": np.__version__, "threads": max(environment.threads())}


def _predicted_s(kernel: Kernel, task: Task) -> float:
    """Seconds of a call, in proportion to one of fewer rows where all of them take too long.

    The suite's own prediction is from single calls: somebody else on a core spoils one of them, and
    a call of one row that was held up for a tenth of a second would stand for hours.
    """
    batch, rows = task.sizes["batch"], 1
    _called_s(kernel, task, rows)  # it may compile
    while True:
        call_s, calls = _called_s(kernel, task, rows), 1
        while calls < _CALLS and call_s < _ENOUGH_S:
            call_s, calls = min(call_s, _called_s(kernel, task, rows)), calls + 1
        if rows == batch or call_s > _LONG_S:
            return call_s * batch / rows
        rows = min(batch, rows * _GROWTH)


def _called_s(kernel: Kernel, task: Task, rows: int) -> float:
    arrays = Problem.of(task.operation, task.given, task.options).first_rows(rows).given
    with np.errstate(all="ignore"):
        start_s = time.perf_counter()
        kernel.function(*arrays, **task.options)
        return time.perf_counter() - start_s


def _way(kernel: Kernel, task: Task) -> Way:
    """What `einbench.auto` calls, writing to memory that is there already where it can.

    A kernel that takes no ``out`` pays for fresh memory at every call.
    """
    outputs = len(task.operation.outputs)
    if not kernel.takes_out:
        call = partial(kernel.entry(task.given, task.options), *task.given)
        return Way(call, partial(_arrays, outputs), after=stop_spinning)
    # as it lies where a kernel makes it
    buffers = tuple(for_result(shape, task.dtype) for shape in task.shapes.values())
    for buffer in buffers:
        buffer.fill(np.nan)
    out = buffers if outputs > 1 else buffers[0]
    call = partial(kernel.entry(task.given, task.options, out), *task.given, out)
    return Way(call, lambda _: buffers, after=stop_spinning)


def _arrays(outputs: int, result: Any) -> tuple[Array, ...]:
    return (result,) if outputs == 1 else tuple(result)


def library(threads: int) -> Ours:
    """Threads are the environment's."""
    return Ours()
