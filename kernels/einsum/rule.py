"""Which kernel is expected to be the fastest for a task, before any was timed.

Seconds are estimated from operations and bytes, with rates of a common core; they need only be
right about which is less. Measuring (`einbench.fastest` on an `einbench.expression`) knows better.
"""

from __future__ import annotations

import functools
from math import prod

from einbench.einsum.compiling import why_not_compiled
from einbench.einsum.products import groups_of, product
from einbench.einsum.task import Refusal, Task, by_memory
from einbench.host.machine import usable_threads as count_threads

#: operations a second of one core: BLAS on large matrices, compiled loops, NumPy's einsum
_BLAS, _LOOPS, _LOOPS_ON_VECTORS, _EINSUM = 4e10, 2.5e9, 6e9, 1.2e9
_BYTES = 8e9
#: seconds that a call takes whatever its size
_CALL_EINSUM, _CALL_MATMUL, _CALL_LOOPS, _CALL_PARALLEL = 1.5e-6, 2.5e-6, 1e-6, 1e-5
_CALL_BLAS = 2e-7
#: seconds that loops must save in one call before they are compiled
_WORTH_COMPILING = 2e-5


@functools.lru_cache(maxsize=4096)
def choose(task: Task) -> tuple[str, float]:
    """Name of the kernel, and the seconds it is expected to take."""
    costs = {"einsum": _einsum(task)}
    if (seconds := _product(task)) is not None:
        costs["matmul"] = seconds
    best = min(costs.values())
    serial, parallel = _loops(task)
    if not why_not_compiled(False):
        costs["numba"] = serial + _WORTH_COMPILING
    if not why_not_compiled(True):
        costs["numba_parallel"] = parallel + _WORTH_COMPILING
    if best < _WORTH_COMPILING:
        costs = {name: cost for name, cost in costs.items() if not name.startswith("numba")}
    name = min(costs, key=costs.__getitem__)
    return name, costs[name]


@functools.cache
def usable_threads() -> int:
    """Asked once: it takes longer than a small product."""
    return count_threads()


def _bytes(task: Task) -> float:
    contraction = task.contraction
    every = (*contraction.inputs, contraction.output)
    return float(sum(prod(contraction.shape(each)) for each in every) * task.dtype.itemsize)


def _einsum(task: Task) -> float:
    operations = task.contraction.iterations * max(1, len(task.strides) - 1)
    rate = _EINSUM if _innermost_contiguous(task) else _EINSUM / 3
    if len(task.strides) > 2:
        rate /= 3
    return _CALL_EINSUM + max(operations / rate, _bytes(task) / _BYTES)


def _innermost_contiguous(task: Task) -> bool:
    """Whether NumPy's own loop runs along contiguous memory of every array that has its index."""
    last = {by_memory(task.of(n))[-1:] for n in range(len(task.strides))}
    return len(last) == 1


def _product(task: Task) -> float | None:
    try:
        groups, plan = groups_of(task), product(task)
    except Refusal:
        return None
    if task.dtype.kind not in "fc":
        return None
    sizes = task.contraction.shape
    stack, rows, summed, columns = (
        prod(sizes(g)) for g in (groups.stack, groups.rows, groups.summed, groups.columns)
    )
    wide = 1.0 if task.dtype.itemsize <= 4 else (2.0 if task.dtype.itemsize == 8 else 4.0)
    threads = usable_threads() if rows * summed * columns > 200_000 else 1
    least = min(rows, columns)
    if least == 1 or summed == 1:
        rate = _BLAS / 16
    else:
        rate = _BLAS * min(1.0, least / 32) * min(1.0, summed / 16)
    each = _CALL_BLAS + rows * summed * columns * wide / (rate * threads)
    copied = plan.copied * task.dtype.itemsize * 2 / (_BYTES / 2)
    return _CALL_MATMUL + stack * each + copied


def _loops(task: Task) -> tuple[float, float]:
    """Of loops compiled for one thread, and for all."""
    operations = float(task.contraction.iterations * max(1, len(task.strides) - 1))
    if task.dtype.kind == "c":
        operations *= 4
    rate = _LOOPS_ON_VECTORS if task.dtype.itemsize <= 8 else _LOOPS
    seconds = max(operations / rate, _bytes(task) / _BYTES)
    threads = usable_threads()
    outermost = max((task.contraction.sizes[i] for i in task.contraction.output), default=0)
    shared = seconds / threads if outermost >= threads or not task.contraction.output else seconds
    return _CALL_LOOPS + seconds, _CALL_PARALLEL + shared
