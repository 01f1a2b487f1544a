"""The innermost block of a matrix product, held in vector registers, and a transpose in registers.

    S[i, j] = start[i, j] + sum_p A[i, p] B[p, j]        i < rows, j < vectors * lanes
    C = S,  or max(S, 0),  or base + factor S

Every element of the block has its sum in a register until the last product is added, so that a
step over p loads ``vectors`` vectors of B and ``rows`` elements of A for ``rows * vectors`` fused
multiply-adds. numba's loops cannot say this: LLVM vectorises one loop, and leaves the block of sums
in memory. So the block is given to it as vectors, which it turns into the instructions of the
processor at hand. (K. Goto, R. van de Geijn, *Anatomy of High-Performance Matrix Multiplication*,
ACM TOMS 34(3), 2008, for what a block must hold; the numbers below are for these registers.)
"""

from __future__ import annotations

import functools
import platform
from typing import Any, NamedTuple

import numpy as np

from kernels.compiled import Intrinsic, copy_for_numba, digest_of

#: most vectors of B that a block is wide
VECTORS = 3
#: what blocks may be high, highest first: eight times three sums, three of B and one of A fill
#: 28 of 32 registers; four times three fill all of 16
ROWS = (8, 4, 2, 1)
#: what is stored: the sums, the sums with zero for negative ones, or a step along them
PLAIN, RECTIFIED, STEPPED = 0, 1, 2


@functools.cache
def vector_bytes() -> int:
    """Width of a vector register of the processor that numba compiles for."""
    features = _features()
    if "avx512f" in features:
        return 64
    return 32 if "avx" in features else 16


@functools.cache
def most_rows() -> int:
    """Height of the largest block: 32 registers hold eight rows, 16 hold four."""
    few = platform.machine() in ("x86_64", "AMD64") and "avx512f" not in _features()
    return 4 if few else 8


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
            return ir.Constant(ir.IntType(64), _lanes(array))

        return types.int64(array), generate

    return intrinsic(lanes_of)


def _build_rows() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def rows_of(typing: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return ir.Constant(ir.IntType(64), most_rows())

        return types.int64(), generate

    return intrinsic(rows_of)


def _lanes(array: Any) -> int:
    """Of an array or a pointer to its elements."""
    return vector_bytes() // (array.dtype.bitwidth // 8)


class _Emitter:
    """LLVM's builder, with the few phrases that the blocks are written in."""

    def __init__(self, context: Any, builder: Any, array: Any) -> None:
        from llvmlite import ir

        self.builder = builder
        self.lanes = _lanes(array)
        self.align = array.dtype.bitwidth // 8
        self.scalar = ir.FloatType() if self.align == 4 else ir.DoubleType()
        self.vector = ir.VectorType(self.scalar, self.lanes)
        self.index = ir.IntType(64)
        self._context = context

    def base(self, array: Any, value: Any, offset: Any) -> Any:
        """Where element ``offset`` of a flat array lies."""
        data = self._context.make_array(array)(self._context, self.builder, value).data
        return self.builder.gep(data, [offset])

    def number(self, value: int) -> Any:
        """A constant index."""
        from llvmlite import ir

        return ir.Constant(self.index, value)

    def after(self, pointer: Any, stride: Any, count: int, more: int = 0) -> Any:
        """``count`` strides and ``more`` elements on."""
        offset = self.builder.mul(stride, self.number(count))
        return self.builder.gep(pointer, [self.builder.add(offset, self.number(more))])

    def load(self, pointer: Any) -> Any:
        """A vector, from any element on."""
        found = self.builder.load(self.builder.bitcast(pointer, self.vector.as_pointer()))
        found.align = self.align
        return found

    def store(self, vector: Any, pointer: Any) -> None:
        """A vector, to any element on."""
        target = self.builder.bitcast(pointer, self.vector.as_pointer())
        self.builder.store(vector, target).align = self.align

    def everywhere(self, pointer: Any) -> Any:
        """One element of an array in all lanes."""
        one = self.builder.load(pointer)
        one.align = self.align
        return self.in_all_lanes(one)

    def in_all_lanes(self, one: Any) -> Any:
        """A scalar in all lanes."""
        from llvmlite import ir

        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(undefined, one, ir.Constant(ir.IntType(32), 0))
        return self.shuffle(first, undefined, [0] * self.lanes)

    def shuffle(self, a: Any, b: Any, picks: list[int]) -> Any:
        """Lanes picked from two vectors put end to end."""
        from llvmlite import ir

        mask = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), picks)
        return self.builder.shuffle_vector(a, b, mask)

    def add_product(self, a: Any, b: Any, c: Any) -> Any:
        """``a * b + c``, rounded once where the processor can."""
        from llvmlite import ir
        from numba.core import cgutils

        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        name = f"llvm.fmuladd.v{self.lanes}f{8 * self.align}"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [a, b, c])


class _Ending(NamedTuple):
    """What becomes of the sums: one of the kinds above, and for a step from where and how far."""

    kind: Any
    base: Any
    base_row: Any
    factor: Any


def _block_product() -> Any:
    """The intrinsic ``block_product(rows, vectors, ...)`` on pointers, for `_down` alone."""
    from numba import types
    from numba.extending import intrinsic

    def block_product(
        typing: Any,
        rows: Any, vectors: Any,
        a: Any, a_row: Any, a_step: Any,
        b: Any, b_step: Any,
        c: Any, c_row: Any,
        start: Any, start_row: Any,
        count: Any, ending: Any, base: Any, base_row: Any, factor: Any,
        a_at: Any, c_at: Any, start_at: Any, base_at: Any,
    ) -> Any:  # fmt: skip
        i = types.int64

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            emit = _Emitter(context, builder, c)
            (
                rows, vectors, a, a_row, a_step, b, b_step, c_here, c_row, start, start_row,
                count, ending, base, base_row, factor, a_at, c_at, start_at, base_at,
            ) = arguments  # fmt: skip
            factors = (builder.gep(a, [a_at]), a_row, a_step)
            result = (builder.gep(c_here, [c_at]), c_row)
            begin = (builder.gep(start, [start_at]), start_row)
            end = _Ending(ending, builder.gep(base, [base_at]), base_row, factor)
            for height in ROWS:
                for width in range(1, VECTORS + 1):
                    high = builder.icmp_signed("==", rows, emit.number(height))
                    wide = builder.icmp_signed("==", vectors, emit.number(width))
                    with builder.if_then(builder.and_(high, wide)):
                        shape = (height, width)
                        _block(emit, shape, factors, (b, b_step), result, begin, count, end)
            return context.get_dummy_value()

        kinds = (i, i, a, i, i, b, i, c, i, start, i, i, i, base, i, factor, i, i, i, i)
        return types.void(*kinds), generate

    return intrinsic(block_product)


def _block(
    emit: _Emitter,
    shape: tuple[int, int],
    factors: tuple[Any, Any, Any],
    panel: tuple[Any, Any],
    result: tuple[Any, Any],
    begin: tuple[Any, Any],
    count: Any,
    end: _Ending,
) -> None:
    """Load the beginnings, add up the products, store what the ending makes of them."""
    places = [(i, j) for i in range(shape[0]) for j in range(shape[1])]
    begun = {(i, j): emit.load(emit.after(*begin, i, j * emit.lanes)) for i, j in places}
    sums = _sum(emit, shape, begun, factors, panel, count)
    builder = emit.builder
    stepping = builder.icmp_signed("==", end.kind, emit.number(STEPPED))
    rectifying = builder.icmp_signed("==", end.kind, emit.number(RECTIFIED))
    with builder.if_else(stepping) as (stepped, otherwise):
        with stepped:
            factor = emit.in_all_lanes(end.factor)
            for i, j in places:
                base = emit.load(emit.after(end.base, end.base_row, i, j * emit.lanes))
                value = emit.add_product(factor, sums[i, j], base)
                emit.store(value, emit.after(*result, i, j * emit.lanes))
        with otherwise:
            for i, j in places:
                value = _rectify(emit, sums[i, j], rectifying)
                emit.store(value, emit.after(*result, i, j * emit.lanes))


def _sum(
    emit: _Emitter,
    shape: tuple[int, int],
    begun: dict[tuple[int, int], Any],
    factors: tuple[Any, Any, Any],
    panel: tuple[Any, Any],
    count: Any,
) -> dict[tuple[int, int], Any]:
    """The loop over p: its sums are phi nodes, which LLVM keeps in registers."""
    builder = emit.builder
    (rows, vectors), (a_base, a_row, a_step), (b_base, b_step) = shape, factors, panel
    before = builder.block
    loop, done = builder.append_basic_block("products"), builder.append_basic_block("summed")
    builder.cbranch(builder.icmp_signed(">", count, emit.number(0)), loop, done)
    builder.position_at_end(loop)

    def carried(first: Any) -> Any:
        value = builder.phi(first.type)
        value.add_incoming(first, before)
        return value

    step, a_here, b_here = carried(emit.number(0)), carried(a_base), carried(b_base)
    sums = {place: carried(value) for place, value in begun.items()}
    row_of_b = [
        emit.load(builder.gep(b_here, [emit.number(j * emit.lanes)])) for j in range(vectors)
    ]
    added = {}
    for i in range(rows):
        factor = emit.everywhere(emit.after(a_here, a_row, i))
        for j in range(vectors):
            added[i, j] = emit.add_product(factor, row_of_b[j], sums[i, j])
    following = builder.add(step, emit.number(1))
    for value, then in (
        (step, following),
        (a_here, builder.gep(a_here, [a_step])),
        (b_here, builder.gep(b_here, [b_step])),
        *((sums[place], added[place]) for place in begun),
    ):
        value.add_incoming(then, loop)
    builder.cbranch(builder.icmp_signed("<", following, count), loop, done)
    builder.position_at_end(done)
    result = {}
    for place, first in begun.items():
        value = builder.phi(first.type)
        value.add_incoming(first, before)
        value.add_incoming(added[place], loop)
        result[place] = value
    return result


def _rectify(emit: _Emitter, value: Any, rectified: Any) -> Any:
    """Zero where negative, if asked for; the comparison is false for NaN, which so passes."""
    from llvmlite import ir

    zero = ir.Constant(emit.vector, [0.0] * emit.lanes)
    negative = emit.builder.fcmp_ordered("<", value, zero)
    return emit.builder.select(rectified, emit.builder.select(negative, zero, value), value)


def _build_transpose() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def transpose(typing: Any, a: Any, a_at: Any, a_row: Any, c: Any, c_at: Any, c_row: Any) -> Any:
        i = types.int64

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            emit = _Emitter(context, builder, a)
            a_value, a_at, a_row, c_value, c_at, c_row = arguments
            a_base, c_base = emit.base(a, a_value, a_at), emit.base(c, c_value, c_at)
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

        return types.void(a, i, i, c, i, i), generate

    return intrinsic(transpose)


def _build_flat() -> Any:
    from numba import types
    from numba.core.imputils import impl_ret_borrowed
    from numba.extending import intrinsic
    from numba.np.arrayobj import populate_array

    def flat(typing: Any, array: Any) -> Any:
        kind = types.Array(array.dtype, 1, "C")

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            given = context.make_array(array)(context, builder, arguments[0])
            made = context.make_array(kind)(context, builder)
            populate_array(
                made,
                data=given.data,
                shape=[given.nitems],
                strides=[given.itemsize],
                itemsize=given.itemsize,
                meminfo=given.meminfo,
                parent=given.parent,
            )
            return impl_ret_borrowed(context, builder, kind, made._getvalue())

        return kind(array), generate

    return intrinsic(flat)


#: ``flat(array)``: the elements of an array in C order, of one type for all that compile with it
flat = Intrinsic(_build_flat, __file__)
#: ``lanes(array)``: elements of this dtype that a vector register holds
lanes = Intrinsic(_build_lanes, __file__)
#: ``transpose(a, at, row, c, at, row)``: lanes x lanes elements of a, mirrored into c
transpose = Intrinsic(_build_transpose, __file__)


def _down(
    rows: int, vectors: int,
    a: Any, a_row: int, a_step: int,
    b: Any, b_step: int,
    c: Any, c_row: int,
    start: Any, start_row: int,
    count: int, ending: int, base: Any, base_row: int, factor: Any,
) -> None:  # fmt: skip
    """All rows of a panel, in blocks as high as fit."""
    height = highest()
    row = 0
    while row < rows:
        while height > rows - row:
            height //= 2
        block_product(
            height, vectors, a, a_row, a_step, b, b_step, c, c_row, start, start_row,
            count, ending, base, base_row, factor,
            row * a_row, row * c_row, row * start_row, row * base_row,
        )  # fmt: skip
        row += height


#: symbols that the linker knows, each with what keeps its code alive
_LINKED: dict[str, Any] = {}


def _symbol(itemsize: int) -> str:
    return f"einbench_down_{8 * itemsize}_{digest_of(frozenset({__file__}))}"


def _prepare_down(dtype: np.dtype[Any]) -> None:
    """Compile `_down` for a dtype and have the linker know it, before code is loaded that calls it.

    It is a second of compiling, and a body that it were compiled into would pay that again: so
    would each of its helpers and parallel loops.
    """
    import numba
    from llvmlite.binding import add_symbol
    from numba import types

    symbol = _symbol(dtype.itemsize)
    if symbol in _LINKED:
        return
    i, p = types.int64, types.CPointer(numba.from_dtype(dtype))
    scalar = numba.from_dtype(dtype)
    signature = types.void(i, i, p, i, i, p, i, p, i, p, i, i, i, p, i, scalar)
    compiled = numba.cfunc(signature, cache=True)(copy_for_numba(_down, symbol))
    add_symbol(symbol, compiled.address)
    _LINKED[symbol] = compiled


def _build_down() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    def down(
        typing: Any,
        rows: Any, vectors: Any,
        a: Any, a_at: Any, a_row: Any, a_step: Any,
        b: Any, b_at: Any, b_step: Any,
        c: Any, c_at: Any, c_row: Any,
        start: Any, start_at: Any, start_row: Any,
        count: Any, ending: Any, base: Any, base_at: Any, base_row: Any, factor: Any,
    ) -> Any:  # fmt: skip
        i = types.int64
        kinds = (i, i, a, i, i, i, b, i, i, c, i, i, start, i, i, i, i, base, i, i, c.dtype)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            emit = _Emitter(context, builder, c)
            (
                rows, vectors,
                a_value, a_at, a_row, a_step,
                b_value, b_at, b_step,
                c_value, c_at, c_row,
                start_value, start_at, start_row,
                count, ending, base_value, base_at, base_row, factor,
            ) = arguments  # fmt: skip
            given = (
                rows, vectors,
                emit.base(a, a_value, a_at), a_row, a_step,
                emit.base(b, b_value, b_at), b_step,
                emit.base(c, c_value, c_at), c_row,
                emit.base(start, start_value, start_at), start_row,
                count, ending, emit.base(base, base_value, base_at), base_row, factor,
            )  # fmt: skip
            kind = ir.FunctionType(ir.VoidType(), [value.type for value in given])
            symbol = _symbol(c.dtype.bitwidth // 8)
            function = cgutils.get_or_insert_function(builder.module, kind, symbol)
            builder.call(function, given)
            return context.get_dummy_value()

        return types.void(*kinds), generate

    return intrinsic(down)


#: ``highest()``: rows of the largest block here
highest = Intrinsic(_build_rows, __file__)
block_product = Intrinsic(_block_product, __file__)
#: ``down(rows, vectors, a, at, row, step, b, at, step, c, at, row, start, at, row, count, ending,
#: base, at, row, factor)``: all rows of a panel; flat arrays, everything in elements. ``row`` leads
#: to the next row, ``step`` to the next product; ``base`` and ``factor`` count for STEPPED alone
down = Intrinsic(_build_down, __file__, _prepare_down)
