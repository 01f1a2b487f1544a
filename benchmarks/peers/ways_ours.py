"""The suite itself: every kernel of the operation that is not hopeless at this size."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from kernels.choose import environment
from kernels.measure.predict import Prediction, predict
from kernels.measure.spinning import stop_spinning
from kernels.measure.timing import told
from kernels.registry import Kernel

from .task import Array, Offer, Task, Way

#: a kernel is hopeless where it is predicted to take so many times as long as the best one, and
#: longer than this: smaller batches show mostly what a call costs
_HOPELESS = 20.0
_SHORT_S = 0.01
#: what a prediction may cost: the largest rows it tries take no longer
_TRIED_S = 0.2


class Ours:
    """What calls took at smaller batches is known for larger ones."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], Prediction] = {}

    def offer(self, task: Task) -> Offer:
        """All kernels that are there and worth their time."""
        predicted_s: dict[str, float] = {}
        skipped: dict[str, str] = {}
        for kernel in task.operation:
            if kernel.reason:
                skipped[kernel.method] = f"unavailable: {kernel.reason}"
                continue
            try:
                predicted_s[kernel.method] = self._predicted_s(kernel, task)
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

    def _predicted_s(self, kernel: Kernel, task: Task) -> float:
        key = (task.operation.name, kernel.method, task.dtype.name)
        batch = task.sizes["batch"]
        known = self._known.get(key)
        if known is not None and known.measured_batch > batch:
            known = None  # a larger batch says nothing of what a call costs
        found = predict(kernel, task.arrays, task.options, batch, _TRIED_S, known)
        self._known[key] = found
        return found.seconds

    def close(self) -> None:
        """Every way holds its own."""

    def facts(self) -> Mapping[str, Any]:
        """Threads of BLAS or numba, whichever are more."""
        return {"numpy": np.__version__, "threads": max(environment.threads())}


def _way(kernel: Kernel, task: Task) -> Way:
    return Way(
        called(kernel, task), partial(_arrays, len(task.operation.outputs)), before=stop_spinning
    )


def called(kernel: Kernel, task: Task) -> partial[Any]:
    """What `kernels.auto` calls, writing to memory that is there already where it can.

    A kernel that takes no ``out`` pays for fresh memory at every call.
    """
    given: dict[str, Any] = {}
    if getattr(kernel, "takes_out", False):
        buffers = [np.full(shape, np.nan, task.dtype) for shape in task.shapes.values()]
        given["out"] = buffers[0] if len(buffers) == 1 else tuple(buffers)
    entry = kernel.entry(task.given, task.options, **given)
    return partial(entry, *task.given, **given)


def _arrays(outputs: int, result: Any) -> tuple[Array, ...]:
    return (result,) if outputs == 1 else tuple(result)


def library(threads: int) -> Ours:
    """Threads are the environment's."""
    return Ours()
