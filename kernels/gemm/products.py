"""Products of matrices block by block, for compiled bodies: forward, back, and for the weights.

    forward          C[b, u] = bias[u] + sum_f A[b, f] W[u, f]
    back             C[b, f] = sum_u D[b, u] W[u, f]
    weights          C[u, f] = sum_b D[b, u] A[b, f]

They run on one thread and touch no BLAS: whoever calls them gives rows or panels to threads
himself, and no thread of one library waits for one of another. Sums are taken in the order of the
summed index, however the work is divided: the same inputs give the same bits on any number of
threads. Arrays are flat (`kernels.gemm.microkernel.flat`), offsets and strides count elements.

A *panel* is as many columns as a block is wide: three vectors, or what is left at the end. Where
columns do not fill a vector, B is padded with zeros and the block goes through a scratch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.compiled import helper
from kernels.gemm.microkernel import PLAIN, STEPPED, down, lanes, transpose

Array = npt.NDArray[Any]

#: products between two visits of a block to memory: so many rows of a panel stay in first-level
#: cache
DEPTH = 128


@helper()
def panel_width(like: Array, columns: int, panel: int) -> int:
    """Columns of this panel, a multiple of the lanes: three vectors, fewer for the last."""
    size = lanes(like)
    return min(3 * size, (columns - panel * 3 * size + size - 1) // size * size)


@helper()
def panels_of(like: Array, columns: int) -> int:
    """How many panels so many columns have."""
    return (columns + 3 * lanes(like) - 1) // (3 * lanes(like))


@helper()
def padded(like: Array, columns: int) -> int:
    """Columns filled up to whole vectors."""
    return (columns + lanes(like) - 1) // lanes(like) * lanes(like)


@helper()
def pack(weights: Array, units: int, features: int, packed: Array, panel: int) -> None:
    """packed[panel][f, u] = W[u, f]: what ``forward`` reads, one panel after the other."""
    size = lanes(weights)
    first = panel * 3 * size
    width = panel_width(weights, units, panel)
    base = first * features
    for u in range(first, first + width, size):
        f = 0
        if u + size <= units:
            while f + size <= features:
                transpose(
                    weights, u * features + f, features, packed, base + f * width + u - first, width
                )
                f += size
        while f < features:
            for k in range(u, u + size):
                value = weights[k * features + f] if k < units else weights.dtype.type(0)
                packed[base + f * width + k - first] = value
            f += 1


@helper()
def forward(
    a: Array, a_at: int, rows: int, features: int,
    packed: Array, bias: Array, units: int,
    c: Array, c_at: int, ending: int, scratch: Array,
) -> None:  # fmt: skip
    """C[b, u] = bias[u] + sum_f A[b, f] W[u, f] for some rows, PLAIN or RECTIFIED.

    ``bias`` is padded to whole vectors, ``scratch`` holds rows x 3 vectors.
    """
    size, zero = lanes(a), a.dtype.type(0)
    for panel in range(panels_of(a, units)):
        first = panel * 3 * size
        width = panel_width(a, units, panel)
        if first + width <= units:
            down(
                rows, width // size, a, a_at, features, 1, packed, first * features, width,
                c, c_at + first, units, bias, first, 0, features, ending, bias, 0, 0, zero,
            )  # fmt: skip
        else:
            down(
                rows, width // size, a, a_at, features, 1, packed, first * features, width,
                scratch, 0, width, bias, first, 0, features, ending, bias, 0, 0, zero,
            )  # fmt: skip
            _copy_columns(scratch, width, c, c_at + first, units, rows, units - first)


@helper()
def back(
    d: Array, d_at: int, rows: int, units: int,
    weights: Array, features: int, tail: Array, zeros: Array,
    c: Array, c_at: int, scratch: Array,
) -> None:  # fmt: skip
    """C[b, f] = sum_u D[b, u] W[u, f] for some rows.

    ``tail`` is what `pack_tail` made of the weights, ``scratch`` holds rows x 1 vector.
    """
    size, zero = lanes(d), d.dtype.type(0)
    whole = features // size * size
    f = 0
    while f < whole:
        vectors = min(3, (whole - f) // size)
        down(
            rows, vectors, d, d_at, units, 1, weights, f, features,
            c, c_at + f, features, zeros, 0, 0, units, PLAIN, zeros, 0, 0, zero,
        )  # fmt: skip
        f += vectors * size
    if whole < features:
        down(
            rows, 1, d, d_at, units, 1, tail, 0, size,
            scratch, 0, size, zeros, 0, 0, units, PLAIN, zeros, 0, 0, zero,
        )  # fmt: skip
        _copy_columns(scratch, size, c, c_at + whole, features, rows, features - whole)


@helper()
def pack_tail(a: Array, at: int, rows: int, columns: int, tail: Array) -> None:
    """The columns beyond the last whole vector, filled up with zeros, row by row."""
    size = lanes(a)
    whole = columns // size * size
    for row in range(rows):
        for k in range(size):
            inside = whole + k < columns
            tail[row * size + k] = a[at + row * columns + whole + k] if inside else a.dtype.type(0)


@helper()
def weights_panel(
    d: Array, units: int, a: Array, features: int, batch: int, panel: int,
    c: Array, zeros: Array, ending: int, base: Array, factor: Any,
) -> None:  # fmt: skip
    """G[u, f] = sum_b D[b, u] A[b, f] for the features of one panel.

    C is G, or ``base + factor G`` where the ending is STEPPED: sums first, so that no step is too
    small to be felt beside a weight.
    """
    size = lanes(d)
    first = panel * 3 * size
    whole = min(features // size * size, first + 3 * size)
    vectors = (whole - first) // size
    if vectors > 0:
        one = d.dtype.type(1)
        for b in range(0, max(batch, 1), DEPTH):
            last = b + DEPTH >= batch
            count = min(batch - b, DEPTH)
            if b > 0 and not last:
                # a block is summed apart and then added: in one long sum of 60,000 products
                # rounding would grow with every one of them
                down(
                    units, vectors, d, b * units, 1, units, a, b * features + first, features,
                    c, first, features, zeros, 0, 0, count, STEPPED, c, first, features, one,
                )  # fmt: skip
            else:
                begun = c if b > 0 else zeros
                at, row = (first, features) if b > 0 else (0, 0)
                down(
                    units, vectors, d, b * units, 1, units, a, b * features + first, features,
                    c, first, features, begun, at, row, count,
                    ending if last else PLAIN, base, first, features, factor,
                )  # fmt: skip
    if whole < features and whole < first + 3 * size:
        _weights_tail(d, units, a, features, batch, c, zeros, ending, base, factor)


@helper()
def _weights_tail(
    d: Array, units: int, a: Array, features: int, batch: int,
    c: Array, zeros: Array, ending: int, base: Array, factor: Any,
) -> None:  # fmt: skip
    size, one = lanes(d), d.dtype.type(1)
    whole = features // size * size
    tail = np.empty(DEPTH * size, d.dtype)
    sums = np.zeros(units * size, d.dtype)
    for b in range(0, batch, DEPTH):
        count = min(batch - b, DEPTH)
        pack_tail(a, b * features, count, features, tail)
        down(
            units, 1, d, b * units, 1, units, tail, 0, size,
            sums, 0, size, zeros, 0, 0, count, STEPPED, sums, 0, size, one,
        )  # fmt: skip
    for u in range(units):
        for f in range(whole, features):
            value = sums[u * size + f - whole]
            if ending == STEPPED:
                value = base[u * features + f] + factor * value
            c[u * features + f] = value


@helper()
def _copy_columns(
    source: Array, source_row: int, target: Array, at: int, row: int, rows: int, columns: int
) -> None:
    for i in range(rows):
        for j in range(columns):
            target[at + i * row + j] = source[i * source_row + j]
