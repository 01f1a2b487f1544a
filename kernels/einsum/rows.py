"""Sums of products of two rows on one thread, in vector registers; the last vector is masked.

    C[j] = sum_p A[p, j] B[p, j],  or B[p];   C[i] = sum_p A[i, p] B[p],  or B

LLVM finishes a loop whose count is no multiple of four vectors one element at a time, and here
rows are short: of thirty elements none would be in vectors.
"""

from __future__ import annotations

import itertools
from typing import Any

from einbench.einsum.terms import multiply_rows
from einbench.jit.bodies import Intrinsic
from einbench.jit.gemm import summing
from einbench.jit.gemm.summing import merge
from einbench.jit.linked import Pointer, at, linked, number
from einbench.jit.simd.emitter import Emitter
from einbench.jit.simd.registers import lanes, vector_bytes

#: vectors of a row that are summed at once
_VECTORS = 4
#: what an element of A is multiplied with: its own of B, one element for all, or nothing
_EVERY = _OWN, _ONE, _NONE = 0, 1, 2


def _build_part_of_row() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def part_of_row(
        typing: Any, columns: Any, count: Any, a: Any, a_step: Any, b: Any, b_step: Any,
        factor: Any, c: Any, add: Any,
    ) -> Any:  # fmt: skip
        i = types.int64

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            emit = Emitter(builder, c.dtype.bitwidth)
            columns, count, a, a_step, b, b_step, factor, c_here, add = arguments
            vectors = builder.udiv(
                builder.add(columns, emit.number(emit.lanes - 1)), emit.number(emit.lanes)
            )
            done = builder.append_basic_block("done")
            case = builder.add(builder.mul(vectors, emit.number(len(_EVERY))), factor)
            choice = builder.switch(case, done)
            for width in range(1, _VECTORS + 1):
                for second in _EVERY:
                    here = builder.append_basic_block("row")
                    choice.add_case(emit.number(len(_EVERY) * width + second), here)
                    builder.position_at_end(here)
                    _row(emit, width, second, columns, count, (a, a_step), (b, b_step), c_here, add)
                    builder.branch(done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        return types.void(i, i, a, i, b, i, i, c, i), generate

    return intrinsic(part_of_row)


def _row(
    emit: Emitter, width: int, factor: int, columns: Any, count: Any, first: tuple[Any, Any],
    second: tuple[Any, Any], c: Any, add: Any,
) -> None:  # fmt: skip
    builder = emit.builder
    mask = emit.first(builder.sub(columns, emit.number((width - 1) * emit.lanes)))
    places = [[emit.number(j * emit.lanes)] for j in range(width)]

    def load(base: Any, j: int) -> Any:
        where = builder.gep(base, places[j])
        return emit.load(where) if j < width - 1 else emit.load_some(where, mask)

    fresh = builder.block
    adding, begun = builder.append_basic_block("adding"), builder.append_basic_block("begun")
    builder.cbranch(builder.icmp_signed("!=", add, emit.number(0)), adding, begun)
    builder.position_at_end(adding)
    there = [load(c, j) for j in range(width)]
    builder.branch(begun)
    builder.position_at_end(begun)
    sums = merge(emit, [emit.zero] * width, fresh, there, adding)

    def step(p: Any, sums: list[Any]) -> list[Any]:
        a = builder.gep(first[0], [builder.mul(p, first[1])])
        b = builder.gep(second[0], [builder.mul(p, second[1])])
        same = _for_all(emit, factor, b)
        return [
            emit.add_product(load(a, j), load(b, j) if same is None else same, sums[j])
            for j in range(width)
        ]

    for j, value in enumerate(emit.fold(count, sums, step)):
        where = builder.gep(c, places[j])
        if j < width - 1:
            emit.store(value, where)
        else:
            emit.store_some(value, where, mask)


def _for_all(emit: Emitter, factor: int, b: Any) -> Any:
    """The factor of all lanes; None where each has its own."""
    if factor == _NONE:
        return emit.constant(1.0)
    return emit.everywhere(b) if factor == _ONE else None


def _together() -> int:
    """Rows whose products with one other are summed at once; half of the registers hold sums."""
    return 4 if vector_bytes() == 64 else 2


def _build_together() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def rows_of(typing: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return ir.Constant(ir.IntType(64), _together())

        return types.int64(), generate

    return intrinsic(rows_of)


def _build_dots() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def dots(
        typing: Any, rows: Any, factor: Any, a: Any, a_row: Any, b: Any, count: Any, c: Any,
        c_row: Any, add: Any,
    ) -> Any:  # fmt: skip
        i = types.int64

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            emit = Emitter(builder, a.dtype.bitwidth)
            rows, factor, *rest = arguments
            case = builder.add(builder.mul(rows, emit.number(len(_EVERY))), factor)
            for height, second in itertools.product((1, _together()), _EVERY):
                number = emit.number(len(_EVERY) * height + second)
                with builder.if_then(builder.icmp_signed("==", case, number)):
                    _dots(emit, height, second, *rest)
            return context.get_dummy_value()

        return types.void(i, i, a, i, b, i, c, i, i), generate

    return intrinsic(dots)


def _dots(
    emit: Emitter, rows: int, factor: int, a: Any, a_row: Any, b: Any, count: Any, c: Any,
    c_row: Any, add: Any,
) -> None:  # fmt: skip
    """The sums of a row do not depend on how many rows there are."""
    builder = emit.builder
    bases = [emit.after(a, a_row, r) for r in range(rows)]
    every = _VECTORS * emit.lanes
    same = _for_all(emit, factor, b)
    rounds = builder.udiv(count, emit.number(every))

    def step(n: Any, sums: list[Any]) -> list[Any]:
        begin = builder.mul(n, emit.number(every))
        places = [[builder.add(begin, emit.number(j * emit.lanes))] for j in range(_VECTORS)]
        there = [emit.load(builder.gep(b, place)) if same is None else same for place in places]
        return [
            emit.add_product(emit.load(builder.gep(base, place)), y, sums[r * _VECTORS + j])
            for r, base in enumerate(bases)
            for j, (place, y) in enumerate(zip(places, there, strict=True))
        ]

    sums = emit.fold(rounds, [emit.zero] * (rows * _VECTORS), step)
    while len(sums) > rows:
        sums = [builder.fadd(x, y) for x, y in zip(sums[::2], sums[1::2], strict=True)]
    done = builder.mul(rounds, emit.number(every))
    left = builder.sub(count, done)
    more = builder.udiv(builder.add(left, emit.number(emit.lanes - 1)), emit.number(emit.lanes))

    def rest(n: Any, sums: list[Any]) -> list[Any]:
        begin = builder.add(done, builder.mul(n, emit.number(emit.lanes)))
        size = emit.least_index(builder.sub(count, begin), emit.number(emit.lanes))
        mask = emit.first(size)
        y = emit.load_some(builder.gep(b, [begin]), mask) if same is None else same
        return [
            emit.add_product(emit.load_some(builder.gep(base, [begin]), mask), y, value)
            for base, value in zip(bases, sums, strict=True)
        ]

    total = emit.sum_lanes(emit.fold(more, sums, rest))
    wheres = [emit.after(c, c_row, r) for r in range(rows)]
    found = [builder.extract_element(total, emit.small(r)) for r in range(rows)]
    with builder.if_else(builder.icmp_signed("!=", add, emit.number(0))) as (adding, otherwise):
        with adding:
            for value, where in zip(found, wheres, strict=True):
                before = builder.load(where)
                before.align = emit.align
                builder.store(builder.fadd(before, value), where).align = emit.align
        with otherwise:
            for value, where in zip(found, wheres, strict=True):
                builder.store(value, where).align = emit.align


#: ``part_of_row(columns, count, ...)``: up to four vectors of a row; ``factor`` is `_ONE` where B
#: has one element for all columns; pointers
part_of_row = Intrinsic(_build_part_of_row, __file__, also=summing.SOURCES)
#: ``together()``: of how many rows `dots` takes at once the products with one other
together = Intrinsic(_build_together, __file__)
#: ``dots(rows, factor, ...)``: products of so many rows of A, or of one, with b, summed; pointers
dots = Intrinsic(_build_dots, __file__, also=summing.SOURCES)


@linked()
def dot_rows(
    rows: int, count: int, a: Pointer, a_row: int, b: Pointer, b_row: int, factor: int,
    c: Pointer, c_row: int, add: int,
) -> None:  # fmt: skip
    """C[i] = sum_p A[i, p] B[i, p], or that added; ``b_row`` is 0 where B has one row for all."""
    high = together()
    i = 0
    while i < rows:
        several = high if b_row == 0 and rows - i >= high else 1
        dots(several, factor, at(a, i * a_row), a_row, at(b, i * b_row), count,
             at(c, i * c_row), c_row, add)  # fmt: skip
        i += several


@linked()
def sums(
    rows: int, columns: int, count: int, a: Pointer, a_row: int, a_col: int, a_step: int,
    b: Pointer, b_row: int, b_col: int, b_step: int, c: Pointer, c_row: int, c_col: int, add: int,
    alone: int,
) -> None:  # fmt: skip
    """C[i, j] = sum_p A[i, j, p] B[i, j, p], or that added; ``alone`` is 1 where there is no B, all
    of whose strides are 0.
    """
    by_rows = c_col == 1 and a_col == 1 and 0 <= b_col <= 1
    part = 4 * lanes(a) if by_rows else 1
    if by_rows and count == 1 and alone == 0:
        multiply_rows(rows, columns, a, a_row, b, b_row, b_col, c, c_row, 1 if add != 0 else 0)
        return
    for i in range(rows):
        x, y, z = at(a, i * a_row), at(b, i * b_row), at(c, i * c_row)
        if not by_rows and a_step == 1 and 0 <= b_step <= 1:
            factor = _NONE if alone != 0 else 1 - b_step
            dot_rows(columns, count, x, a_col, y, b_col, factor, z, c_col, add)
            continue
        for j in range(0, columns, part):
            u, v = at(x, j * a_col), at(y, j * b_col)
            if by_rows:
                here = min(part, columns - j)
                factor = _NONE if alone != 0 else 1 - b_col
                part_of_row(here, count, u, a_step, v, b_step, factor, at(z, j), add)
                continue
            total = z[j * c_col] if add != 0 else number(a, 0)
            for p in range(count):
                total += u[p * a_step] if alone != 0 else u[p * a_step] * v[p * b_step]
            z[j * c_col] = total
