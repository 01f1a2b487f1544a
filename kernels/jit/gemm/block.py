"""The innermost block of a matrix product, held in vector registers.

    S[i, j] = start[i, j] + sum_p A[i, p] B[p, j]        i < rows, j < vectors * lanes
    C = S,  or max(S, 0),  or base + factor S

Every element of the block has its sum in a register until the last product is added, so that a
step over p loads ``vectors`` vectors of B and ``rows`` elements of A for ``rows * vectors`` fused
multiply-adds. numba's loops cannot express this: LLVM vectorises one loop, and leaves the block of
sums in memory. So the block is given to it as vectors, which it turns into the instructions of the
processor at hand. (K. Goto, R. van de Geijn, *Anatomy of High-Performance Matrix Multiplication*,
ACM TOMS 34(3), 2008, for what a block must hold; the numbers below are for these registers.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from einbench.jit.bodies import Intrinsic
from einbench.jit.gemm import summing
from einbench.jit.gemm.summing import add_products, merge
from einbench.jit.linked import Pointer, Scalar, at, linked
from einbench.jit.simd.emitter import Emitter
from einbench.jit.simd.registers import few_registers, lanes

#: what code that emits a block depends on
SOURCES = (__file__, *summing.SOURCES)
#: width of a block at most, in vectors of B
VECTORS = 3
#: rows of a block, largest first: eight times three sums, three of B and one of A fill
#: 28 of 32 registers; four times three fill all of 16
ROWS = (8, 4, 2, 1)
#: what is stored: the sums, the sums with zero for negative ones, a step along them, or the sums
#: by non-temporal stores, for which every vector of the result must lie within a line
PLAIN, RECTIFIED, STEPPED, NON_TEMPORAL = 0, 1, 2, 3


def _highest() -> int:
    return 4 if few_registers() else 8


def _build_rows() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def rows_of(typing: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return ir.Constant(ir.IntType(64), _highest())

        return types.int64(), generate

    return intrinsic(rows_of)


class _Ending(NamedTuple):
    """What becomes of the sums: one of the kinds above, and for a step from where and how far."""

    kind: Any
    base: Any
    base_row: Any
    factor: Any


def _build_block_product() -> Any:
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
    ) -> Any:  # fmt: skip
        i = types.int64

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            emit = Emitter(builder, c.dtype.bitwidth)
            (
                rows, vectors, a, a_row, a_step, b, b_step, c_here, c_row, start, start_row,
                count, ending, base, base_row, factor,
            ) = arguments  # fmt: skip
            end = _Ending(ending, base, base_row, factor)
            shapes = [(height, width) for height in ROWS for width in range(1, VECTORS + 1)]
            for shape in branches(emit, rows, vectors, shapes):
                _block(
                    emit, shape, (a, a_row, a_step), (b, b_step),
                    (c_here, c_row), (start, start_row), count, end,
                )  # fmt: skip
            return context.get_dummy_value()

        kinds = (i, i, a, i, i, b, i, c, i, start, i, i, i, base, i, factor)
        return types.void(*kinds), generate

    return intrinsic(block_product)


def _build_gathering_product() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def gathering_product(
        typing: Any,
        vectors: Any,
        a: Any, a_row: Any, a_step: Any,
        b: Any, b_step: Any,
        c: Any, c_row: Any,
        start: Any, count: Any, copy: Any,
    ) -> Any:  # fmt: skip
        i = types.int64

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            emit = Emitter(builder, c.dtype.bitwidth)
            vectors, a, a_row, a_step, b, b_step, c_here, c_row, start, count, copy = arguments
            nothing = _Ending(emit.number(PLAIN), start, emit.number(0), emit.nought)
            height = _highest()
            for width in range(1, VECTORS + 1):
                with builder.if_then(builder.icmp_signed("==", vectors, emit.number(width))):
                    _block(
                        emit, (height, width), (a, a_row, a_step), (b, b_step),
                        (c_here, c_row), (start, emit.number(0)), count, nothing, copy,
                    )  # fmt: skip
            return context.get_dummy_value()

        kinds = (i, a, i, i, b, i, c, i, start, i, copy)
        return types.void(*kinds), generate

    return intrinsic(gathering_product)


def branches(
    emit: Emitter, rows: Any, columns: Any, shapes: Iterable[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """Every shape in turn, in a branch that is taken where rows and columns are as many."""
    for shape in shapes:
        high = emit.builder.icmp_signed("==", rows, emit.number(shape[0]))
        wide = emit.builder.icmp_signed("==", columns, emit.number(shape[1]))
        with emit.builder.if_then(emit.builder.and_(high, wide)):
            yield shape


def _block(
    emit: Emitter, shape: tuple[int, int], factors: tuple[Any, Any, Any], panel: tuple[Any, Any],
    result: tuple[Any, Any], begin: tuple[Any, Any], count: Any, end: _Ending, copy: Any = None,
) -> None:  # fmt: skip
    """Load the starting values, add up the products, store the result of the ending."""
    places = [(i, j) for i in range(shape[0]) for j in range(shape[1])]
    begun = {(i, j): emit.load(emit.after(*begin, i, j * emit.lanes)) for i, j in places}
    sums = _sum(emit, shape, begun, factors, panel, count, copy)
    builder = emit.builder
    stepping = builder.icmp_signed("==", end.kind, emit.number(STEPPED))
    rectifying = builder.icmp_signed("==", end.kind, emit.number(RECTIFIED))
    streaming = builder.icmp_signed("==", end.kind, emit.number(NON_TEMPORAL))
    with builder.if_else(stepping) as (stepped, otherwise):
        with stepped:
            factor = emit.in_all_lanes(end.factor)
            for i, j in places:
                base = emit.load(emit.after(end.base, end.base_row, i, j * emit.lanes))
                value = emit.add_product(factor, sums[i, j], base)
                emit.store(value, emit.after(*result, i, j * emit.lanes))
        with otherwise, builder.if_else(streaming) as (streamed, stored):
            with streamed:
                for i, j in places:
                    emit.stream(sums[i, j], emit.after(*result, i, j * emit.lanes))
            with stored:
                for i, j in places:
                    value = rectify(emit, sums[i, j], emit.zero, rectifying)
                    emit.store(value, emit.after(*result, i, j * emit.lanes))


def _sum(
    emit: Emitter, shape: tuple[int, int], begun: dict[tuple[int, int], Any],
    factors: tuple[Any, Any, Any], panel: tuple[Any, Any], count: Any, copy: Any,
) -> dict[tuple[int, int], Any]:  # fmt: skip
    """What is begun with where there are no products, else with those added."""
    builder, before = emit.builder, emit.builder.block
    loop, done = builder.append_basic_block("products"), builder.append_basic_block("summed")
    builder.cbranch(builder.icmp_signed(">", count, emit.number(0)), loop, done)

    def load(base: Any, j: int) -> Any:
        return emit.load(builder.gep(base, [emit.number(j * emit.lanes)]))

    blocks = before, loop, done
    added = add_products([emit] * shape[1], begun, factors, panel, load, blocks, count, copy)
    summed = merge(emit, begun.values(), before, [added[place] for place in begun], loop)
    return dict(zip(begun, summed, strict=True))


def rectify(emit: Emitter, value: Any, zero: Any, rectified: Any) -> Any:
    """Zero where negative, if ``rectified``; the comparison is false for NaN, which so passes."""
    negative = emit.builder.fcmp_ordered("<", value, zero)
    return emit.builder.select(rectified, emit.builder.select(negative, zero, value), value)


#: ``highest()``: rows of the largest block here, a quarter of the vector registers
highest = Intrinsic(_build_rows, __file__, also=summing.SOURCES)
#: ``block_product(rows, vectors, ...)``: one block, on pointers
block_product = Intrinsic(_build_block_product, __file__, also=summing.SOURCES)
#: ``gathering_product(vectors, ...)``: a block of ``highest()`` rows, which packs B as it reads it
gathering_product = Intrinsic(_build_gathering_product, __file__, also=summing.SOURCES)


@linked()
def down(
    rows: int, vectors: int,
    a: Pointer, a_row: int, a_step: int,
    b: Pointer, b_step: int,
    c: Pointer, c_row: int,
    start: Pointer, start_row: int,
    count: int, ending: int, base: Pointer, base_row: int, factor: Scalar,
) -> None:  # fmt: skip
    """All rows of a panel, in blocks as high as fit; everything in elements.

    ``row`` leads to the next row, ``step`` to the next product; ``base`` and ``factor`` count for
    STEPPED alone.
    """
    height = highest()
    row = 0
    while row < rows:
        while height > rows - row:
            height //= 2
        block_product(
            height, vectors, at(a, row * a_row), a_row, a_step, b, b_step,
            at(c, row * c_row), c_row, at(start, row * start_row), start_row,
            count, ending, at(base, row * base_row), base_row, factor,
        )  # fmt: skip
        row += height


@linked()
def gathering_down(
    rows: int, vectors: int,
    a: Pointer, a_row: int, a_step: int,
    b: Pointer, b_step: int,
    c: Pointer, c_row: int,
    zeros: Pointer, count: int, packed: Pointer,
) -> None:  # fmt: skip
    """`down` from zeros, PLAIN, of a panel that the first block packs for the others.

    Rows of B that lie pages apart are read once so, and not packed before they are needed.
    """
    # a single block has no others to pack for
    done = highest() if rows > highest() else 0
    panel, row = b, b_step
    if done > 0:
        gathering_product(vectors, a, a_row, a_step, b, b_step, c, c_row, zeros, count, packed)
        panel, row = packed, vectors * lanes(a)
    down(
        rows - done, vectors, at(a, done * a_row), a_row, a_step, panel, row,
        at(c, done * c_row), c_row, zeros, 0, count, PLAIN, zeros, 0, 0,
    )  # fmt: skip
