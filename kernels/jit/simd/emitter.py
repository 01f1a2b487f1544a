"""LLVM's IR builder with operations on vectors: load, store, combine, and loops."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator
from typing import Any

from einbench.jit.simd import registers
from einbench.jit.simd.registers import vector_bytes

#: files that say what is built here
SOURCES = (__file__, registers.__file__)


class Emitter:
    """LLVM's IR builder, with the operations that the blocks are written in."""

    def __init__(self, builder: Any, bits: int, parts: int = 1) -> None:
        from llvmlite import ir

        self.builder = builder
        #: elements in a vector, of which ``parts`` fill a register, and bytes of one
        self.lanes = 8 * vector_bytes() // bits // parts
        self.align = bits // 8
        self.scalar = ir.FloatType() if self.align == 4 else ir.DoubleType()
        self.vector = ir.VectorType(self.scalar, self.lanes)
        #: how LLVM's names of intrinsics end for such vectors
        self.suffix = f"v{self.lanes}f{bits}"
        self.index = ir.IntType(64)
        #: whole numbers as wide as the elements
        self.integer_vector = ir.VectorType(ir.IntType(bits), self.lanes)
        #: zero, in all lanes and as a scalar
        self.zero = ir.Constant(self.vector, [0.0] * self.lanes)
        self.nought = ir.Constant(self.scalar, 0.0)

    def number(self, value: int) -> Any:
        """A constant index."""
        from llvmlite import ir

        return ir.Constant(self.index, value)

    def constant(self, value: float) -> Any:
        """The same number in all lanes."""
        from llvmlite import ir

        if self.align == 4:
            value = struct.unpack("f", struct.pack("f", value))[0]
        return ir.Constant(self.vector, [value] * self.lanes)

    def integers(self, value: int) -> Any:
        """The same whole number in all lanes."""
        from llvmlite import ir

        return ir.Constant(self.integer_vector, [value] * self.lanes)

    def small(self, value: int) -> Any:
        """A constant lane."""
        from llvmlite import ir

        return ir.Constant(ir.IntType(32), value)

    def after(self, pointer: Any, stride: Any, count: int, more: int = 0) -> Any:
        """``count`` strides and ``more`` elements on."""
        offset = self.builder.mul(stride, self.number(count))
        return self.builder.gep(pointer, [self.builder.add(offset, self.number(more))])

    def load(self, pointer: Any) -> Any:
        """A vector, from any element on."""
        found = self.builder.load(self.builder.bitcast(pointer, self.vector.as_pointer()))
        found.align = self.align
        return found

    def first(self, count: Any) -> Any:
        """A mask of the first so many lanes; ``count`` is an index."""
        from llvmlite import ir

        numbers = ir.Constant(ir.VectorType(self.index, self.lanes), list(range(self.lanes)))
        undefined = ir.Constant(numbers.type, ir.Undefined)
        one = self.builder.insert_element(undefined, count, self.small(0))
        picks = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        limit = self.builder.shuffle_vector(one, undefined, picks)
        return self.builder.icmp_signed("<", numbers, limit)

    def first_kept(self, count: Any) -> Any:
        """The same for a loop: what is compared LLVM would compare anew in every round of it."""
        from llvmlite import ir

        if vector_bytes() < 64:
            return self.first(count)  # there a mask is a vector
        bits = self.builder.sub(self.builder.shl(self.number(1), count), self.number(1))
        narrow = self.builder.trunc(bits, ir.IntType(self.lanes))
        return self.builder.bitcast(narrow, ir.VectorType(ir.IntType(1), self.lanes))

    def load_some(self, pointer: Any, mask: Any, otherwise: Any = None) -> Any:
        """A masked load; the other lanes are ``otherwise``, zero by default."""
        otherwise = self.zero if otherwise is None else otherwise
        where = self.builder.bitcast(pointer, self.vector.as_pointer())
        name = f"llvm.masked.load.{self.suffix}.p0"
        return self.call(name, self.vector, [where, self.small(self.align), mask, otherwise])

    def store_some(self, vector: Any, pointer: Any, mask: Any) -> None:
        """A masked store."""
        from llvmlite import ir

        where = self.builder.bitcast(pointer, self.vector.as_pointer())
        name = f"llvm.masked.store.{self.suffix}.p0"
        self.call(name, ir.VoidType(), [vector, where, self.small(self.align), mask])

    def call(self, name: str, returned: Any, arguments: list[Any]) -> Any:
        """Call LLVM's intrinsic of that name."""
        from llvmlite import ir
        from numba.core import cgutils

        kind = ir.FunctionType(returned, [argument.type for argument in arguments])
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, arguments)

    @contextlib.contextmanager
    def steps(self, start: Any, end: Any, step: int) -> Iterator[Any]:
        """A loop from ``start`` while below ``end``; the ``with`` block is its body, given the
        place.
        """
        builder = self.builder
        before = builder.block
        loop, done = builder.append_basic_block("loop"), builder.append_basic_block("done")
        builder.cbranch(builder.icmp_signed("<", start, end), loop, done)
        builder.position_at_end(loop)
        place = builder.phi(self.index)
        place.add_incoming(start, before)
        yield place
        following = builder.add(place, self.number(step))
        place.add_incoming(following, builder.block)
        builder.cbranch(builder.icmp_signed("<", following, end), loop, done)
        builder.position_at_end(done)

    def fold(
        self, end: Any, first: list[Any], step: Callable[[Any, list[Any]], list[Any]]
    ) -> list[Any]:
        """Values carried through a loop over 0, 1, ... below ``end``, from the first ones on."""
        builder = self.builder
        before = builder.block
        loop, done = builder.append_basic_block("fold"), builder.append_basic_block("folded")
        builder.cbranch(builder.icmp_signed(">", end, self.number(0)), loop, done)
        builder.position_at_end(loop)
        place = builder.phi(self.index)
        carried = [builder.phi(value.type) for value in first]
        yet = step(place, list(carried))
        following = builder.add(place, self.number(1))
        place.add_incoming(self.number(0), before)
        place.add_incoming(following, builder.block)
        for phi, start, value in zip(carried, first, yet, strict=True):
            phi.add_incoming(start, before)
            phi.add_incoming(value, builder.block)
        last = builder.block
        builder.cbranch(builder.icmp_signed("<", following, end), loop, done)
        builder.position_at_end(done)
        found = [builder.phi(value.type) for value in first]
        for phi, start, value in zip(found, first, yet, strict=True):
            phi.add_incoming(start, before)
            phi.add_incoming(value, last)
        return found

    def sum_lanes(self, vectors: list[Any]) -> Any:
        """Sums over the lanes of each vector, in as many first lanes; a power of two of them."""
        return self.tree(vectors, self.builder.fadd)

    def tree(self, vectors: list[Any], combine: Callable[[Any, Any], Any]) -> Any:
        """Each vector's lanes reduced by ``combine``: one result a vector, in the first lanes."""
        # neighbours are combined, so that of two vectors the halves come to lie in one: first
        # within pieces of 16 bytes, for which processors have an instruction, then whole pieces
        piece = 16 // self.align
        size, together = self.lanes, 1
        while size > 1:
            if size == self.lanes // piece:
                together = piece
            first = self._halves(0, together)
            second = self._halves(1, together)
            pairs = (
                zip(vectors[::2], vectors[1::2], strict=True)
                if len(vectors) > 1
                else [(vectors[0],) * 2]
            )
            vectors = [
                combine(self.shuffle(a, b, first), self.shuffle(a, b, second)) for a, b in pairs
            ]
            size //= 2
        return vectors[0]

    def _halves(self, which: int, together: int) -> list[int]:
        """Of two vectors the first or second of each two neighbours, so many elements of each.

        Single elements stay within the 16 bytes that they lie in, those of the first vector first.
        """
        span = 16 // self.align if together == 1 else self.lanes
        return [
            vector * self.lanes + begin + k
            for piece in range(0, self.lanes, span)
            for vector in (0, 1)
            for begin in range(piece + which * together, piece + span, 2 * together)
            for k in range(together)
        ]

    def is_lane(self, number: Any, vector: int) -> Any:
        """A mask of the lane with that number, counted on over vectors."""
        from llvmlite import ir

        narrow = ir.VectorType(ir.IntType(32), self.lanes)
        lanes = ir.Constant(narrow, [vector * self.lanes + k for k in range(self.lanes)])
        one = self.builder.trunc(number, ir.IntType(32))
        undefined = ir.Constant(narrow, ir.Undefined)
        first = self.builder.insert_element(undefined, one, self.small(0))
        zeros = ir.Constant(narrow, [0] * self.lanes)
        every = self.builder.shuffle_vector(first, undefined, zeros)
        return self.builder.icmp_signed("==", lanes, every)

    def store(self, vector: Any, pointer: Any) -> None:
        """A vector, to any address of an element."""
        target = self.builder.bitcast(pointer, self.vector.as_pointer())
        self.builder.store(vector, target).align = self.align

    def stream(self, vector: Any, pointer: Any) -> None:
        """A vector by a non-temporal store, to an aligned address."""
        from llvmlite import ir

        target = self.builder.bitcast(pointer, self.vector.as_pointer())
        stored = self.builder.store(vector, target)
        stored.align = self.lanes * self.align
        one = self.builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)])
        stored.set_metadata("nontemporal", one)

    def elements_to_line(self, pointer: Any) -> Any:
        """Elements from there to where a whole vector lies."""
        address = self.builder.ptrtoint(pointer, self.index)
        size = self.lanes * self.align
        beyond = self.builder.and_(self.builder.neg(address), self.number(size - 1))
        return self.builder.udiv(beyond, self.number(self.align))

    def least_index(self, a: Any, b: Any) -> Any:
        """min(a, b) of two indices."""
        return self.builder.select(self.builder.icmp_signed("<", a, b), a, b)

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
        return self.call(f"llvm.fmuladd.{self.suffix}", self.vector, [a, b, c])
