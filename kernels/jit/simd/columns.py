"""Sums over rows, plain or weighted, several vectors of columns at a time, in registers.

They read a matrix in the order it lies in memory, once: what a matrix product with one row, or with
a row of ones, is bound by.
"""

from __future__ import annotations

from typing import Any

from einbench.jit.bodies import Intrinsic
from einbench.jit.linked import Pointer, at, linked, number
from einbench.jit.simd import emitter
from einbench.jit.simd.emitter import Emitter
from einbench.jit.simd.registers import lanes

#: vectors of columns that are summed side by side: an addition takes four cycles, and two of them
#: begin in each
_WIDTHS = (16, 8, 4, 1)


def _build() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def columns_block(
        typing: Any, width: Any, d: Any, rows: Any, row: Any, factors: Any, weighted: Any, sums: Any
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            width, d_at, rows, row, factors, weighted, sums_at = arguments
            emit = Emitter(builder, d.dtype.bitwidth)
            weighing = builder.icmp_signed("!=", weighted, emit.number(0))
            for vectors in _WIDTHS:
                wide = builder.icmp_signed("==", width, emit.number(vectors))
                with builder.if_then(wide), builder.if_else(weighing) as (weighed, plain):
                    with weighed:
                        _sum(emit, vectors, d_at, rows, row, factors, sums_at)
                    with plain:
                        _sum(emit, vectors, d_at, rows, row, None, sums_at)
            return context.get_dummy_value()

        i = types.int64
        return types.void(i, d, i, i, factors, i, sums), generate

    return intrinsic(columns_block)


def _sum(emit: Emitter, vectors: int, d: Any, rows: Any, row: Any, factors: Any, sums: Any) -> None:
    builder = emit.builder

    def add(number: Any, held: list[Any]) -> list[Any]:
        here = builder.gep(d, [builder.mul(number, row)])
        values = [emit.load(emit.after(here, row, 0, k * emit.lanes)) for k in range(vectors)]
        if factors is None:
            return [builder.fadd(total, value) for total, value in zip(held, values, strict=True)]
        factor = emit.everywhere(builder.gep(factors, [number]))
        return [
            emit.add_product(factor, value, total)
            for total, value in zip(held, values, strict=True)
        ]

    for vector, total in enumerate(emit.fold(rows, [emit.zero] * vectors, add)):
        emit.store(total, emit.after(sums, row, 0, vector * emit.lanes))


#: ``columns_block(width, d, rows, row, factors, weighted, sums)``: so many vectors of columns
columns_block = Intrinsic(_build, __file__, also=emitter.SOURCES)


@linked()
def column_sums(d: Pointer, rows: int, columns: int, sums: Pointer) -> None:
    """sums[u] = sum_b d[b, u]."""
    _sums(d, rows, columns, columns, d, 0, sums)


@linked(divided=True)
def column_sums_of_pieces(
    first: int, count: int, d: Pointer, columns: int, rows: int, sums: Pointer
) -> None:
    """sums[k, u] = sum_b d[b, u] over the k-th ``rows`` rows, which ``first`` is a multiple of."""
    for b in range(first, first + count, rows):
        own, here = min(rows, first + count - b), at(sums, b // rows * columns)
        column_sums(at(d, b * columns), own, columns, here)


@linked()
def weighted_sums(
    factors: Pointer, d: Pointer, rows: int, row: int, columns: int, sums: Pointer
) -> None:
    """sums[u] = sum_b factors[b] d[b, u]; ``row`` leads to the next row."""
    _sums(d, rows, row, columns, factors, 1, sums)


@linked()
def _sums(
    d: Pointer, rows: int, row: int, columns: int, factors: Pointer, weighted: int, sums: Pointer
) -> None:
    size = lanes(d)
    u = 0
    while u + size <= columns:
        width = 1
        if u + 16 * size <= columns:
            width = 16
        elif u + 8 * size <= columns:
            width = 8
        elif u + 4 * size <= columns:
            width = 4
        columns_block(width, at(d, u), rows, row, factors, weighted, at(sums, u))
        u += width * size
    while u < columns:
        total = number(d, 0)
        for b in range(rows):
            total += factors[b] * d[b * row + u] if weighted != 0 else d[b * row + u]
        sums[u] = total
        u += 1
