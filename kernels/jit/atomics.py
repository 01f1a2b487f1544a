"""Atomic operations on int64 that threads share: counters, waiting, and which threads sleep.

A thread that reads a value written by one of these reads all that was written before it.
"""

from __future__ import annotations

import platform
from typing import Any

from einbench.jit.bodies import Intrinsic

#: LLVM's name of the instruction for a loop that spins, and what it takes
_X86, _ARM = ("llvm.x86.sse2.pause", ()), ("llvm.aarch64.hint", (1,))
_PAUSES: dict[str, tuple[str, tuple[int, ...]]] = {
    "x86_64": _X86, "amd64": _X86, "aarch64": _ARM, "arm64": _ARM,
}  # fmt: skip


def _word(context: Any, builder: Any, kind: Any, array: Any, place: Any) -> Any:
    """Pointer to one int64 of an array, or behind a pointer."""
    from llvmlite import ir
    from numba import types

    base = array
    if isinstance(kind, types.Array):
        base = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(base, [place]), ir.IntType(64).as_pointer())


def _changing(operation: str) -> Intrinsic:
    def build() -> Any:
        from numba import types
        from numba.extending import intrinsic

        def change(typing: Any, words: Any, place: Any, value: Any) -> Any:
            def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                where = _word(context, builder, words, *arguments[:2])
                return builder.atomic_rmw(operation, where, arguments[2], "seq_cst")

            return types.int64(words, types.int64, types.int64), generate

        return intrinsic(change)

    return Intrinsic(build, __file__)


def _build_read() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def read(typing: Any, words: Any, place: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            where = _word(context, builder, words, *arguments)
            return builder.load_atomic(where, "seq_cst", 8)

        return types.int64(words, types.int64), generate

    return intrinsic(read)


def _build_pause() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.core.cgutils import get_or_insert_function
    from numba.extending import intrinsic

    def pause(typing: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            if known := _PAUSES.get(platform.machine().lower()):
                name, given = known
                numbers = [ir.IntType(32)(number) for number in given]
                kind = ir.FunctionType(ir.VoidType(), [number.type for number in numbers])
                builder.call(get_or_insert_function(builder.module, kind, name), numbers)
            return context.get_dummy_value()

        return types.void(), generate

    return intrinsic(pause)


#: ``add(words, place, value)``: adds at once for all threads, and gives what was there before
add = _changing("add")
#: ``exchange(words, place, value)``: puts it there, and gives what was there before
exchange = _changing("xchg")
#: ``read(words, place)``: what another thread may have written
read = Intrinsic(_build_read, __file__)
#: ``pause()``: some hundred cycles in which a thread waits and takes nothing from others
pause = Intrinsic(_build_pause, __file__)
