"""Products of rows with rows, nothing transposed or packed: what small batches need.

    C[i, j] = bias[j] + sum_p A[i, p] B[j, p],  or the greater of that and 0

Rows of A and B are both contiguous along p, so each of n lanes of a vector of sums adds up the
products of every n-th p, and the lanes are added at the end. Packing B costs as much as multiplying
it with a dozen rows: below that many this is faster, and for one row of A it reads B once.
"""

from __future__ import annotations

from typing import Any

from einbench.jit.bodies import Intrinsic
from einbench.jit.gemm import block
from einbench.jit.gemm.block import branches, highest, rectify
from einbench.jit.gemm.summing import merge
from einbench.jit.linked import Pointer, at, linked
from einbench.jit.simd.emitter import Emitter
from einbench.jit.simd.registers import few_registers, lanes

#: rows of A and rows of B in a block. Rows of B stay in first-level cache and those of A are
#: streamed: the more rows of B a block has, the less is read from the second-level cache
SHAPES = ((2, 8), (1, 8), (4, 4), (2, 4), (1, 4), (4, 1), (2, 1), (1, 1))
#: the same where there are 16 vector registers, not 32
SMALL_SHAPES = ((1, 8), (2, 4), (1, 4), (2, 1), (1, 1))
#: vectors in a row, so that eight of them fill half of first-level cache
_RESIDENT = 60


def _build_dot_block() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def dot_block(
        typing: Any, rows: Any, units: Any, a: Any, a_row: Any, b: Any, b_row: Any,
        count: Any, bias: Any, c: Any, c_row: Any, rectified: Any,
    ) -> Any:  # fmt: skip
        i = types.int64

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            emit = Emitter(builder, c.dtype.bitwidth)
            rows, units, a, a_row, b, b_row, count, bias, c_here, c_row, rectified = arguments
            rectifying = builder.icmp_signed("!=", rectified, emit.number(0))
            for shape in branches(emit, rows, units, SMALL_SHAPES if few_registers() else SHAPES):
                sums = _sums(emit, shape, (a, a_row), (b, b_row), count)
                _store(emit, shape, sums, bias, (c_here, c_row), rectifying)
            return context.get_dummy_value()

        return types.void(i, i, a, i, b, i, i, bias, c, i, i), generate

    return intrinsic(dot_block)


def _sums(
    emit: Emitter, shape: tuple[int, int], a: tuple[Any, Any], b: tuple[Any, Any], count: Any
) -> list[Any]:
    """For each pair of rows a vector whose lanes sum to their product, in the order of C."""
    builder = emit.builder
    whole = builder.sub(count, builder.srem(count, emit.number(emit.lanes)))
    nothing = [emit.zero] * (shape[0] * shape[1])
    before = builder.block
    loop, done = builder.append_basic_block("products"), builder.append_basic_block("summed")
    builder.cbranch(builder.icmp_signed(">", whole, emit.number(0)), loop, done)
    builder.position_at_end(loop)
    step = builder.phi(emit.index)
    step.add_incoming(emit.number(0), before)
    sums = [builder.phi(emit.vector) for _ in nothing]
    added = _add(emit, shape, sums, a, b, step, emit.load)
    following = builder.add(step, emit.number(emit.lanes))
    step.add_incoming(following, loop)
    for phi, zero, more in zip(sums, nothing, added, strict=True):
        phi.add_incoming(zero, before)
        phi.add_incoming(more, loop)
    builder.cbranch(builder.icmp_signed("<", following, whole), loop, done)
    builder.position_at_end(done)
    summed = merge(emit, nothing, before, added, loop)
    return _rest(emit, shape, summed, a, b, whole, count)


def _rest(
    emit: Emitter, shape: tuple[int, int], sums: list[Any], a: tuple[Any, Any], b: tuple[Any, Any],
    whole: Any, count: Any,
) -> list[Any]:  # fmt: skip
    """What is left beyond whole vectors; lanes without an element are zero in both."""
    builder = emit.builder
    before = builder.block
    rest, done = builder.append_basic_block("rest"), builder.append_basic_block("all")
    builder.cbranch(builder.icmp_signed(">", count, whole), rest, done)
    builder.position_at_end(rest)
    mask = emit.first(builder.sub(count, whole))
    added = _add(emit, shape, sums, a, b, whole, lambda where: emit.load_some(where, mask))
    rest = builder.block
    builder.branch(done)
    builder.position_at_end(done)
    return merge(emit, sums, before, added, rest)


def _add(
    emit: Emitter, shape: tuple[int, int], sums: list[Any], a: tuple[Any, Any], b: tuple[Any, Any],
    step: Any, load: Any,
) -> list[Any]:  # fmt: skip
    """One more vector of products for every pair of rows."""
    builder = emit.builder

    def vectors(base: tuple[Any, Any], rows: int) -> list[Any]:
        pointer, row = base
        return [
            load(builder.gep(pointer, [builder.add(builder.mul(row, emit.number(r)), step)]))
            for r in range(rows)
        ]

    right = vectors(b, shape[1])
    left = vectors(a, shape[0])
    return [
        emit.add_product(left[i], right[j], sums[i * shape[1] + j])
        for i in range(shape[0])
        for j in range(shape[1])
    ]


def _store(
    emit: Emitter, shape: tuple[int, int], sums: list[Any], bias: Any, c: tuple[Any, Any],
    rectifying: Any,
) -> None:  # fmt: skip
    """Add up the lanes, and the bias; a vector of lanes is added together with its neighbour."""
    builder = emit.builder
    group = min(emit.lanes, len(sums))
    for start in range(0, len(sums), group):
        total = emit.sum_lanes(sums[start : start + group])
        for lane in range(group):
            i, j = divmod(start + lane, shape[1])
            value = builder.extract_element(total, emit.small(lane))
            own = builder.load(builder.gep(bias, [emit.number(j)]))
            value = builder.fadd(value, own)
            held = rectify(emit, value, emit.nought, rectifying)
            builder.store(held, emit.after(c[0], c[1], i, j))


#: ``dot_block(rows, units, a, row, b, row, count, bias, c, row, rectified)``, on pointers
dot_block = Intrinsic(_build_dot_block, __file__, also=block.SOURCES)


@linked()
def dots(
    rows: int, units: int, a: Pointer, a_row: int, b: Pointer, b_row: int,
    count: int, bias: Pointer, c: Pointer, c_row: int, rectified: int,
) -> None:  # fmt: skip
    """C[i, j] = bias[j] + sum_p A[i, p] B[j, p] for some rows of A and B, rectified if not 0."""
    j = 0
    while j < units:
        # rows of B stay in first-level cache while all rows of A are multiplied with them
        i = 0
        width = 4
        if rows == 1 or (highest() == 8 and count <= _RESIDENT * lanes(a)):
            width = 8
        while width > units - j:
            width = width // 2 if width > 4 else 1
        most = 2 if width == 8 or highest() == 4 else 4
        while i < rows:
            high = most
            while high > rows - i:
                high //= 2
            dot_block(
                high, width, at(a, i * a_row), a_row, at(b, j * b_row), b_row,
                count, at(bias, j), at(c, i * c_row + j), c_row, rectified,
            )  # fmt: skip
            i += high
        j += width
