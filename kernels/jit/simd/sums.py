"""Sums over all elements, in several vectors at once."""

from __future__ import annotations

from typing import Any

from einbench.jit.bodies import Intrinsic
from einbench.jit.linked import Pointer, at, linked
from einbench.jit.simd import emitter
from einbench.jit.simd.emitter import Emitter

#: vectors of sums side by side: an addition takes four cycles, and two begin in each
_SIDE_BY_SIDE = 8


def _build() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def squares(typing: Any, x: Any, y: Any, count: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return _squares(Emitter(builder, x.dtype.bitwidth), *arguments)

        return x.dtype(x, y, types.int64), generate

    return intrinsic(squares)


def _squares(emit: Emitter, x: Any, y: Any, count: Any) -> Any:
    builder = emit.builder
    step = _SIDE_BY_SIDE * emit.lanes

    def add(load: Any, here: Any, total: Any) -> Any:
        gap = builder.fsub(load(builder.gep(x, [here])), load(builder.gep(y, [here])))
        return emit.add_product(gap, gap, total)

    def several(number: Any, held: list[Any]) -> list[Any]:
        base = builder.mul(number, emit.number(step))
        places = [builder.add(base, emit.number(k * emit.lanes)) for k in range(_SIDE_BY_SIDE)]
        return [add(emit.load, here, total) for here, total in zip(places, held, strict=True)]

    rounds = builder.sdiv(count, emit.number(step))
    totals = emit.fold(rounds, [emit.zero] * _SIDE_BY_SIDE, several)
    while len(totals) > 1:
        totals = [builder.fadd(a, b) for a, b in zip(totals[::2], totals[1::2], strict=True)]
    done = builder.mul(rounds, emit.number(step))
    rest = builder.sdiv(builder.add(builder.sub(count, done), emit.number(emit.lanes - 1)),
                        emit.number(emit.lanes))  # fmt: skip

    def some(number: Any, held: list[Any]) -> list[Any]:
        here = builder.add(done, builder.mul(number, emit.number(emit.lanes)))
        mask = emit.first(builder.sub(count, here))
        return [add(lambda where: emit.load_some(where, mask), here, held[0])]

    (total,) = emit.fold(rest, totals, some)
    return builder.extract_element(emit.sum_lanes([total]), emit.small(0))


_squares_all = Intrinsic(_build, __file__, also=emitter.SOURCES)


@linked(divided=True)
def squares_of_differences(
    first: int, count: int, x: Pointer, y: Pointer, some: int, sums: Pointer
) -> None:
    """sums[j] = sum_k (x[k] - y[k])^2 of the j-th ``some`` elements; ``first`` is a multiple."""
    for k in range(first, first + count, some):
        sums[k // some] = _squares_all(at(x, k), at(y, k), min(some, first + count - k))
