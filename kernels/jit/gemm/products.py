"""Products of matrices block by block, on one thread: forward, back, and for the weights.

    forward          C[b, u] = bias[u] + sum_f A[b, f] W[u, f]
    back             C[b, f] = sum_u D[b, u] W[u, f]
    weights          C[u, f] = sum_b D[b, u] A[b, f]

They call no BLAS: the caller divides rows or panels among threads, and no thread of one library
waits for one of another. Sums are taken in the order of the summed index, however the work is
divided: the same inputs give the same bits on any number of threads. Strides count elements.

A *panel* is as many columns as a block is wide: three vectors, or what is left at the end. Where
columns do not fill a vector, B is padded with zeros and the block goes through a scratch.
"""

from __future__ import annotations

from einbench.jit.bodies import helper
from einbench.jit.gemm.block import PLAIN, STEPPED, down
from einbench.jit.gemm.transposing import move, transpose
from einbench.jit.linked import Pointer, Scalar, at, elements_to_line, fresh, linked, number
from einbench.jit.simd.columns import column_sums
from einbench.jit.simd.registers import lanes

#: products between a load and a store of a block's sums: so many rows of a panel stay in
#: first-level cache
DEPTH = 128


@helper()
def panel_width(like: Pointer, columns: int, panel: int) -> int:
    """Columns of this panel, a multiple of the lanes: three vectors, fewer for the last."""
    size = lanes(like)
    return min(3 * size, (columns - panel * 3 * size + size - 1) // size * size)


@helper()
def panels_of(like: Pointer, columns: int) -> int:
    """How many panels so many columns have."""
    return (columns + 3 * lanes(like) - 1) // (3 * lanes(like))


@helper()
def padded(like: Pointer, columns: int) -> int:
    """Columns filled up to whole vectors."""
    return (columns + lanes(like) - 1) // lanes(like) * lanes(like)


@helper()
def own_width(like: Pointer) -> int:
    """Units of a task of `units_forward`; its packed weights are so many times the features."""
    return 2 * lanes(like)


@helper()
def own_tasks(like: Pointer, units: int) -> int:
    """How many tasks of `units_forward` there are."""
    return (units + own_width(like) - 1) // own_width(like)


@linked()
def pack(
    weights: Pointer, units: int, features: int, first: int, width: int, packed: Pointer
) -> None:
    """packed[f, u - first] = W[u, f] for so many units, zeros where there are none."""
    size = lanes(weights)
    for u in range(first, first + width, size):
        f = 0
        if u + size <= units:
            while f + size <= features:
                there = at(packed, f * width + u - first)
                transpose(at(weights, u * features + f), features, there, width)
                f += size
        while f < features:
            for k in range(u, u + size):
                value = weights[k * features + f] if k < units else number(weights, 0)
                packed[f * width + k - first] = value
            f += 1


@linked()
def pack_panel(weights: Pointer, units: int, features: int, packed: Pointer, panel: int) -> None:
    """One of the panels that `forward` reads, one after the other."""
    first = panel * 3 * lanes(weights)
    width = panel_width(weights, units, panel)
    pack(weights, units, features, first, width, at(packed, first * features))


@linked()
def pad(bias: Pointer, units: int, padded_bias: Pointer) -> None:
    """The bias, filled up with zeros to whole vectors."""
    for u in range(padded(bias, units)):
        padded_bias[u] = bias[u] if u < units else number(bias, 0)


@linked()
def forward(
    a: Pointer, rows: int, features: int, packed: Pointer, bias: Pointer, units: int,
    c: Pointer, ending: int,
) -> None:  # fmt: skip
    """C[b, u] = bias[u] + sum_f A[b, f] W[u, f] for some rows, PLAIN or RECTIFIED.

    ``packed`` are the panels of `pack_panel`, and ``bias`` is padded to whole vectors.
    """
    for panel in range(panels_of(a, units)):
        first = panel * 3 * lanes(a)
        width = panel_width(a, units, panel)
        own = at(packed, first * features)
        forward_panel(a, rows, features, own, first, width, bias, units, c, ending)


@linked()
def forward_panel(
    a: Pointer, rows: int, features: int, packed: Pointer, first: int, width: int,
    bias: Pointer, units: int, c: Pointer, ending: int,
) -> None:  # fmt: skip
    """The same for so many units, whose weights `pack` packed."""
    begun, vectors = at(bias, first), width // lanes(a)
    if first + width <= units:
        down(
            rows, vectors, a, features, 1, packed, width, at(c, first), units, begun, 0,
            features, ending, bias, 0, 0,
        )  # fmt: skip
    else:
        scratch = fresh(a, rows * width)
        down(
            rows, vectors, a, features, 1, packed, width, scratch, width, begun, 0,
            features, ending, bias, 0, 0,
        )  # fmt: skip
        _copy_columns(scratch, width, at(c, first), units, rows, units - first)


@linked()
def units_forward(
    task: int, a: Pointer, rows: int, features: int, weights: Pointer, bias: Pointer, units: int,
    packed: Pointer, c: Pointer, ending: int,
) -> None:  # fmt: skip
    """The same for the units of one task, packed first: what a thread has packed it alone reads.

    Weights that another thread has packed take as long to come from its core's caches as a product
    of some hundred rows takes.
    """
    width = own_width(a)
    first = task * width
    wide = min(width, padded(a, units) - first)
    pack(weights, units, features, first, wide, packed)
    forward_panel(a, rows, features, packed, first, wide, bias, units, c, ending)


@linked()
def back(
    d: Pointer, rows: int, units: int, weights: Pointer, features: int,
    tail: Pointer, zeros: Pointer, c: Pointer,
) -> None:  # fmt: skip
    """C[b, f] = sum_u D[b, u] W[u, f] for some rows.

    ``tail`` is what `pack_tail` made of the weights, ``zeros`` are three vectors of them.
    """
    size = lanes(d)
    whole = features // size * size
    f = 0
    while f < whole:
        vectors = min(3, (whole - f) // size)
        down(
            rows, vectors, d, units, 1, at(weights, f), features, at(c, f), features, zeros, 0,
            units, PLAIN, zeros, 0, 0,
        )  # fmt: skip
        f += vectors * size
    if whole < features:
        scratch = fresh(d, rows * size)
        down(rows, 1, d, units, 1, tail, size, scratch, size, zeros, 0, units, PLAIN, zeros, 0, 0)
        _copy_columns(scratch, size, at(c, whole), features, rows, features - whole)


@linked()
def pack_tail(a: Pointer, rows: int, columns: int, tail: Pointer) -> None:
    """The columns beyond the last whole vector, filled up with zeros, row by row."""
    size = lanes(a)
    whole = columns // size * size
    for row in range(rows):
        for k in range(size):
            inside = whole + k < columns
            tail[row * size + k] = a[row * columns + whole + k] if inside else number(a, 0)


@linked()
def gather(a: Pointer, rows: int, columns: int, panel: int, packed: Pointer) -> None:
    """packed[row, k] = A[row, first + k] of one panel, filled up with zeros.

    Rows of a matrix lie pages apart, and the translation buffer holds fewer pages than a block has
    rows.
    """
    size = lanes(a)
    first = panel * 3 * size
    width = panel_width(a, columns, panel)
    if first + width <= columns:
        for row in range(rows):
            move(at(a, row * columns + first), at(packed, row * width), width // size)
    else:
        for row in range(rows):
            for k in range(width):
                inside = first + k < columns
                packed[row * width + k] = a[row * columns + first + k] if inside else number(a, 0)


@linked()
def back_panel(
    d: Pointer, rows: int, units: int, packed: Pointer, panel: int, features: int,
    zeros: Pointer, c: Pointer, ending: int,
) -> None:  # fmt: skip
    """C[b, f] = sum_u D[b, u] W[u, f] for the features of one panel, which `gather` packed.

    It is stored PLAIN, or NON_TEMPORAL where features fill whole vectors.
    """
    size = lanes(d)
    first, width = panel * 3 * size, panel_width(d, features, panel)
    if first + width <= features:
        down(
            rows, width // size, d, units, 1, packed, width, at(c, first), features, zeros, 0,
            units, ending, zeros, 0, 0,
        )  # fmt: skip
    else:
        scratch = fresh(d, rows * width)
        down(
            rows, width // size, d, units, 1, packed, width, scratch, width, zeros, 0,
            units, PLAIN, zeros, 0, 0,
        )  # fmt: skip
        _copy_columns(scratch, width, at(c, first), features, rows, features - first)


@linked()
def weights_panel(
    d: Pointer, units: int, a: Pointer, features: int, batch: int, panel: int,
    c: Pointer, more: int, zeros: Pointer, ending: int, base: Pointer, factor: Scalar,
) -> None:  # fmt: skip
    """G[u, f] = sum_b D[b, u] A[b, f] for the features of one panel, added to C where ``more``.

    C is G, or ``base + factor G`` where the ending is STEPPED: sums first, so that no step is
    rounded away against a weight.
    """
    size = lanes(d)
    first, width = panel * 3 * size, panel_width(d, features, panel)
    memory = fresh(d, DEPTH * width + 16)
    packed = memory[elements_to_line(memory) :]
    # columns that do not fill a vector have their sums in a scratch
    inside = first + width <= features
    scratch = fresh(d, 1 if inside else units * width)
    row = features if inside else width
    sums = at(c, first) if inside else at(scratch, 0)
    if not inside and more != 0:
        for u in range(units):
            for f in range(first, features):
                scratch[u * width + f - first] = c[u * features + f]
    for b in range(0, max(batch, 1), DEPTH):
        last = b + DEPTH >= batch
        count = min(batch - b, DEPTH)
        gather(at(a, b * features), count, features, panel, packed)
        d_here = at(d, b * units)
        begun, stepping = b > 0 or more != 0, last and inside and ending == STEPPED
        if begun and not stepping:
            # a block is summed apart and then added: in one long sum of 60,000 products
            # rounding would grow with every one of them
            down(
                units, width // size, d_here, 1, units, packed, width, sums, row, zeros, 0,
                count, STEPPED, sums, row, 1,
            )  # fmt: skip
        else:
            start, start_row = (sums, row) if begun else (zeros, 0)
            down(
                units, width // size, d_here, 1, units, packed, width, sums, row, start, start_row,
                count, STEPPED if stepping else PLAIN, at(base, first), features, factor,
            )  # fmt: skip
    if not inside:
        for u in range(units):
            for f in range(first, features):
                value = scratch[u * width + f - first]
                if ending == STEPPED:
                    value = base[u * features + f] + factor * value
                c[u * features + f] = value


@linked()
def _copy_columns(
    source: Pointer, source_row: int, target: Pointer, row: int, rows: int, columns: int
) -> None:
    for i in range(rows):
        for j in range(columns):
            target[i * row + j] = source[i * source_row + j]


@linked()
def sum_rows(
    d: Pointer, rows: int, columns: int, sums: Pointer, more: int,
    ending: int, base: Pointer, factor: Scalar,
) -> None:  # fmt: skip
    """sums[u] = sum_b d[b, u], added to them where ``more``; or ``base + factor`` times that."""
    block = fresh(d, columns)
    if more == 0:
        for u in range(columns):
            sums[u] = 0
    for b in range(0, rows, DEPTH):
        # a block is summed apart and then added, as products are
        column_sums(at(d, b * columns), min(DEPTH, rows - b), columns, block)
        for u in range(columns):
            sums[u] += block[u]
    if ending == STEPPED:
        for u in range(columns):
            sums[u] = base[u] + factor * sums[u]
