"""The loop of a block of a matrix product: its sums are phi nodes, which LLVM keeps in registers.

S[i, j] = begun[i, j] + sum_p A[i, p] B[p, j],  j a vector of columns
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from einbench.jit.simd import emitter
from einbench.jit.simd.emitter import Emitter

#: what code that emits it depends on
SOURCES = (__file__, *emitter.SOURCES)

Place = tuple[int, int]


def add_products(
    vectors: Sequence[Emitter],
    begun: Mapping[Place, Any],
    factors: tuple[Any, Any, Any],
    panel: tuple[Any, Any],
    load: Callable[[Any, int], Any],
    blocks: tuple[Any, Any, Any],
    count: Any,
    copy: Any = None,
) -> dict[Place, Any]:
    """Emit the loop, which is taken once at least, and leave the builder where it is done.

    Args:
        vectors: of each vector of columns, what it is emitted with.
        begun: the value that each sum begins with, row after row.
        factors: A, the elements to its next row, and those to its next product.
        panel: B, and the elements to its next product.
        load: from where a row of B is read and the number of a vector, that vector.
        blocks: where the loop is come from, the loop, and where it goes when it is done.
        count: of products.
        copy: where what is read of B is stored, row after row.
    """
    emit, (before, loop, done) = vectors[0], blocks
    builder, (a_base, a_row, a_step), (b_base, b_step) = emit.builder, factors, panel
    builder.position_at_end(loop)

    def carried(first: Any) -> Any:
        value = builder.phi(first.type)
        value.add_incoming(first, before)
        return value

    step, a_here, b_here = carried(emit.number(0)), carried(a_base), carried(b_base)
    sums = {place: carried(value) for place, value in begun.items()}
    copying = [] if copy is None else [carried(copy)]
    row_of_b = [load(b_here, j) for j in range(len(vectors))]
    for to in copying:
        for j, vector in enumerate(row_of_b):
            emit.store(vector, builder.gep(to, [emit.number(j * emit.lanes)]))
    added: dict[Place, Any] = {}
    for i in range(len(begun) // len(vectors)):
        factor = emit.everywhere(emit.after(a_here, a_row, i))
        for j, each in enumerate(vectors):
            same = factor
            if each.lanes < emit.lanes:
                same = each.shuffle(factor, factor, list(range(each.lanes)))
            added[i, j] = each.add_product(same, row_of_b[j], sums[i, j])
    following = builder.add(step, emit.number(1))
    for value, then in (
        (step, following),
        (a_here, builder.gep(a_here, [a_step])),
        (b_here, builder.gep(b_here, [b_step])),
        *((sums[place], added[place]) for place in begun),
        *((to, builder.gep(to, [emit.number(len(vectors) * emit.lanes)])) for to in copying),
    ):
        value.add_incoming(then, loop)
    builder.cbranch(builder.icmp_signed("<", following, count), loop, done)
    builder.position_at_end(done)
    return added


def merge(
    emit: Emitter, skipped: Iterable[Any], before: Any, computed: Iterable[Any], after: Any
) -> list[Any]:
    """Phi nodes where control comes from two blocks, with the values that either of them has."""
    found = []
    for first, second in zip(skipped, computed, strict=True):
        value = emit.builder.phi(first.type)
        value.add_incoming(first, before)
        value.add_incoming(second, after)
        found.append(value)
    return found
