"""Steps of a path run piece by piece, compiled once for a dtype: a table says which.

A *job* is a number of steps on pieces of one index, which threads share; what one step leaves to
the next stays in the cache of the core that made it. A step is nested loops around one of these:

    PRODUCT    C[i, j] (+)= sum_p A[i, p] B[p, j]
    SUMS       C[i, j] (+)= sum_p A[i, j, p] B[i, j, p]
    COPY       C[i, j] (+)= A[i, j]
    TOTALS     C[i, j] (+)= sum_p A[i, j, p]

The table holds whole numbers: jobs first, then their steps; all strides count elements.
"""

from __future__ import annotations

import numpy as np

from einbench.einsum.rows import sums
from einbench.einsum.tile import move, product, work_elements
from einbench.jit.linked import (
    Integers,
    Pointer,
    address,
    at,
    elements_to_line,
    fresh,
    linked,
    pointer,
)

#: what a step computes
PRODUCT, SUMS, COPY, TOTALS = 0, 1, 2, 3
#: fields of a job: items, items of a piece, elements of scratch, steps, and where the first is
JOB_FIELDS = 5
#: fields of a step: kind, slots of A, B and C, whether it adds, sizes of i, j and p, strides of A
#: along i, j and p, of B, of C along i and j, a piece's stride of A, B and C, of C the stride from
#: one piece's own memory to the next's, which size is the piece's (0 to 2, 3 on a loop's; -1:
#: none), loops
_LOOPS, MOST_LOOPS, LOOP_FIELDS = 22, 6, 5
#: of a loop: size, strides of A, B, C, and whether rounds after the first add
STEP_FIELDS = _LOOPS + MOST_LOOPS * LOOP_FIELDS
#: slots: arrays given, then memory that all pieces share, then a piece's own
SLOTS = 24


@linked()
def one_step(
    table: Integers, s: int, addresses: Integers, first: int, length: int, part: int, work: Pointer
) -> None:
    """All rounds of a step's loops, for a piece."""
    sizes = np.empty(3 + MOST_LOOPS, np.int64)
    for k in range(3):
        sizes[k] = table[s + 5 + k]
    loops = table[s + 21]
    total = 1
    for k in range(loops):
        sizes[3 + k] = table[s + _LOOPS + k * LOOP_FIELDS]
    if table[s + 20] >= 0:
        sizes[table[s + 20]] = length
    for k in range(loops):
        total *= sizes[3 + k]
    kind = table[s]
    a = at(pointer(work, addresses, table[s + 1]), first * table[s + 16])
    b = at(pointer(work, addresses, table[s + 2]), first * table[s + 17])
    c = at(pointer(work, addresses, table[s + 3]), first * table[s + 18] + part * table[s + 19])
    places = np.zeros(MOST_LOOPS, np.int64)
    for _ in range(total):
        add = table[s + 4]
        for k in range(loops):
            if places[k] > 0 and table[s + _LOOPS + k * LOOP_FIELDS + 4] != 0:
                add = 1
        if kind == PRODUCT:
            product(
                sizes[0], sizes[1], sizes[2], a, table[s + 8], table[s + 10],
                b, table[s + 13], table[s + 12], c, table[s + 14], table[s + 15], add, work,
            )  # fmt: skip
        elif kind != COPY:
            sums(
                sizes[0], sizes[1], sizes[2], a, table[s + 8], table[s + 9], table[s + 10],
                b, table[s + 11], table[s + 12], table[s + 13],
                c, table[s + 14], table[s + 15], add, 1 if kind == TOTALS else 0,
            )  # fmt: skip
        else:
            move(
                sizes[0], sizes[1], a, table[s + 8], table[s + 9], c, table[s + 14],
                table[s + 15], add,
            )  # fmt: skip
        for k in range(loops - 1, -1, -1):
            here = s + _LOOPS + k * LOOP_FIELDS
            places[k] += 1
            back = 0 if places[k] < sizes[3 + k] else sizes[3 + k]
            a = at(a, (1 - back) * table[here + 1])
            b = at(b, (1 - back) * table[here + 2])
            c = at(c, (1 - back) * table[here + 3])
            if back == 0:
                break
            places[k] = 0


@linked(divided=True)
def one_piece(
    first: int, length: int, job: int, table: Integers, addresses: Integers, like: Pointer
) -> None:
    """All steps of a job, for some of its items."""
    scratch = table[job + 2]
    memory = fresh(like, work_elements(like) + scratch + 16)
    begin = memory[elements_to_line(memory) :]
    own = np.empty(SLOTS, np.int64)
    for k in range(SLOTS):
        # memory of the piece's own is given as its place in the scratch
        own[k] = addresses[k]
        if addresses[k] < 0:
            own[k] = address(begin) - (addresses[k] + 1)
    part = first // table[job + 1]
    for n in range(table[job + 3]):
        where = table[job + 4] + n * STEP_FIELDS
        one_step(table, where, own, first, length, part, at(begin, scratch))


@linked()
def execute(
    table: Integers, addresses: Integers, jobs: int, like: Pointer, shared: Pointer
) -> None:
    """One job after the other; ``shared`` is held until all are done."""
    for n in range(jobs):
        job = n * JOB_FIELDS
        one_piece(table[job], table[job + 1], job, table, addresses, like)


def entry(operands: int, *, shared: bool) -> str:
    """Source of ``loops(a0, ..., out, table, places, jobs)`` for so many operands."""
    names = [*(f"a{n}" for n in range(operands)), "out"]
    lines = [f"def loops({', '.join(names)}, table, places, jobs):"]
    lines += ["    addresses = places.copy()"]
    lines += [f"    addresses[{n}] = address({name})" for n, name in enumerate(names)]
    if shared:
        lines += [
            f"    memory = fresh(out, places[{SLOTS}])",
            f"    for n in range({len(names)}, {len(names)} + places[{SLOTS + 1}]):",
            "        addresses[n] += address(memory)",
        ]
    return (
        "\n".join(
            [*lines, f"    execute(table, addresses, jobs, out, {'memory' if shared else 'out'})"]
        )
        + "\n"
    )
