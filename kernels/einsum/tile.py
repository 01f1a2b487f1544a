"""A matrix product of any strides on one thread, its sums in vector registers.

    C[i, j] = sum_p A[i, p] B[p, j],  or that added to C

Columns are taken in panels of up to three vectors, of which the last is masked: nothing is padded
or copied where rows of B and C are contiguous. Elsewhere a panel of B is packed, and columns of C
are scattered from a block that is computed apart. Where sums are short, rows go along several
panels before the next rows begin: C is written along its rows, and A is read once for them all.
"""

from __future__ import annotations

import itertools
from typing import Any

from einbench.einsum.fetching import fetch
from einbench.einsum.terms import MOST_TERMS, few_terms
from einbench.jit.bodies import Intrinsic, helper
from einbench.jit.gemm import block as gemm_block
from einbench.jit.gemm.block import ROWS, VECTORS, highest
from einbench.jit.gemm.summing import add_products, merge
from einbench.jit.gemm.transposing import move as move_vectors
from einbench.jit.gemm.transposing import transpose, transpose_half, transpose_quarter
from einbench.jit.linked import Pointer, at, linked
from einbench.jit.simd.emitter import Emitter
from einbench.jit.simd.registers import lanes

#: products between a load and a store of a block's sums
DEPTH, MOST_DEPTH = 256, 384
#: rows that are computed apart where columns of C are scattered
_APART = 64
#: a panel is packed for so many rows where its own lie so many elements apart
_PACKED_ROWS, FAR = 24, 256
#: elements between rows from which on the next panels are brought to the cache beforehand
_FOREIGN = 8192
#: of so many of those a panel is read as it is: it stays in the first-level cache
_LEAST_KEPT, _MOST_KEPT = 16, 48
#: products of a sum that takes less time than its result takes to be stored
_SHORT = 8


def _build_block() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def block(
        typing: Any, rows: Any, columns: Any, a: Any, a_row: Any, a_step: Any,
        b: Any, b_step: Any, c: Any, c_row: Any, count: Any, add: Any,
    ) -> Any:  # fmt: skip
        i = types.int64

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            emit = Emitter(builder, c.dtype.bitwidth)
            rows, columns, *rest = arguments
            # of a vector with half its lanes or fewer to do, half is computed: processors that
            # take two cycles for a whole one take one for that
            part = Emitter(builder, c.dtype.bitwidth, 2) if emit.lanes > 2 else emit
            halves = builder.udiv(
                builder.add(columns, emit.number(part.lanes - 1)), emit.number(part.lanes)
            )
            before = builder.udiv(builder.sub(columns, emit.number(1)), emit.number(emit.lanes))
            left = builder.sub(columns, builder.mul(before, emit.number(emit.lanes)))
            masks = {each.lanes: each.first_kept(left) for each in (emit, part)}
            done = builder.append_basic_block("done")
            choice = builder.switch(builder.add(builder.shl(rows, emit.number(3)), halves), done)
            whole = emit.lanes // part.lanes
            for height, wide in itertools.product(ROWS, range(1, VECTORS * whole + 1)):
                here = builder.append_basic_block("block")
                choice.add_case(emit.number(8 * height + wide), here)
                builder.position_at_end(here)
                vectors = [emit] * (wide // whole) + [part] * (wide % whole)
                _block(vectors, height, masks[vectors[-1].lanes], *rest)
                builder.branch(done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        return types.void(i, i, a, i, i, b, i, c, i, i, i), generate

    return intrinsic(block)


def _block(
    vectors: list[Emitter], height: int, mask: Any, a: Any, a_row: Any, a_step: Any,
    b: Any, b_step: Any, c: Any, c_row: Any, count: Any, add: Any,
) -> None:  # fmt: skip
    """One block: zeros or what is there already, with the products added."""
    emit, last, width = vectors[0], vectors[-1], len(vectors)
    builder = emit.builder
    places = [(i, j) for i in range(height) for j in range(width)]

    def load(base: Any, j: int) -> Any:
        where = builder.gep(base, [emit.number(j * emit.lanes)])
        return emit.load(where) if j < width - 1 else last.load_some(where, mask)

    fresh = builder.block
    adding, begun = builder.append_basic_block("adding"), builder.append_basic_block("begun")
    loop, done = builder.append_basic_block("products"), builder.append_basic_block("summed")
    builder.cbranch(builder.icmp_signed("!=", add, emit.number(0)), adding, begun)
    builder.position_at_end(adding)
    there = [load(emit.after(c, c_row, i), j) for i, j in places]
    builder.branch(begun)
    builder.position_at_end(begun)
    first = merge(emit, [vectors[j].zero for _, j in places], fresh, there, adding)
    builder.branch(loop)
    added = add_products(
        vectors, dict(zip(places, first, strict=True)), (a, a_row, a_step), (b, b_step), load,
        (begun, loop, done), count,
    )  # fmt: skip
    for (i, j), value in added.items():
        where = builder.gep(emit.after(c, c_row, i), [emit.number(j * emit.lanes)])
        if j < width - 1:
            emit.store(value, where)
        else:
            last.store_some(value, where, mask)


#: ``block(rows, columns, ...)``: one block of 1, 2, 4 or 8 rows and up to three vectors; pointers
block = Intrinsic(_build_block, __file__, also=gemm_block.SOURCES)


@helper()
def panel_columns(like: Pointer) -> int:
    """Columns of a whole panel."""
    return 3 * lanes(like)


@linked()
def down(
    rows: int, columns: int, tall: int, a: Pointer, a_row: int, a_step: int,
    b: Pointer, b_step: int, beside: int, c: Pointer, c_row: int, count: int, add: int,
) -> None:  # fmt: skip
    """Panels that begin ``beside`` elements of B from each other, in blocks as high as fit: so many
    rows of all panels, then the following ones.
    """
    wide, first = panel_columns(a), 0
    while first < rows:
        end = min(rows, first + tall)
        for j in range(0, columns, wide):
            height, row = highest(), first
            while row < end:
                while height > end - row:
                    height //= 2
                block(
                    height, min(wide, columns - j), at(a, row * a_row), a_row, a_step,
                    at(b, j // wide * beside), b_step, at(c, row * c_row + j), c_row, count, add,
                )  # fmt: skip
                row += height
        first = end


@helper()
def work_elements(like: Pointer) -> int:
    """Memory that `product` needs."""
    return (MOST_DEPTH + _APART) * panel_columns(like)


@helper()
def square_side(size: int, rows: int, columns: int) -> int:
    """Of squares that are transposed in registers: all lanes, a half or a quarter; 1 for none."""
    least = min(rows, columns)
    for side in (size, size // 2, size // 4):
        if 1 < side <= least:
            return side
    return 1


@linked()
def turn(
    side: int, rows: int, columns: int, a: Pointer, a_col: int, c: Pointer, c_row: int
) -> None:
    """C[i, j] = A[i, j], columns of A and rows of C contiguous, in squares."""
    size = lanes(a)
    for j in range(0, columns, side):
        # the last ones begin before those next to them end
        col = min(j, columns - side)
        for i in range(0, rows, side):
            row = min(i, rows - side)
            here, there = at(a, row + col * a_col), at(c, row * c_row + col)
            if side == size:
                transpose(here, a_col, there, c_row)
            elif 2 * side == size:
                transpose_half(here, a_col, there, c_row)
            else:
                transpose_quarter(here, a_col, there, c_row)


@linked()
def move(
    rows: int, columns: int, a: Pointer, a_row: int, a_col: int, c: Pointer, c_row: int, c_col: int,
    add: int,
) -> None:  # fmt: skip
    """C[i, j] = A[i, j], or that added; along the smaller stride of C."""
    size = lanes(a)
    if c_row < c_col:
        rows, columns, a_row, a_col, c_row, c_col = columns, rows, a_col, a_row, c_col, c_row
    side = square_side(size, rows, columns)
    if add == 0 and a_row == 1 and c_col == 1 and side > 1:
        turn(side, rows, columns, a, a_col, c, c_row)
        return
    for i in range(rows):
        x, z = at(a, i * a_row), at(c, i * c_row)
        if c_col == 1 and a_col == 1 and add == 0:
            whole = columns // size
            for v in range(0, whole, 3):
                move_vectors(at(x, v * size), at(z, v * size), min(3, whole - v))
            for j in range(whole * size, columns):
                z[j] = x[j]
        elif add == 0:
            for j in range(columns):
                z[j * c_col] = x[j * a_col]
        else:
            for j in range(columns):
                z[j * c_col] += x[j * a_col]


@linked()
def pack(
    depth: int, width: int, b: Pointer, b_step: int, b_col: int, work: Pointer
) -> None:  # fmt: skip
    """Panels of B behind each other, their rows whole panels long."""
    wide = panel_columns(b)
    for j in range(0, width, wide):
        across = min(wide, width - j)
        move(depth, across, at(b, j * b_col), b_step, b_col, at(work, j * depth), wide, 1, 0)


@linked()
def product_of_few(
    rows: int, columns: int, count: int, a: Pointer, a_row: int, a_step: int,
    b: Pointer, b_step: int, b_col: int, c: Pointer, c_row: int, work: Pointer,
) -> None:  # fmt: skip
    """C = A B of up to `MOST_TERMS` products a sum, columns of C contiguous."""
    strip = MOST_DEPTH // count * panel_columns(a)
    for first in range(0, columns, strip):
        width = min(strip, columns - first)
        here, row = at(b, first * b_col), b_step
        if b_col != 1:
            move(count, width, here, b_step, b_col, work, strip, 1, 0)
            here, row = work, strip
        few_terms(rows, width, count, a, a_row, a_step, here, row, at(c, first), c_row)


@linked()
def product(
    rows: int, columns: int, count: int, a: Pointer, a_row: int, a_step: int,
    b: Pointer, b_step: int, b_col: int, c: Pointer, c_row: int, c_col: int, add: int,
    work: Pointer,
) -> None:  # fmt: skip
    """C = A B, or that added; ``work`` has `work_elements`."""
    scattered = c_col != 1 and columns > 1
    if count <= MOST_TERMS and not scattered and add == 0:
        product_of_few(rows, columns, count, a, a_row, a_step, b, b_step, b_col, c, c_row, work)
        return
    wide = panel_columns(a)
    apart = at(work, MOST_DEPTH * wide)
    strip, tall = wide, rows
    if count <= _SHORT and not scattered:
        strip, tall = MOST_DEPTH // count * wide, highest()
    for first in range(0, columns, strip):
        width = min(strip, columns - first)
        p = 0
        while p < count:
            # a short rest is summed together with what is before it
            depth = DEPTH if count - p > MOST_DEPTH else count - p
            more = 1 if add != 0 or p > 0 else 0
            left, panel = at(a, p * a_step), at(b, p * b_step + first * b_col)
            row, beside = b_step, wide
            packed = b_col != 1 or (rows >= _PACKED_ROWS and b_step >= FAR)
            if b_col == 1 and b_step >= _FOREIGN:
                # rows of the next panel lie too far apart to be foreseen
                fetch(depth, strip, min(strip + width, columns - first), panel, b_step)
                packed = packed and (depth < _LEAST_KEPT or depth > _MOST_KEPT)
            if packed:
                pack(depth, width, panel, b_step, b_col, work)
                panel, row, beside = work, wide, wide * depth
            if not scattered:
                here = at(c, first * c_col)
                down(rows, width, tall, left, a_row, a_step, panel, row, beside, here, c_row,
                     depth, more)  # fmt: skip
            else:
                for i in range(0, rows, _APART):
                    high = min(_APART, rows - i)
                    own = at(left, i * a_row)
                    down(high, width, high, own, a_row, a_step, panel, row, beside, apart, wide,
                         depth, 0)  # fmt: skip
                    there = at(c, i * c_row + first * c_col)
                    move(high, width, apart, wide, 1, there, c_row, c_col, more)
            p += depth
