"""Sums of so few products that storing them takes the time: C is written along its rows.

C[i, j] = sum_p A[i, p] B[p, j]                  up to three products
C[i, j] = A[i, j] B[i, j],  or times B[i]; or that added
"""

from __future__ import annotations

import itertools
from typing import Any

from einbench.jit.bodies import Intrinsic
from einbench.jit.gemm.block import ROWS, highest
from einbench.jit.linked import Pointer, at, linked
from einbench.jit.simd import emitter
from einbench.jit.simd.emitter import Emitter

#: products of a sum: eight rows' elements of A fill 24 of 32 registers
MOST_TERMS = 3


def _build_rows_of_terms() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def rows_of_terms(
        typing: Any, rows: Any, columns: Any, count: Any, a: Any, a_row: Any, a_step: Any,
        b: Any, b_step: Any, c: Any, c_row: Any,
    ) -> Any:  # fmt: skip
        i = types.int64

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            emit = Emitter(builder, c.dtype.bitwidth)
            rows, columns, count, *rest = arguments
            done = builder.append_basic_block("done")
            choice = builder.switch(builder.add(builder.shl(rows, emit.number(2)), count), done)
            for height, terms in itertools.product(ROWS, range(1, MOST_TERMS + 1)):
                here = builder.append_basic_block("rows")
                choice.add_case(emit.number(4 * height + terms), here)
                builder.position_at_end(here)
                _terms(emit, height, terms, columns, *rest)
                builder.branch(done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        return types.void(i, i, i, a, i, i, b, i, c, i), generate

    return intrinsic(rows_of_terms)


def _terms(
    emit: Emitter, height: int, terms: int, columns: Any, a: Any, a_row: Any, a_step: Any,
    b: Any, b_step: Any, c: Any, c_row: Any,
) -> None:  # fmt: skip
    builder = emit.builder
    factors = [
        [emit.everywhere(emit.after(emit.after(a, a_row, i), a_step, p)) for p in range(terms)]
        for i in range(height)
    ]
    bases = [emit.after(b, b_step, p) for p in range(terms)]
    targets = [emit.after(c, c_row, i) for i in range(height)]

    def step(place: Any, mask: Any) -> None:
        row = [_load(emit, builder.gep(base, [place]), mask) for base in bases]
        for target, (first, *others) in zip(targets, factors, strict=True):
            value = builder.fmul(first, row[0])
            for factor, vector in zip(others, row[1:], strict=True):
                value = emit.add_product(factor, vector, value)
            _store(emit, value, builder.gep(target, [place]), mask)

    _along(emit, columns, step)


def _build_multiply() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def multiply(typing: Any, columns: Any, a: Any, b: Any, b_col: Any, c: Any, add: Any) -> Any:
        i = types.int64

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            emit = Emitter(builder, c.dtype.bitwidth)
            columns, a_base, b_base, b_col, c_base, add = arguments
            done = builder.append_basic_block("done")
            choice = builder.switch(builder.add(builder.shl(b_col, emit.number(1)), add), done)
            for along, adds in itertools.product((0, 1), (0, 1)):
                here = builder.append_basic_block("row")
                choice.add_case(emit.number(2 * along + adds), here)
                builder.position_at_end(here)
                factor = None if along else emit.everywhere(b_base)

                def step(place: Any, mask: Any, factor: Any = factor, adds: int = adds) -> None:
                    x = _load(emit, builder.gep(a_base, [place]), mask)
                    y = factor or _load(emit, builder.gep(b_base, [place]), mask)
                    where = builder.gep(c_base, [place])
                    value = (
                        emit.add_product(x, y, _load(emit, where, mask))
                        if adds
                        else builder.fmul(x, y)
                    )
                    _store(emit, value, where, mask)

                _along(emit, columns, step)
                builder.branch(done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        return types.void(i, a, b, i, c, i), generate

    return intrinsic(multiply)


def _along(emit: Emitter, columns: Any, step: Any) -> None:
    """A step for every whole vector, and one with a mask for the rest, if there is any."""
    builder = emit.builder
    whole = builder.and_(columns, emit.number(-emit.lanes))
    left = builder.sub(columns, whole)
    mask = emit.first_kept(left)
    with emit.steps(emit.number(0), whole, emit.lanes) as place:
        step(place, None)
    with builder.if_then(builder.icmp_signed(">", left, emit.number(0))):
        step(whole, mask)


def _load(emit: Emitter, where: Any, mask: Any) -> Any:
    return emit.load(where) if mask is None else emit.load_some(where, mask)


def _store(emit: Emitter, value: Any, where: Any, mask: Any) -> None:
    if mask is None:
        emit.store(value, where)
    else:
        emit.store_some(value, where, mask)


#: ``rows_of_terms(rows, columns, count, ...)``: 1, 2, 4 or 8 rows; pointers
rows_of_terms = Intrinsic(_build_rows_of_terms, __file__, also=emitter.SOURCES)
#: ``multiply(columns, a, b, b_col, c, add)``: one row; ``b_col`` is 0 or 1; pointers
multiply = Intrinsic(_build_multiply, __file__, also=emitter.SOURCES)


@linked()
def few_terms(
    rows: int, columns: int, count: int, a: Pointer, a_row: int, a_step: int,
    b: Pointer, b_step: int, c: Pointer, c_row: int,
) -> None:  # fmt: skip
    """C = A B of up to `MOST_TERMS` products a sum, as many rows at once as fit."""
    height, row = highest(), 0
    while row < rows:
        while height > rows - row:
            height //= 2
        rows_of_terms(
            height, columns, count, at(a, row * a_row), a_row, a_step, b, b_step,
            at(c, row * c_row), c_row,
        )  # fmt: skip
        row += height


@linked()
def multiply_rows(
    rows: int, columns: int, a: Pointer, a_row: int, b: Pointer, b_row: int, b_col: int,
    c: Pointer, c_row: int, add: int,
) -> None:  # fmt: skip
    """C[i, j] = A[i, j] B[i, j], or that added; ``b_col`` is 0 where B has one element for all."""
    for i in range(rows):
        multiply(columns, at(a, i * a_row), at(b, i * b_row), b_col, at(c, i * c_row), add)
