"""Seconds that NumPy, BLAS and compiled loops are expected to take, from operations and bytes.

Rates are those of a common core; they need only be right about which is less.
"""

from __future__ import annotations

import functools
from math import prod

from einbench.einsum import rates
from einbench.einsum.compiling import why_not_compiled
from einbench.einsum.nest import nest
from einbench.einsum.products import product
from einbench.einsum.task import Refusal, Task, by_memory

#: seconds that loops must save in one call before they are compiled
WORTH_COMPILING = 2e-5
#: loops around the innermost: compiling more of them takes seconds
_MOST_COMPILED = 12


@functools.lru_cache(maxsize=4096)
def quickest(task: Task) -> tuple[str, float]:
    """Which of these kernels takes the least, and the seconds it is expected to take."""
    expected = costs(task)
    name = min(expected, key=expected.__getitem__)
    return name, expected[name]


def costs(task: Task) -> dict[str, float]:
    """Seconds that each kernel which may be the fastest is expected to take."""
    # broadcast takes any number of axes and operands
    costs = {"einsum" if task.contraction.fits_numpy else "broadcast": _einsum(task)}
    if (seconds := _product(task)) is not None:
        costs["matmul"] = seconds
    if min(costs.values()) < WORTH_COMPILING:
        return costs
    loops = nest(task)
    if len(loops.free) + len(loops.summed) > _MOST_COMPILED:
        return costs
    serial, parallel = _loops(task)
    if not why_not_compiled(False):
        costs["numba"] = serial + WORTH_COMPILING
    if not why_not_compiled(True):
        costs["numba_parallel"] = parallel + WORTH_COMPILING
    return costs


def _bytes(task: Task) -> float:
    contraction = task.contraction
    every = (*contraction.inputs, contraction.output)
    return float(sum(prod(contraction.shape(each)) for each in every) * task.dtype.itemsize)


def _einsum(task: Task) -> float:
    operations = task.contraction.iterations * max(1, len(task.strides) - 1)
    rate = rates.EINSUM if _innermost_contiguous(task) else rates.EINSUM / 3
    if len(task.strides) > 2:
        rate /= 3
    return rates.CALL_EINSUM + max(operations / rate, _bytes(task) / rates.BYTES)


def _innermost_contiguous(task: Task) -> bool:
    """Whether NumPy's own loop runs along contiguous memory of every array that has its index."""
    last = {by_memory(task.of(n))[-1:] for n in range(len(task.strides))}
    return len(last) == 1


def _product(task: Task) -> float | None:
    """None where BLAS is of no use: whole numbers, or nothing that is summed."""
    if task.dtype.kind not in "fc" or not task.summed:
        return None
    try:
        return product(task).seconds
    except Refusal:
        return None


def _loops(task: Task) -> tuple[float, float]:
    """Of loops compiled for one thread, and for all."""
    operations = float(task.contraction.iterations * max(1, len(task.strides) - 1))
    if task.dtype.kind == "c":
        operations *= 4
    if len(task.strides) > 2:
        operations *= 2  # products of three are computed anew in every round
    rate = rates.LOOPS_ON_VECTORS if task.dtype.itemsize <= 8 else rates.LOOPS
    if task.dtype.itemsize == 8:
        rate *= 0.6  # half as many in a vector
    if any(
        min(map(abs, each), default=0) > task.dtype.itemsize
        for each in (*task.strides, task.out_strides)
    ):
        rate /= 3  # an array whose elements lie apart is gathered
    seconds = max(operations / (rate * nest(task).vector), _bytes(task) / rates.BYTES)
    threads = rates.threads()
    outermost = max((task.contraction.sizes[i] for i in task.contraction.output), default=0)
    shared = seconds / threads if outermost >= threads or not task.contraction.output else seconds
    return rates.CALL_LOOPS + seconds, rates.CALL_PARALLEL + shared
