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
_LINE_BYTES = 64


def seconds(task: Task, name: str) -> float:
    """Seconds that a kernel is expected to take, whether it may be the fastest or not.

    Raises:
        Refusal: it does not compute such a task.
    """
    if name == "einsum":
        return _einsum(task)
    if name == "matmul":
        return product(task).seconds
    return _loops(task)[1 if name == "numba_parallel" else 0]


@functools.lru_cache(maxsize=2048)
def quickest(task: Task) -> tuple[str, float]:
    """Which of these kernels takes the least, and the seconds it is expected to take."""
    expected = costs(task)
    name = min(expected, key=expected.__getitem__)
    return name, expected[name]


rates.on_change.append(quickest.cache_clear)


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
    if not why_not_compiled():
        costs["numba"] = serial + WORTH_COMPILING
        costs["numba_parallel"] = parallel + WORTH_COMPILING
    return costs


def moving(task: Task) -> float:
    """Seconds of reading every operand and writing the result once, on one core."""
    return rates.passing(_bytes(task), task.dtype)


def _bytes(task: Task) -> float:
    """What is read and written: whole lines of a cache where elements lie further apart."""
    contraction, least = task.contraction, task.dtype.itemsize
    moved = 0
    for indices, strides in zip(
        (*contraction.inputs, contraction.output), (*task.strides, task.out_strides), strict=True
    ):
        apart = min((abs(stride) for stride in strides if stride), default=least)
        moved += prod(contraction.shape(indices)) * max(least, min(apart, _LINE_BYTES))
    return float(moved)


def _einsum(task: Task) -> float:
    """NumPy's loop along one axis, begun anew for every entry of the others."""
    length, contiguous = _innermost(task)
    iterations = task.contraction.iterations
    rate = rates.EINSUM / max(1.0, task.dtype.itemsize / 4)
    if len(task.strides) > 2:
        rate /= 8
    elif not contiguous:
        rate /= 3
    seconds = (iterations / rate + iterations / length * rates.BEGIN_EINSUM) * rates.pace(
        "einsum", task.dtype
    )
    return rates.CALL_EINSUM + max(seconds, moving(task))


def _innermost(task: Task) -> tuple[int, bool]:
    """Length of NumPy's inner loop, and whether every array that has its index has it last."""
    orders = [by_memory(task.of(n)) for n in range(-1, len(task.strides))]
    sizes = task.contraction.sizes
    last = [i for each in orders for i in each[-1:]]
    fitting = [sizes[i] for i in last if all(i not in each or each[-1] == i for each in orders)]
    return max(fitting or [sizes[i] for i in last], default=1), bool(fitting)


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
    loops = nest(task)
    operations = float(loops.products)
    if task.dtype.kind == "c":
        operations *= 4
    if len(task.strides) > 2 and not loops.steps:
        operations *= 2  # products of three are computed anew in every round
    rate = rates.LOOPS_ON_VECTORS if task.dtype.itemsize <= 8 else rates.LOOPS
    if task.dtype.itemsize == 8:
        rate *= 0.6  # half as many in a vector
    if any(
        min(map(abs, each), default=0) > task.dtype.itemsize
        for each in (*task.strides, task.out_strides)
    ):
        rate /= 3  # an array whose elements lie apart is gathered
    seconds, dtype = operations / (rate * loops.vector), task.dtype
    least = moving(task)
    serial, parallel = (
        max(seconds * rates.pace(kind, dtype), least) for kind in ("loops", "loops parallel")
    )
    threads = rates.threads()
    outermost = max((task.contraction.sizes[i] for i in task.contraction.output), default=0)
    if outermost >= threads or not task.contraction.output:
        parallel /= threads
    return rates.CALL_LOOPS + serial, rates.CALL_PARALLEL + parallel
