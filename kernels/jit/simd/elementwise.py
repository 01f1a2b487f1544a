"""One function of every element of one or two arrays, a few vectors at a time.

A result that no cache can hold is written by non-temporal stores (``non_temporal`` is not 0): a
store through a cache must first read the line that it replaces, a third of all traffic of a
function that reads one array and writes one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from einbench.jit.bodies import Intrinsic
from einbench.jit.linked import Pointer, Scalar, at, linked
from einbench.jit.simd import functions
from einbench.jit.simd.arithmetic import greatest
from einbench.jit.simd.emitter import Emitter

#: value of a vector of results, of a vector of each input
Formula = Callable[..., Any]
#: vectors that are computed side by side: a polynomial's steps wait for each other, those of
#: several vectors do not
_SIDE_BY_SIDE = 4
#: vectors from which on it pays to begin with a whole line
_FEW = 32


def _over(of_vectors: Formula, inputs: int, *, factor: bool = False) -> Intrinsic:
    """``name(x, y, factor, count, c, non_temporal)``: c = formula(x, ...) of so many elements.

    Arrays are pointers. Of x, y and the factor the formula is given those that it takes.
    """

    def build() -> Any:
        from numba import types
        from numba.extending import intrinsic

        def over(
            typing: Any, x: Any, y: Any, scalar: Any, count: Any, c: Any, non_temporal: Any
        ) -> Any:
            def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                x_at, y_at, scalar, count, c_at, non_temporal_at = arguments
                emit = Emitter(builder, c.dtype.bitwidth)
                given = (x_at, y_at)[:inputs]
                every = [emit.in_all_lanes(scalar)] if factor else []

                def formula(emit: Emitter, *vectors: Any) -> Any:
                    return of_vectors(emit, *vectors, *every)

                streaming = builder.icmp_signed("!=", non_temporal_at, emit.number(0))
                with builder.if_else(streaming) as (streamed, stored):
                    with streamed:
                        _stream(emit, formula, given, count, c_at)
                    with stored:
                        _store(emit, formula, given, count, c_at)
                return context.get_dummy_value()

            return types.void(x, y, c.dtype, types.int64, c, types.int64), generate

        return intrinsic(over)

    return Intrinsic(build, __file__, also=functions.SOURCES)


def _stream(emit: Emitter, formula: Formula, inputs: tuple[Any, ...], count: Any, c: Any) -> None:
    """Non-temporal stores from the first whole line on, plain ones before it."""
    head = emit.least_index(emit.elements_to_line(c), count)
    _some(emit, formula, inputs, emit.number(0), head, c)
    _loop(emit, formula, inputs, head, count, c, emit.stream)
    # they are in no order with other stores until here
    emit.builder.fence("seq_cst")


def _store(emit: Emitter, formula: Formula, inputs: tuple[Any, ...], count: Any, c: Any) -> None:
    """Stores of whole lines, unless there are so few that the first one is not worth the while."""
    few = emit.builder.icmp_signed("<", count, emit.number(_FEW * emit.lanes))
    start = emit.least_index(emit.elements_to_line(c), count)
    head = emit.builder.select(few, emit.number(0), start)
    _some(emit, formula, inputs, emit.number(0), head, c)
    _loop(emit, formula, inputs, head, count, c, emit.store)


def _loop(
    emit: Emitter,
    formula: Formula,
    inputs: tuple[Any, ...],
    done: Any,
    count: Any,
    c: Any,
    store: Callable[[Any, Any], None],
) -> None:
    """Several vectors a round, then single ones, then what is left."""
    builder = emit.builder
    for vectors in (_SIDE_BY_SIDE, 1):
        step = vectors * emit.lanes
        rest = builder.srem(builder.sub(count, done), emit.number(step))
        whole = builder.sub(count, rest)
        with emit.steps(done, whole, step) as place:
            for vector in range(vectors):
                here = builder.add(place, emit.number(vector * emit.lanes))
                given = [emit.load(builder.gep(x, [here])) for x in inputs]
                store(formula(emit, *given), builder.gep(c, [here]))
        done = whole
    _some(emit, formula, inputs, done, count, c)


def _some(
    emit: Emitter, formula: Formula, inputs: tuple[Any, ...], done: Any, count: Any, c: Any
) -> None:
    """Fewer elements than a vector has, or none."""
    builder = emit.builder
    with builder.if_then(builder.icmp_signed("<", done, count)):
        mask = emit.first(builder.sub(count, done))
        given = [emit.load_some(builder.gep(x, [done]), mask) for x in inputs]
        emit.store_some(formula(emit, *given), builder.gep(c, [done]), mask)


def _relu(emit: Emitter, x: Any) -> Any:
    return greatest(emit, x, emit.zero)


def _relu_vjp(emit: Emitter, outputs: Any, cotangent: Any) -> Any:
    off = emit.builder.fcmp_ordered("<=", outputs, emit.zero)
    return emit.builder.select(off, emit.zero, cotangent)


def _tanh_vjp(emit: Emitter, outputs: Any, cotangent: Any) -> Any:
    one, builder = emit.constant(1.0), emit.builder
    slope = builder.fmul(builder.fsub(one, outputs), builder.fadd(one, outputs))
    return builder.fmul(cotangent, slope)


def _sigmoid_vjp(emit: Emitter, outputs: Any, cotangent: Any) -> Any:
    one, builder = emit.constant(1.0), emit.builder
    slope = builder.fmul(outputs, builder.fsub(one, outputs))
    return builder.fmul(cotangent, slope)


def _scaled(emit: Emitter, x: Any, factor: Any) -> Any:
    return emit.builder.fmul(x, factor)


def _scaled_difference(emit: Emitter, x: Any, y: Any, factor: Any) -> Any:
    return emit.builder.fmul(factor, emit.builder.fsub(x, y))


def _same(emit: Emitter, x: Any) -> Any:
    return x


_scaled_all = _over(_scaled, 1, factor=True)
_scaled_difference_all = _over(_scaled_difference, 2, factor=True)
_copy_all = _over(_same, 1)
_relu_all = _over(_relu, 1)
_tanh_all = _over(functions.tanh, 1)
_sigmoid_all = _over(functions.logistic, 1)
_relu_vjp_all = _over(_relu_vjp, 2)
_tanh_vjp_all = _over(_tanh_vjp, 2)
_sigmoid_vjp_all = _over(_sigmoid_vjp, 2)


@linked(divided=True)
def relu_of(first: int, count: int, x: Pointer, a: Pointer, non_temporal: int) -> None:
    """A = max(X, 0)."""
    _relu_all(at(x, first), x, 0, count, at(a, first), non_temporal)


@linked(divided=True)
def tanh_of(first: int, count: int, x: Pointer, a: Pointer, non_temporal: int) -> None:
    """A = tanh(X)."""
    _tanh_all(at(x, first), x, 0, count, at(a, first), non_temporal)


@linked(divided=True)
def sigmoid_of(first: int, count: int, x: Pointer, a: Pointer, non_temporal: int) -> None:
    """A = 1 / (1 + exp(-X))."""
    _sigmoid_all(at(x, first), x, 0, count, at(a, first), non_temporal)


@linked(divided=True)
def relu_vjp_of(
    first: int, count: int, a: Pointer, g: Pointer, d: Pointer, non_temporal: int
) -> None:
    """D = 0 where A <= 0 else G."""
    _relu_vjp_all(at(a, first), at(g, first), 0, count, at(d, first), non_temporal)


@linked(divided=True)
def tanh_vjp_of(
    first: int, count: int, a: Pointer, g: Pointer, d: Pointer, non_temporal: int
) -> None:
    """D = G (1 - A) (1 + A)."""
    _tanh_vjp_all(at(a, first), at(g, first), 0, count, at(d, first), non_temporal)


@linked(divided=True)
def sigmoid_vjp_of(
    first: int, count: int, a: Pointer, g: Pointer, d: Pointer, non_temporal: int
) -> None:
    """D = G A (1 - A)."""
    _sigmoid_vjp_all(at(a, first), at(g, first), 0, count, at(d, first), non_temporal)


@linked()
def copy_non_temporal(x: Pointer, count: int, c: Pointer) -> None:
    """C = X by non-temporal stores: for what was made in a cache and is not needed there."""
    _copy_all(x, x, 0, count, c, 1)


@linked()
def scaled_of(x: Pointer, factor: Scalar, count: int, c: Pointer) -> None:
    """C = factor X."""
    _scaled_all(x, x, factor, count, c, 0)


@linked(divided=True)
def scaled_difference_of(
    first: int, count: int, x: Pointer, y: Pointer, factor: Scalar, c: Pointer, non_temporal: int
) -> None:
    """C = factor (X - Y)."""
    _scaled_difference_all(at(x, first), at(y, first), factor, count, at(c, first), non_temporal)
