"""Arithmetic of all lanes that LLVM's IR builder lacks."""

from __future__ import annotations

from typing import Any

from einbench.jit.simd.emitter import Emitter
from einbench.jit.simd.registers import vector_bytes


def greatest(emit: Emitter, x: Any, bound: Any) -> Any:
    """max(x, bound); NaN of x passes."""
    return emit.builder.select(emit.builder.fcmp_ordered("<", x, bound), bound, x)


def least(emit: Emitter, x: Any, bound: Any) -> Any:
    """min(x, bound); NaN of x passes."""
    return emit.builder.select(emit.builder.fcmp_ordered(">", x, bound), bound, x)


def least_subnormal(emit: Emitter) -> Any:
    """The smallest positive number in all lanes."""
    return emit.constant(2.0**-149 if emit.align == 4 else 2.0**-1074)


def absolute(emit: Emitter, x: Any) -> Any:
    """|x|."""
    rest = emit.integers((1 << (8 * emit.align - 1)) - 1)
    bits = emit.builder.bitcast(x, emit.integer_vector)
    return emit.builder.bitcast(emit.builder.and_(bits, rest), emit.vector)


def with_sign_of(emit: Emitter, x: Any, value: Any) -> Any:
    """A positive value, with the sign that x has."""
    bits, builder = 8 * emit.align, emit.builder
    sign = builder.and_(builder.bitcast(x, emit.integer_vector), emit.integers(-(1 << (bits - 1))))
    both = builder.or_(builder.bitcast(value, emit.integer_vector), sign)
    return builder.bitcast(both, emit.vector)


def has_scale() -> bool:
    """Whether the processor multiplies by powers of two, in all lanes."""
    return vector_bytes() == 64


def scale(emit: Emitter, x: Any, exponent: Any) -> Any:
    """x 2^exponent, rounded once; the exponent is a whole number in floating point."""
    from llvmlite import ir

    name = f"llvm.x86.avx512.mask.scalef.p{'s' if emit.align == 4 else 'd'}.512"
    every, as_set = _every_lane(emit), ir.Constant(ir.IntType(32), 4)
    return emit.call(name, emit.vector, [x, exponent, x, every, as_set])


def quotient(emit: Emitter, a: Any, b: Any) -> Any:
    """a / b for b that is neither denormal nor large, within a unit in the last place.

    A division of whole registers takes as long as eight other instructions. Where the processor has
    approximate reciprocals (14 bits), a Newton step refines them in double,
    and a last one the quotient.
    """
    if not has_scale():
        return emit.builder.fdiv(a, b)
    minus = emit.builder.fneg(b)
    approximate = f"llvm.x86.avx512.rcp14.p{'s' if emit.align == 4 else 'd'}.512"
    reciprocal = emit.call(approximate, emit.vector, [b, b, _every_lane(emit)])
    if emit.align == 8:
        off = emit.add_product(minus, reciprocal, emit.constant(1.0))
        reciprocal = emit.add_product(reciprocal, off, reciprocal)
    found = emit.builder.fmul(a, reciprocal)
    return emit.add_product(emit.add_product(minus, found, a), reciprocal, found)


def _every_lane(emit: Emitter) -> Any:
    """The mask that instructions of 64 bytes take, with all lanes in it."""
    from llvmlite import ir

    return ir.Constant(ir.IntType(max(emit.lanes, 8)), -1)
