"""Softmax and related functions of short rows: as many rows at once as a vector has lanes.

A row of ten classes fills ten of sixteen lanes, and to sum over it lanes must be added to lanes:
for one row that is four steps, each waiting for the one before. So the rows of a group are added
together, neighbours first, until one vector holds the sums of all of them (`Emitter.tree`): three
steps a row, none of which waits. Longer rows, and those at the end that are no group, are taken one
by one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from einbench.jit.bodies import Intrinsic, helper
from einbench.jit.simd import functions
from einbench.jit.simd.arithmetic import greatest, least_subnormal
from einbench.jit.simd.emitter import Emitter

#: vectors that a row of a group has at most, and the classes that it may have in any case: narrow
#: vectors must be more
_VECTORS, _CLASSES = 2, 16
Rows = list[list[Any]]


@helper()
def most_classes(group: int) -> int:
    """Most classes of rows that are taken together, for vectors of so many lanes."""
    return max(_VECTORS * group, _CLASSES)


def _group(name: str, pointers: int, integers: int, emitted: Callable[..., Any]) -> Intrinsic:
    """``name(classes, pointer, ..., integer pointer, ..., scalar)``: one group of rows."""

    def build() -> Any:
        import inspect

        from numba import types
        from numba.extending import intrinsic

        def group(typing: Any, classes: Any, *given: Any) -> Any:
            dtype = given[0].dtype

            def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                emit = Emitter(builder, dtype.bitwidth)
                classes, *rest = arguments
                held = builder.alloca(emit.scalar)
                builder.store(emit.nought, held)
                for vectors in range(1, most_classes(emit.lanes) // emit.lanes + 1):
                    before = emit.number((vectors - 1) * emit.lanes)
                    over = builder.icmp_signed(">", classes, before)
                    fits = builder.icmp_signed("<=", classes, emit.number(vectors * emit.lanes))
                    with builder.if_then(builder.and_(over, fits)):
                        found = emitted(_Row(emit, classes, vectors), *rest)
                        if found is not None:
                            builder.store(found, held)
                return builder.load(held)

            return dtype(types.int64, *given[:-1], dtype), generate

        one = inspect.Parameter.POSITIONAL_OR_KEYWORD
        names = ["typing", "classes", *(f"p{n}" for n in range(pointers + integers)), "factor"]
        group.__name__ = name
        group.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # numba looks for it
            [inspect.Parameter(n, one) for n in names]
        )
        return intrinsic(group)

    return Intrinsic(build, __file__, also=functions.SOURCES)


class _Row:
    """Rows of so many classes, in so many vectors each; lanes beyond are masked."""

    def __init__(self, emit: Emitter, classes: Any, vectors: int) -> None:
        self.emit = emit
        self.classes = classes
        self.vectors = vectors
        rest = emit.builder.sub(classes, emit.number((vectors - 1) * emit.lanes))
        self.mask = emit.first(rest)

    def load(self, base: Any, otherwise: Any) -> Rows:
        """As many rows as lanes; what is masked is ``otherwise``."""
        return [
            self.load_one(self._place(base, row, 0), otherwise) for row in range(self.emit.lanes)
        ]

    def store(self, rows: Rows, base: Any) -> None:
        """All of them, in order."""
        *others, last = rows
        for row, vectors in enumerate(others):
            self.store_one(vectors, self._place(base, row, 0), followed=True)
        self.store_one(last, self._place(base, len(others), 0), followed=False)

    def over_rows(self, rows: Rows, combine: Callable[[Any, Any], Any]) -> Any:
        """What combines each row's elements, a row in a lane."""
        singles = []
        for vectors in rows:
            single = vectors[0]
            for other in vectors[1:]:
                single = combine(single, other)
            singles.append(single)
        return self.emit.tree(singles, combine)

    def spread(self, values: Any, row: int) -> Any:
        """A row's value in all lanes."""
        return self.emit.shuffle(values, values, [row] * self.emit.lanes)

    def load_one(self, base: Any, otherwise: Any) -> list[Any]:
        """One row."""
        *whole, _ = range(self.vectors)
        found = [self.emit.load(self._place(base, 0, vector)) for vector in whole]
        last = self._place(base, 0, self.vectors - 1)
        return [*found, self.emit.load_some(last, self.mask, otherwise)]

    def store_one(self, vectors: list[Any], base: Any, *, followed: bool) -> None:
        """One row; where it is followed by another one, which is stored later, also beyond it.

        A store with a mask takes processors that have no registers for masks up to twelve cycles.
        What the last vector has beyond its row lies in the next row, if that has two vectors too.
        """
        *whole, last = vectors
        for vector, value in enumerate(whole):
            self.emit.store(value, self._place(base, 0, vector))
        place = self._place(base, 0, len(whole))
        if whole and followed:
            self.emit.store(last, place)
        else:
            self.emit.store_some(last, place, self.mask)

    def _place(self, base: Any, row: int, vector: int) -> Any:
        return self.emit.after(base, self.classes, row, vector * self.emit.lanes)


def _powers(row: _Row, z: Any) -> tuple[Rows, Any, Any]:
    """exp(z - max), the sums of them, and the maxima."""
    emit, builder = row.emit, row.emit.builder
    logits = row.load(z, emit.constant(float("-inf")))
    largest = row.over_rows(logits, partial(greatest, emit))
    powers = []
    for number, vectors in enumerate(logits):
        own = row.spread(largest, number)
        gaps = [builder.fsub(vector, own) for vector in vectors]
        # exp of what is masked would be denormal, which takes a processor a hundred cycles
        gaps[-1] = builder.select(row.mask, gaps[-1], emit.zero)
        found = [functions.exp_of_negative(emit, gap) for gap in gaps]
        found[-1] = builder.select(row.mask, found[-1], emit.zero)
        powers.append(found)
    return powers, row.over_rows(powers, builder.fadd), largest


def _softmax(row: _Row, z: Any, p: Any, factor: Any) -> None:
    emit, builder = row.emit, row.emit.builder
    powers, totals, _ = _powers(row, z)
    shares = builder.fdiv(emit.constant(1.0), totals)
    row.store(
        [[builder.fmul(v, row.spread(shares, number)) for v in vectors]
         for number, vectors in enumerate(powers)],
        p,
    )  # fmt: skip


def _softmax_vjp(row: _Row, p: Any, g: Any, d: Any, factor: Any) -> None:
    emit, builder = row.emit, row.emit.builder
    probs, cotangents = row.load(p, emit.zero), row.load(g, emit.zero)
    products = [
        [builder.fmul(a, b) for a, b in zip(x, y, strict=True)]
        for x, y in zip(probs, cotangents, strict=True)
    ]
    totals = row.over_rows(products, builder.fadd)
    found = []
    for number, (x, y) in enumerate(zip(probs, cotangents, strict=True)):
        total = row.spread(totals, number)
        found.append([builder.fmul(a, builder.fsub(b, total)) for a, b in zip(x, y, strict=True)])
    row.store(found, d)


def _losses(row: _Row, z: Any, labels: Any, totals: Any, largest: Any) -> Any:
    """The sum over the rows of log(sum exp(z - max)) + (max - z[label])."""
    emit, builder = row.emit, row.emit.builder
    chosen = emit.zero
    for number in range(emit.lanes):
        label = builder.load(builder.gep(labels, [emit.number(number)]))
        place = builder.add(builder.mul(row.classes, emit.number(number)), label)
        value = builder.load(builder.gep(z, [place]))
        chosen = builder.insert_element(chosen, value, emit.small(number))
    # the difference first: adding log and maximum would lose the log beside a large maximum
    losses = builder.fadd(functions.log_of_normal(emit, totals), builder.fsub(largest, chosen))
    return builder.extract_element(emit.sum_lanes([losses]), emit.small(0))


def _cross_entropy(row: _Row, z: Any, labels: Any, factor: Any) -> Any:
    _, totals, largest = _powers(row, z)
    return _losses(row, z, labels, totals, largest)


def _cross_entropy_and_gradient(row: _Row, z: Any, d: Any, labels: Any, factor: Any) -> Any:
    """The loss, and factor (softmax(z) - onehot)."""
    emit, builder = row.emit, row.emit.builder
    powers, totals, largest = _powers(row, z)
    loss = _losses(row, z, labels, totals, largest)
    every = emit.in_all_lanes(factor)
    shares = builder.fdiv(every, totals)
    found = []
    for number, vectors in enumerate(powers):
        share = row.spread(shares, number)
        label = builder.load(builder.gep(labels, [emit.number(number)]))
        gradients = []
        for vector, value in enumerate(vectors):
            less = builder.select(emit.is_lane(label, vector), every, emit.zero)
            gradients.append(builder.fsub(builder.fmul(value, share), less))
        found.append(gradients)
    row.store(found, d)
    return loss


def _log_sum(emit: Emitter, values: Any) -> Any:
    logs = functions.log_of_positive(emit, greatest(emit, values, least_subnormal(emit)))
    return emit.builder.extract_element(emit.sum_lanes([logs]), emit.small(0))


def _jacobian(row: _Row, p: Any, jacobian: Any, factor: Any) -> None:
    """One sample: J[i, j] = p[i] (delta[i, j] - p[j])."""
    emit, builder = row.emit, row.emit.builder
    probs = row.load_one(p, emit.zero)

    def store_row(i: Any, *, followed: bool) -> None:
        minus = emit.in_all_lanes(builder.fneg(builder.load(builder.gep(p, [i]))))
        values = []
        for vector, value in enumerate(probs):
            product = builder.fmul(minus, value)
            own = emit.is_lane(i, vector)
            values.append(builder.select(own, builder.fadd(product, value), product))
        base = builder.gep(jacobian, [builder.mul(i, row.classes)])
        row.store_one(values, base, followed=followed)

    last = builder.sub(row.classes, emit.number(1))
    with emit.steps(emit.number(0), last, 1) as i:
        store_row(i, followed=True)
    store_row(last, followed=False)


#: ``softmax_group(classes, z, p, 0)``, for as many rows as there are lanes
softmax_group = _group("softmax_group", 2, 0, _softmax)
#: ``softmax_vjp_group(classes, p, g, d, 0)``
softmax_vjp_group = _group("softmax_vjp_group", 3, 0, _softmax_vjp)
#: ``cross_entropy_group(classes, z, labels, 0)``: the summed loss
cross_entropy_group = _group("cross_entropy_group", 1, 1, _cross_entropy)
#: ``entropy_gradient_group(classes, z, d, labels, factor)``: the loss; d = factor (p - onehot)
entropy_gradient_group = _group("entropy_gradient_group", 2, 1, _cross_entropy_and_gradient)
#: ``jacobian_of_one(classes, p, j, 0)``, for one row
jacobian_of_one = _group("jacobian_of_one", 2, 0, _jacobian)


def _build_log_sum() -> Any:
    from numba.extending import intrinsic

    def log_sum(typing: Any, values: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            emit = Emitter(builder, values.dtype.bitwidth)
            return _log_sum(emit, emit.load(arguments[0]))

        return values.dtype(values), generate

    return intrinsic(log_sum)


#: ``log_sum(pointer)``: sum of log max(p, smallest subnormal) over as many as there are lanes
log_sum = Intrinsic(_build_log_sum, __file__, also=functions.SOURCES)
