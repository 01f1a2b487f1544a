"""Sums over rows, several vectors of columns at a time, in registers."""

from __future__ import annotations

from typing import Any

from kernels.bodies import Intrinsic
from kernels.linked import Pointer, at, linked, number
from kernels.simd.registers import Emitter, lanes

#: vectors of columns that are summed side by side: an addition takes four cycles, and two of them
#: begin in each
_WIDTHS = (8, 1)


def _build() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def columns_block(typing: Any, width: Any, d: Any, rows: Any, row: Any, sums: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            width, d_at, rows, row, sums_at = arguments
            emit = Emitter(builder, d.dtype.bitwidth)
            for vectors in _WIDTHS:
                with builder.if_then(builder.icmp_signed("==", width, emit.number(vectors))):
                    _sum(emit, vectors, d_at, rows, row, sums_at)
            return context.get_dummy_value()

        i = types.int64
        return types.void(i, d, i, i, sums), generate

    return intrinsic(columns_block)


def _sum(emit: Emitter, vectors: int, d: Any, rows: Any, row: Any, sums: Any) -> None:
    builder = emit.builder

    def add(number: Any, held: list[Any]) -> list[Any]:
        here = builder.gep(d, [builder.mul(number, row)])
        return [
            builder.fadd(sum_so_far, emit.load(emit.after(here, row, 0, vector * emit.lanes)))
            for vector, sum_so_far in enumerate(held)
        ]

    for vector, total in enumerate(emit.fold(rows, [emit.zero] * vectors, add)):
        emit.store(total, emit.after(sums, row, 0, vector * emit.lanes))


#: ``columns_block(width, d, rows, row, sums)``: so many vectors of columns, on pointers
columns_block = Intrinsic(_build, __file__)


@linked()
def column_sums(d: Pointer, rows: int, columns: int, sums: Pointer) -> None:
    """sums[u] = sum_b d[b, u]."""
    size = lanes(d)
    u = 0
    while u + size <= columns:
        width = 8 if u + 8 * size <= columns else 1
        columns_block(width, at(d, u), rows, columns, at(sums, u))
        u += width * size
    while u < columns:
        total = number(d, 0)
        for b in range(rows):
            total += d[b * columns + u]
        sums[u] = total
        u += 1
