"""Vector registers of the processor at hand, and LLVM's builder with phrases for them."""

from __future__ import annotations

import contextlib
import functools
import platform
import struct
from collections.abc import Callable, Iterator
from typing import Any

from kernels.bodies import Intrinsic


@functools.cache
def vector_bytes() -> int:
    """Width of a vector register of the processor that numba compiles for."""
    features = _features()
    if "avx512f" in features:
        return 64
    return 32 if "avx" in features else 16


@functools.cache
def few_registers() -> bool:
    """Whether there are 16 of them and not 32."""
    return platform.machine() in ("x86_64", "AMD64") and "avx512f" not in _features()


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
            return ir.Constant(ir.IntType(64), 8 * vector_bytes() // array.dtype.bitwidth)

        return types.int64(array), generate

    return intrinsic(lanes_of)


#: ``lanes(array or pointer)``: elements of this dtype that a vector register holds
lanes = Intrinsic(_build_lanes, __file__)


class Emitter:
    """LLVM's builder, with the few phrases that the blocks are written in."""

    def __init__(self, builder: Any, bits: int) -> None:
        from llvmlite import ir

        self.builder = builder
        #: elements in a vector, and bytes of one
        self.lanes = 8 * vector_bytes() // bits
        self.align = bits // 8
        self.scalar = ir.FloatType() if self.align == 4 else ir.DoubleType()
        self.vector = ir.VectorType(self.scalar, self.lanes)
        self.index = ir.IntType(64)
        #: whole numbers as wide as the elements
        self.integer_vector = ir.VectorType(ir.IntType(bits), self.lanes)
        #: nothing, in all lanes and alone
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

    def greatest(self, x: Any, bound: Any) -> Any:
        """max(x, bound); NaN of x passes."""
        return self.builder.select(self.builder.fcmp_ordered("<", x, bound), bound, x)

    def least(self, x: Any, bound: Any) -> Any:
        """min(x, bound); NaN of x passes."""
        return self.builder.select(self.builder.fcmp_ordered(">", x, bound), bound, x)

    @property
    def has_scale(self) -> bool:
        """Whether the processor multiplies by powers of two, in all lanes."""
        return vector_bytes() == 64

    def scale(self, x: Any, exponent: Any) -> Any:
        """x 2^exponent, rounded once; the exponent is a whole number in floating point."""
        from llvmlite import ir
        from numba.core import cgutils

        mask = ir.IntType(max(self.lanes, 8))
        kinds = [self.vector, self.vector, self.vector, mask, ir.IntType(32)]
        kind = ir.FunctionType(self.vector, kinds)
        name = f"llvm.x86.avx512.mask.scalef.p{'s' if self.align == 4 else 'd'}.512"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        every, as_set = ir.Constant(mask, -1), ir.Constant(ir.IntType(32), 4)
        return self.builder.call(function, [x, exponent, x, every, as_set])

    def quotient(self, a: Any, b: Any) -> Any:
        """a / b for b that is neither denormal nor large, within a unit in the last place.

        A division of whole registers takes as long as eight other instructions: where the processor
        guesses reciprocals, the guess is doubled in its digits, and last the quotient's are.
        """
        if not self.has_scale:
            return self.builder.fdiv(a, b)
        minus = self.builder.fneg(b)
        reciprocal = self._reciprocal(b)
        if self.align == 8:
            off = self.add_product(minus, reciprocal, self.constant(1.0))
            reciprocal = self.add_product(reciprocal, off, reciprocal)
        found = self.builder.fmul(a, reciprocal)
        return self.add_product(self.add_product(minus, found, a), reciprocal, found)

    def _reciprocal(self, b: Any) -> Any:
        """1 / b to 14 bits."""
        from llvmlite import ir
        from numba.core import cgutils

        mask = ir.IntType(max(self.lanes, 8))
        kind = ir.FunctionType(self.vector, [self.vector, self.vector, mask])
        name = f"llvm.x86.avx512.rcp14.p{'s' if self.align == 4 else 'd'}.512"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [b, b, ir.Constant(mask, -1)])

    def magnitude(self, x: Any) -> Any:
        """|x|."""
        rest = self.integers((1 << (8 * self.align - 1)) - 1)
        bits = self.builder.bitcast(x, self.integer_vector)
        return self.builder.bitcast(self.builder.and_(bits, rest), self.vector)

    def with_sign_of(self, x: Any, value: Any) -> Any:
        """A positive value, with the sign that x has."""
        bits, builder = 8 * self.align, self.builder
        sign = builder.and_(
            builder.bitcast(x, self.integer_vector), self.integers(-(1 << (bits - 1)))
        )
        both = builder.or_(builder.bitcast(value, self.integer_vector), sign)
        return builder.bitcast(both, self.vector)

    @property
    def least_subnormal(self) -> Any:
        """The smallest positive number in all lanes."""
        return self.constant(2.0**-149 if self.align == 4 else 2.0**-1074)

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

    def load_some(self, pointer: Any, mask: Any, otherwise: Any = None) -> Any:
        """A vector of the elements whose lanes the mask has, and zeros or others elsewhere."""
        otherwise = self.zero if otherwise is None else otherwise
        where = self.builder.bitcast(pointer, self.vector.as_pointer())
        function = self._masked("load", [where.type, self.small(0).type, mask.type, self.vector])
        return self.builder.call(function, [where, self.small(self.align), mask, otherwise])

    def store_some(self, vector: Any, pointer: Any, mask: Any) -> None:
        """The elements whose lanes the mask has."""
        where = self.builder.bitcast(pointer, self.vector.as_pointer())
        function = self._masked("store", [self.vector, where.type, self.small(0).type, mask.type])
        self.builder.call(function, [vector, where, self.small(self.align), mask])

    def _masked(self, what: str, kinds: list[Any]) -> Any:
        from llvmlite import ir
        from numba.core import cgutils

        returned = self.vector if what == "load" else ir.VoidType()
        name = f"llvm.masked.{what}.v{self.lanes}f{8 * self.align}.p0"
        kind = ir.FunctionType(returned, kinds)
        return cgutils.get_or_insert_function(self.builder.module, kind, name)

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
        """What combines the lanes of each vector, in as many first lanes, and then repeated."""
        evens = [2 * k for k in range(self.lanes)]
        odds = [2 * k + 1 for k in range(self.lanes)]

        def halved(a: Any, b: Any) -> Any:
            return combine(self.shuffle(a, b, evens), self.shuffle(a, b, odds))

        # neighbours are combined: of two vectors the halves come to lie in one
        size = self.lanes
        while size > 1:
            if len(vectors) > 1:
                vectors = [halved(a, b) for a, b in zip(vectors[::2], vectors[1::2], strict=True)]
            else:
                vectors = [halved(vectors[0], vectors[0])]
            size //= 2
        return vectors[0]

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
        """A vector, to any element on."""
        target = self.builder.bitcast(pointer, self.vector.as_pointer())
        self.builder.store(vector, target).align = self.align

    def stream(self, vector: Any, pointer: Any) -> None:
        """A vector, to where a whole one lies in memory, past the caches."""
        from llvmlite import ir

        target = self.builder.bitcast(pointer, self.vector.as_pointer())
        stored = self.builder.store(vector, target)
        stored.align = self.lanes * self.align
        one = self.builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)])
        stored.set_metadata("nontemporal", one)

    def misfit(self, pointer: Any) -> Any:
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
        from llvmlite import ir
        from numba.core import cgutils

        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        name = f"llvm.fmuladd.v{self.lanes}f{8 * self.align}"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [a, b, c])
