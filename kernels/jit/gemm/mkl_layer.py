"""One linear layer by oneMKL's products: its outputs, and the gradients of inputs and weights.

Threads take rows of the result where it has many, else columns of it; no sum is divided.
"""

from __future__ import annotations

from einbench.jit.claiming import claim_task
from einbench.jit.gemm.mkl import AS_IT_LIES, TRANSPOSED, gemm
from einbench.jit.linked import Integers, Pointer, at, linked, number

#: fewer rows than these are not shared, but the columns are
_MANY = 512
#: rows of a part at most: the bias written to outputs is still in cache when products are added
_ROWS = 1024
#: elements of a cache line in float32: parts of columns begin at multiples of these
_LINE = 16


def _begin(part: int, parts: int, columns: int) -> int:
    """Where the columns of a part begin, on a cache line."""
    lines = (columns + _LINE - 1) // _LINE
    return min(part * lines // parts * _LINE, columns)


def _parts(threads: int, batch: int) -> int:
    """How many parts a result of so many rows has."""
    return max((batch + _ROWS - 1) // _ROWS, threads) if batch >= _MANY else threads


def _part(part: int, parts: int, batch: int, width: int) -> tuple[int, int, int, int]:
    """A part's first row, its rows, its first column and its columns."""
    if batch >= _MANY:
        row = part * batch // parts
        return row, (part + 1) * batch // parts - row, 0, width
    column = _begin(part, parts, width)
    return 0, batch, column, _begin(part + 1, parts, width) - column


@linked(divided=True)
def outputs_by_mkl(
    thread: int, _count: int, threads: int, state: Integers,
    x: Pointer, w: Pointer, bias: Pointer, batch: int, units: int, features: int, z: Pointer,
) -> None:  # fmt: skip
    """Z[b, u] = bias[u] + sum_f X[b, f] W[u, f], as one thread takes parts of it."""
    tasks = _parts(threads, batch)
    task = claim_task(state, 0, thread, threads, tasks)
    while task < tasks:
        row, rows, column, columns = _part(task, tasks, batch, units)
        if columns > 0:
            for b in range(row, row + rows):
                for u in range(column, column + columns):
                    z[b * units + u] = bias[u]
            gemm(
                AS_IT_LIES, TRANSPOSED, rows, columns, features,
                at(x, row * features), features, at(w, column * features), features,
                number(z, 1), at(z, row * units + column), units,
            )  # fmt: skip
        task = claim_task(state, 0, thread, threads, tasks)


@linked(divided=True)
def inputs_by_mkl(
    thread: int, _count: int, threads: int, state: Integers,
    d: Pointer, w: Pointer, batch: int, units: int, features: int, dx: Pointer,
) -> None:  # fmt: skip
    """dX[b, f] = sum_u dZ[b, u] W[u, f], as one thread takes parts of it."""
    tasks = _parts(threads, batch)
    task = claim_task(state, 0, thread, threads, tasks)
    while task < tasks:
        row, rows, column, columns = _part(task, tasks, batch, features)
        if columns > 0:
            gemm(
                AS_IT_LIES, AS_IT_LIES, rows, columns, units,
                at(d, row * units), units, at(w, column), features,
                number(d, 0), at(dx, row * features + column), features,
            )  # fmt: skip
        task = claim_task(state, 0, thread, threads, tasks)


@linked(divided=True)
def weights_by_mkl(
    thread: int, _count: int, threads: int, state: Integers,
    x: Pointer, d: Pointer, batch: int, units: int, features: int, dw: Pointer,
) -> None:  # fmt: skip
    """dW[u, f] = sum_b dZ[b, u] X[b, f], as one thread takes columns of it."""
    task = claim_task(state, 0, thread, threads, threads)
    while task < threads:
        column = _begin(task, threads, features)
        columns = _begin(task + 1, threads, features) - column
        if columns > 0:
            gemm(
                TRANSPOSED, AS_IT_LIES, units, columns, batch,
                d, units, at(x, column), features,
                number(d, 0), at(dw, column), features,
            )  # fmt: skip
        task = claim_task(state, 0, thread, threads, threads)
