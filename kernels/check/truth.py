"""Truth: what an operation gives for a problem's inputs, and how far a right kernel may be off.

    rounding = eps(dtype) * scale + terms * eta

eta is the smallest subnormal, or the smallest normal number in a process that flushes denormals to
zero: it keeps correct products of denormals from looking infinitely wrong. Where scale is zero the
output must be equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from einbench import wide
from einbench.host import denormals
from einbench.operation import Operation
from einbench.problem import Problem
from einbench.units import one_line

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Truth:
    """The reference's outputs, or a slice of them, and what rounding could do to those."""

    outputs: tuple[Array, ...]
    #: shaped like the outputs or broadcasting to them
    roundings: tuple[Array, ...]
    dtype: np.dtype[Any]
    #: most units of rounding that a right kernel is off; 0 where every order of sums is exact
    limit: float
    #: indices per axis of the slice that is judged; an axis left out is judged whole
    kept: Mapping[str, Array] = field(default_factory=dict)
    exact: bool = False
    #: whether no input is infinite, so that nothing but NaN may stand for NaN
    nan_only: bool = False


class HasOutputs(Protocol):
    """What is known of a result: an operation, say."""

    @property
    def outputs(self) -> Mapping[str, str]:
        """Name -> axes."""


class Case(NamedTuple):
    """A problem with its inputs, and the truth that kernels are judged by."""

    problem: Problem
    truth: Truth


def as_tuple(operation: HasOutputs, result: Any) -> tuple[Any, ...]:
    """One output or several as a tuple."""
    return (result,) if len(operation.outputs) == 1 else tuple(result)


def truth(
    problem: Problem, *, tied: bool = False, kept: Mapping[str, Array] | None = None
) -> Truth:
    """The reference and its scale for these inputs.

    Args:
        problem: with its inputs.
        tied: whether values are constant, tied or few, where another limit holds.
        kept: indices along independent axes: of the inputs' slice, the outputs' slice.
    """
    op, kept = problem.operation, kept or {}
    arrays = [cut(a, op.inputs[name].axes, kept) for name, a in problem.arrays.items()]
    sizes = {axis: len(kept[axis]) if axis in kept else n for axis, n in problem.sizes.items()}
    info = np.finfo(problem.dtype)
    with np.errstate(all="ignore"):
        wide_arrays = [wide.widen(a) for a in arrays]
        outputs = _reference(problem, wide_arrays)
        _check_shapes(op, outputs, sizes)
        # no second copy where the wide precision is float64 itself: MNIST takes 376 MB
        in_double = [a if a.dtype.kind in "iu" else np.asarray(a, np.float64) for a in wide_arrays]
        narrow = tuple(np.asarray(o, np.float64) for o in outputs)
        more: dict[str, Any] = {**problem.options}
        if op.scale_takes_eps:
            more["eps"] = float(info.eps)
        single = narrow[0] if len(narrow) == 1 else narrow
        scales = as_tuple(op, op.scale(single, *in_double, **more))
        least = _terms(op, sizes) * denormals.least(problem.dtype)
        roundings = tuple(float(info.eps) * np.asarray(s, np.float64) + least for s in scales)
    limit = truth_limit(problem, tied=tied)
    return Truth(_in_wide(op, outputs), roundings, problem.dtype, limit, kept)


def _reference(problem: Problem, arrays: Sequence[Array]) -> tuple[Any, ...]:
    """Outputs of the reference.

    Raises:
        ValueError: it raises, which is no fault of a kernel.
    """
    op = problem.operation
    try:
        return as_tuple(op, op.reference(*arrays, **problem.options))
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as raised:
        shapes = ", ".join(f"{n} {a.shape}" for n, a in zip(op.inputs, arrays, strict=True))
        raise ValueError(
            f"{op.name}: the reference raises {one_line(raised)} for {shapes}; expected outputs "
            "for all inputs that kernels may be given, empty batches too"
        ) from raised


def truth_limit(problem: Problem, *, tied: bool = False) -> float:
    """Most units of rounding that a right kernel is off at these sizes."""
    op = problem.operation
    return float((op.tied_limit if tied else op.limit)(_terms(op, problem.sizes)))


def first_rows(whole: Truth, op: Operation, rows: int) -> Truth:
    """Of the first rows of a draw, where every row of the outputs depends on its own alone."""
    outputs, roundings = [], []
    for axes, output, rounding in zip(
        op.outputs.values(), whole.outputs, whole.roundings, strict=True
    ):
        where = tuple(slice(rows) if axis == op.leading else slice(None) for axis in axes.split())
        outputs.append(output[where])
        # a rounding may broadcast to its output
        own = where[len(where) - rounding.ndim :]
        one = (slice(None) if n == 1 else s for n, s in zip(rounding.shape, own, strict=True))
        roundings.append(rounding[tuple(one)])
    return replace(whole, outputs=tuple(outputs), roundings=tuple(roundings))


def exact_truth(problem: Problem) -> Truth:
    """The reference for whole numbers that no order of summation rounds: limit zero.

    float64 is exact for them, in float64 kernels as well: no wider precision is needed.
    """
    op, dtype = problem.operation, problem.dtype
    with np.errstate(all="ignore"):
        in_double = [
            a if a.dtype.kind in "iu" else a.astype(np.float64, copy=False) for a in problem.given
        ]
        outputs = _reference(problem, in_double)
    # whole numbers that the dtype holds: nothing is lost, and comparing takes half the memory
    outputs = tuple(
        o if o.dtype.kind in "iu" else o.astype(dtype, copy=False) for o in _in_wide(op, outputs)
    )
    least = np.array(float(np.finfo(dtype).smallest_subnormal))
    return Truth(outputs, (least,) * len(outputs), dtype, 0.0, exact=True)


def finite_only(expected: Truth, arrays: Iterable[Array]) -> Truth:
    """For inputs that are not finite, as these: NaN and infinity must come out where they belong.

    What rounding could do beside an infinity is not a number either. Where infinities cancel in
    one order of the sums and not in another, NaN and infinity count alike.
    """
    nan_only = not any(np.isinf(array).any() for array in arrays)
    roundings = tuple(np.where(np.isfinite(r), r, np.inf) for r in expected.roundings)
    return replace(expected, roundings=roundings, nan_only=nan_only)


def cut(array: Array, axes: str, kept: Mapping[str, Array]) -> Array:
    """The kept indices along each axis that has any."""
    for number, axis in enumerate(axes.split()):
        if axis in kept:
            # np.take would copy all of an array that is not in C order
            array = array[(slice(None),) * number + (kept[axis],)]
    return array


def _in_wide(op: Operation, outputs: Sequence[Any]) -> tuple[Array, ...]:
    """Outputs of the reference in the precision they came in, whole numbers as int64."""
    found = []
    for name, output in zip(op.outputs, map(np.asarray, outputs), strict=True):
        if name in op.integer_outputs:
            whole = output.astype(np.int64)
            if not np.array_equal(whole, output):
                raise ValueError(
                    f"operation {op.name}: its reference gives {name} that are no whole numbers; "
                    "round them there, or take them out of integer_outputs"
                )
            output = whole
        found.append(output)
    return tuple(found)


def _check_shapes(op: Operation, outputs: Sequence[Any], sizes: Mapping[str, int]) -> None:
    """An operation of one's own may have a reference that gives something else than it says."""
    expected = op.output_shapes(sizes)
    if len(outputs) != len(expected):
        raise ValueError(
            f"operation {op.name}: its reference gives {len(outputs)} outputs; expected "
            f"{len(expected)}: {', '.join(expected)}"
        )
    for (name, shape), output in zip(expected.items(), outputs, strict=True):
        if np.shape(output) != shape:
            raise ValueError(
                f"operation {op.name}: its reference gives {name} of shape {np.shape(output)}; "
                f"expected {shape}"
            )


def _terms(op: Operation, sizes: Mapping[str, int]) -> float:
    return max(float(op.terms(sizes)), 1.0)
