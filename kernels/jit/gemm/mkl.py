"""oneMKL's matrix product, for compiled bodies; the wheel ``mkl`` brings it.

    C[i, j] = beta C[i, j] + sum_p A'[i, p] B'[p, j]        A', B': as they lie, or transposed

The library has threads of its own, which spin after a call and slow the kernel that follows it. So
it is set to run on the thread that calls it, and the pool's threads call it, each for its part of
C. (The interface is CBLAS, *Basic Linear Algebra Subprograms Technical Forum Standard*, 2001,
appendix B; the functions, Intel's *Developer Reference for oneMKL - C*, "BLAS Routines" and
"Support Functions".)
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import numpy as np

from einbench.host.libraries import library
from einbench.jit.bodies import Intrinsic

#: CBLAS's constants: rows one after the other, and a matrix as it lies or transposed
_ROW_MAJOR, AS_IT_LIES, TRANSPOSED = 101, 111, 112
#: oneMKL's for "no threads of its own"
_SEQUENTIAL = 1


@functools.cache
def _loaded() -> ctypes.CDLL:
    """The library, set to run on the thread that calls it.

    Raises:
        OSError: it is not there, or cannot be loaded.
    """
    path = library("mkl")
    if path is None:
        raise OSError("mkl is not installed (pip install mkl)")
    found = ctypes.CDLL(path)
    # where another package has loaded the library already, some distributions' NumPy for one, its
    # layer stays: therefore every call asks for one thread as well
    found.MKL_Set_Threading_Layer(_SEQUENTIAL)
    return found


#: what the linker knows the library's functions by: the products by the bits of an element
_PRODUCTS = {32: "einbench_mkl_sgemm", 64: "einbench_mkl_dgemm"}
_OWN_THREADS = "einbench_mkl_own_threads"


@functools.cache
def _known() -> ctypes.CDLL:
    """Make the functions known to the linker."""
    from llvmlite.binding import add_symbol

    found = _loaded()
    for name, function in (
        (_PRODUCTS[32], found.cblas_sgemm),
        (_PRODUCTS[64], found.cblas_dgemm),
        (_OWN_THREADS, found.MKL_Set_Num_Threads_Local),
    ):
        add_symbol(name, ctypes.cast(function, ctypes.c_void_p).value)
    return found


def _prepare(_: np.dtype[Any]) -> None:
    _known()


def _build_gemm() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.core.cgutils import get_or_insert_function
    from numba.extending import intrinsic

    def gemm(
        typing: Any,
        how_a: Any, how_b: Any,
        m: Any, n: Any, k: Any,
        a: Any, a_row: Any,
        b: Any, b_row: Any,
        beta: Any,
        c: Any, c_row: Any,
    ) -> Any:  # fmt: skip
        i = types.int64

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            number = ir.IntType(32)
            scalar = ir.FloatType() if c.dtype.bitwidth == 32 else ir.DoubleType()
            given = [
                builder.trunc(value, number) if value.type == ir.IntType(64) else value
                for value in arguments
            ]
            given.insert(0, ir.Constant(number, _ROW_MAJOR))
            given.insert(6, ir.Constant(scalar, 1.0))
            kind = ir.FunctionType(ir.VoidType(), [value.type for value in given])
            function = get_or_insert_function(builder.module, kind, _PRODUCTS[c.dtype.bitwidth])
            limit = get_or_insert_function(
                builder.module, ir.FunctionType(number, [number]), _OWN_THREADS
            )
            before = builder.call(limit, [number(1)])
            builder.call(function, given)
            builder.call(limit, [before])
            return context.get_dummy_value()

        return types.void(i, i, i, i, i, a, i, b, i, c.dtype, c, i), generate

    return intrinsic(gemm)


#: ``gemm(how_a, how_b, m, n, k, a, a_row, b, b_row, beta, c, c_row)``: C has m rows and n columns,
#: k products are summed; ``_row`` is how many elements lie from one row to the next
gemm = Intrinsic(_build_gemm, __file__, _prepare)
