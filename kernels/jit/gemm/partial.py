"""The gradient of a layer's weights from many rows, as sums over parts of the rows.

    G[u, f] = sum_p sum_(b in part p) D[b, u] A[b, f]

Threads take groups of columns of a part, and read its rows in order, which a processor prefetches:
panel by panel, the rows lie pages apart. A chunk of rows is packed panel by panel and stays in a
core's second-level cache, with the sums. How many parts there are depends on the rows alone, and
their sums are added in order: the same inputs give the same bits on any number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from einbench.jit.bodies import helper
from einbench.jit.claiming import claim_task, finish_task, wait_for_tasks
from einbench.jit.gemm.block import PLAIN, STEPPED, down
from einbench.jit.gemm.products import DEPTH, padded, panel_width, panels_of
from einbench.jit.gemm.transposing import move
from einbench.jit.linked import Integers, Pointer, at, elements_to_line, fresh, linked, number
from einbench.jit.simd.registers import lanes

Array = npt.NDArray[Any]

#: bytes of a column from which on there are parts: fewer rows stay in second-level cache
_FROM_BYTES = 2560
#: rows from which on there are four parts instead of two; each has sums as large as the result,
#: which are read again
_FROM_FOUR = 4096
#: vectors of a row that are a group at most: of a chunk of these and of their sums a second-level
#: cache holds all; fewer are slower to read
_GROUP = 108
#: rows of the result that a thread adds up at a time
_UNITS = 8


@helper()
def by_parts(like: Array, batch: int) -> bool:
    """Whether so many rows are better divided into parts."""
    return batch * like.itemsize >= _FROM_BYTES


@helper()
def parts_of(batch: int) -> int:
    """How many parts so many rows have."""
    return 4 if batch >= _FROM_FOUR else 2


@helper()
def partial_elements(like: Pointer, batch: int, units: int, features: int) -> int:
    """Memory of `weights_by_parts`, for sums of all parts."""
    return parts_of(batch) * units * padded(like, features)


@linked(divided=True)
def weights_by_parts(
    thread: int, _count: int, threads: int, state: Integers,
    a: Pointer, d: Pointer, batch: int, units: int, features: int,
    zeros: Pointer, work: Pointer, c: Pointer,
) -> None:  # fmt: skip
    """C[u, f] = sum_b D[b, u] A[b, f], as one thread goes through its parts, then rows of C."""
    parts, panels = parts_of(batch), panels_of(a, features)
    groups = max((3 * panels + _GROUP - 1) // _GROUP, (threads + parts - 1) // parts)
    memory = fresh(a, DEPTH * (panels // groups + 1) * 3 * lanes(a) + 16)
    packed = memory[elements_to_line(memory) :]
    tasks = parts * groups
    task = claim_task(state, 0, thread, threads, tasks)
    while task < tasks:
        part, group = task // groups, task % groups
        begin, end = group * panels // groups, (group + 1) * panels // groups
        first, last = part * batch // parts, (part + 1) * batch // parts
        sums = at(work, part * units * padded(a, features))
        chunks = (last - first + DEPTH - 1) // DEPTH
        for chunk in range(chunks):
            b = first + chunk * (last - first) // chunks
            rows = first + (chunk + 1) * (last - first) // chunks - b
            _pack_rows(at(a, b * features), rows, features, begin, end, packed)
            _add_chunk(
                at(d, b * units), rows, units, packed, features, begin, end, min(chunk, 1), zeros,
                sums,
            )  # fmt: skip
        finish_task(state, 0, threads)
        task = claim_task(state, 0, thread, threads, tasks)
    wait_for_tasks(state, 0, threads, tasks)
    tasks = (units + _UNITS - 1) // _UNITS
    task = claim_task(state, 1, thread, threads, tasks)
    while task < tasks:
        u = task * _UNITS
        _add_parts(work, parts, u, min(_UNITS, units - u), units, features, c)
        task = claim_task(state, 1, thread, threads, tasks)


@linked()
def _pack_rows(a: Pointer, rows: int, columns: int, begin: int, end: int, packed: Pointer) -> None:
    """Panels one after the other, each packed[row, k] = A[row, first + k], zeros beyond the end."""
    size = lanes(a)
    before = begin * 3 * size
    for row in range(rows):
        for panel in range(begin, end):
            first, width = panel * 3 * size, panel_width(a, columns, panel)
            own, there = row * columns + first, (first - before) * rows + row * width
            if first + width <= columns:
                move(at(a, own), at(packed, there), width // size)
            else:
                for k in range(width):
                    packed[there + k] = a[own + k] if first + k < columns else number(a, 0)


@linked()
def _add_chunk(
    d: Pointer, rows: int, units: int, packed: Pointer, features: int, begin: int, end: int,
    more: int, zeros: Pointer, sums: Pointer,
) -> None:  # fmt: skip
    """Sums over these rows, added to those there are where ``more``; they lie panel by panel."""
    size = lanes(d)
    for panel in range(begin, end):
        first, width = panel * 3 * size, panel_width(d, features, panel)
        own, here = at(packed, (first - begin * 3 * size) * rows), at(sums, first * units)
        # a chunk is summed apart and then added: in one long sum rounding grows with every product
        down(
            units, width // size, d, 1, units, own, width, here, width, zeros, 0,
            rows, STEPPED if more != 0 else PLAIN, here, width, 1,
        )  # fmt: skip


@linked()
def _add_parts(
    work: Pointer, parts: int, u: int, count: int, units: int, features: int, c: Pointer
) -> None:
    """Some rows of the result, from the panels of all parts."""
    size, whole = lanes(work), units * padded(work, features)
    for panel in range(panels_of(work, features)):
        first, width = panel * 3 * size, panel_width(work, features, panel)
        for row in range(u, u + count):
            own, there = first * units + row * width, row * features + first
            columns = min(width, features - first)
            for k in range(columns):
                c[there + k] = work[own + k] + work[whole + own + k]
            for part in range(2, parts):
                for k in range(columns):
                    c[there + k] += work[part * whole + own + k]
