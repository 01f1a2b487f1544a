"""Elements moved in vector registers: a square transposed, a row of a panel copied."""

from __future__ import annotations

import functools
from typing import Any

from einbench.jit.bodies import Intrinsic
from einbench.jit.simd import emitter
from einbench.jit.simd.emitter import Emitter


def _build_transpose(parts: int) -> Any:
    from numba import types
    from numba.extending import intrinsic

    def transpose(typing: Any, a: Any, a_row: Any, c: Any, c_row: Any) -> Any:
        i = types.int64

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            emit = Emitter(builder, a.dtype.bitwidth, parts)
            a_base, a_row, c_base, c_row = arguments
            lanes = range(emit.lanes)
            rows = [emit.load(emit.after(a_base, a_row, r)) for r in lanes]
            # squares of this size change places across the diagonal, then those half as large
            size = emit.lanes // 2
            while size:
                for r in lanes:
                    if not r & size:
                        upper, lower = rows[r], rows[r + size]
                        first = [emit.lanes + j - size if j & size else j for j in lanes]
                        second = [emit.lanes + j if j & size else j + size for j in lanes]
                        rows[r] = emit.shuffle(upper, lower, first)
                        rows[r + size] = emit.shuffle(upper, lower, second)
                size //= 2
            for r in lanes:
                emit.store(rows[r], emit.after(c_base, c_row, r))
            return context.get_dummy_value()

        return types.void(a, i, c, i), generate

    return intrinsic(transpose)


def _transpose(parts: int) -> Intrinsic:
    build = functools.partial(_build_transpose, parts)
    return Intrinsic(build, __file__, also=emitter.SOURCES)


#: ``transpose(a, row, c, row)``: lanes x lanes elements of a, transposed into c; pointers
transpose = _transpose(1)
#: the same of a half and of a quarter of the lanes
transpose_half, transpose_quarter = _transpose(2), _transpose(4)


def _build_move() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def move(typing: Any, a: Any, c: Any, vectors: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            emit = Emitter(builder, a.dtype.bitwidth)
            a_at, c_at, vectors = arguments
            for count in (1, 2, 3):
                with builder.if_then(builder.icmp_signed("==", vectors, emit.number(count))):
                    for vector in range(count):
                        place = [emit.number(vector * emit.lanes)]
                        emit.store(emit.load(builder.gep(a_at, place)), builder.gep(c_at, place))
            return context.get_dummy_value()

        return types.void(a, c, types.int64), generate

    return intrinsic(move)


#: ``move(a, c, vectors)``: one to three vectors of a, copied to c; pointers
move = Intrinsic(_build_move, __file__, also=emitter.SOURCES)
