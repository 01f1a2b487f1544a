"""Vector registers of the processor at hand."""

from __future__ import annotations

import functools
import platform
from typing import Any

from einbench.jit.bodies import Intrinsic


@functools.cache
def vector_bytes() -> int:
    """Width of a vector register of the processor that numba compiles for."""
    features = _features()
    if "avx512f" in features:
        return 64
    return 32 if "avx" in features else 16


@functools.cache
def few_registers() -> bool:
    """Whether there are 16 of them and not 32."""
    return platform.machine() in ("x86_64", "AMD64") and "avx512f" not in _features()


@functools.cache
def _features() -> frozenset[str]:
    """What numba tells LLVM that the processor has (NUMBA_CPU_FEATURES, or all of this one)."""
    from numba.core.registry import cpu_target

    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    return frozenset(name[1:] for name in features.split(",") if name.startswith("+"))


def _build_lanes() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def lanes_of(typing: Any, array: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return ir.Constant(ir.IntType(64), 8 * vector_bytes() // array.dtype.bitwidth)

        return types.int64(array), generate

    return intrinsic(lanes_of)


#: ``lanes(array or pointer)``: elements of this dtype that a vector register holds
lanes = Intrinsic(_build_lanes, __file__)
