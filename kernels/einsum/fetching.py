"""Parts of a matrix brought to the cache before they are read."""

from __future__ import annotations

from typing import Any

from einbench.jit.bodies import Intrinsic
from einbench.jit.linked import Pointer, at, linked
from einbench.jit.simd import emitter
from einbench.jit.simd.emitter import Emitter
from einbench.jit.simd.registers import lanes


def _build_prefetch() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def prefetch(typing: Any, a: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            emit = Emitter(builder, a.dtype.bitwidth)
            address = builder.bitcast(arguments[0], ir.IntType(8).as_pointer())
            how = [emit.small(0), emit.small(3), emit.small(1)]
            emit.call("llvm.prefetch.p0", ir.VoidType(), [address, *how])
            return context.get_dummy_value()

        return types.void(a), generate

    return intrinsic(prefetch)


#: ``prefetch(a)``: have the line of an element brought to the first-level cache; a pointer
prefetch = Intrinsic(_build_prefetch, __file__, also=emitter.SOURCES)


@linked()
def fetch(depth: int, begin: int, end: int, b: Pointer, b_step: int) -> None:
    """Have these columns of B brought to the cache."""
    for q in range(depth):
        for j in range(begin, end, lanes(b)):
            prefetch(at(b, q * b_step + j))
