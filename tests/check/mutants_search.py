"""Whether a changed kernel differs from the operation at all: a search that is not the check.

It draws inputs of its own at the sizes that the suite times and at a few others, in layouts, integer
dtypes and values of its own, calls several times, and compares with the truth by twice the limit.
Of the check it uses only what rounding may do: `einbench.check.truth` and `einbench.check.error`.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.check.error import error
from einbench.check.truth import Truth, as_tuple, exact_truth, finite_only, truth
from einbench.operation import Operation
from einbench.problem import Problem

Array = npt.NDArray[Any]

#: as the suite's benchmarks and `compare` have them, beyond one
BATCHES = (1, 8, 32, 128, 512, 1000, 10_000, 60_000)
_OTHERS = (2, 3, 5, 17, 33, 65, 100, 257)
_AXES = (1, 2, 3, 4, 9, 16, 33, 64, 130, 256, 300)
#: elements of all inputs, beyond which default sizes make room for small ones
_MOST_ELEMENTS = 700_000
_SMALL = {"features": 5, "units": 3, "hidden1": 4, "hidden2": 3, "classes": 4}
#: of a call of the right kernel: slower cases are left out
_MOST_CALL_S = 0.1


@dataclass(frozen=True)
class Case:
    """Inputs as a kernel is given them, and the truth; None where they must be refused."""

    name: str
    problem: Problem
    truth: Truth | None


def cases(op: Operation, dtype: np.dtype[Any], seed: int) -> Iterator[Case]:
    """Cheap ones first."""
    rng = np.random.default_rng([seed, 99])

    def drawn(batch: int, **sizes: int) -> dict[str, Array]:
        return op.draw(batch, dtype, int(rng.integers(2**31)), **sizes)

    def case(name: str, inputs: dict[str, Array], judged: str = "tied", **options: str) -> Case:
        problem = Problem.of(op, list(inputs.values()), op.choose_options(options))
        return Case(name, problem, _truth(problem, judged))

    small = {axis: min(size, 19) for axis, size in op.sizes.items()}
    tiny = {axis: _SMALL.get(axis, 4) for axis in op.sizes}
    yield case("few rows", drawn(6, **small))
    yield from _odd_labels(op, case, drawn, small)
    for option, choices in op.options.items():
        for choice in choices:
            for batch in (9, 0):
                yield case(f"{option}={choice}, {batch}", drawn(batch, **small), **{option: choice})
    if op.exact is not None:
        for batch in (5, 33, 300, 1000):
            exact = op.exact(rng, dtype, op.all_sizes(batch, small))
            inputs = {name: exact[name] for name in op.inputs}
            yield case(f"whole numbers, {batch}", inputs, "exact", **op.exact_options)
    for name, laid in _layouts(rng):
        for batch in (8, 33):
            inputs = {n: laid(a) for n, a in drawn(batch, **small).items()}
            yield case(f"{name}, {batch}", inputs)
        for one in op.inputs if len(op.inputs) > 1 else ():
            inputs = drawn(8, **small)
            inputs[one] = laid(inputs[one])
            yield case(f"{name} of {one}", inputs)
    yield from _same_arrays(op, case, drawn, small)
    yield from _values(op, dtype, rng, case, drawn, small)
    for axis in op.sizes:
        for size in _AXES:
            yield case(f"{axis} {size}", drawn(int(rng.integers(1, 9)), **{**tiny, axis: size}))
    if op.leading is None:
        return
    for batch in (*_OTHERS, *BATCHES):
        inputs = drawn(1)
        whole = batch * sum(a.size for a in inputs.values()) > _MOST_ELEMENTS
        sizes = tiny if whole else {}
        yield case(f"{batch} rows", drawn(batch, **sizes))
        if op.exact is not None and batch >= 1000:
            exact = op.exact(rng, dtype, op.all_sizes(batch, tiny))
            inputs = {name: exact[name] for name in op.inputs}
            yield case(f"whole numbers, {batch} rows", inputs, "exact", **op.exact_options)


def at_sizes(
    op: Operation, dtype: np.dtype[Any], seed: int, axis: str, sizes: list[int]
) -> Iterator[Case]:
    """Draws, whole numbers, NaN and few values where one axis has these sizes."""
    rng = np.random.default_rng([seed, 98])
    tiny = {name: _SMALL.get(name, 4) for name in op.sizes}
    picked = sorted({sizes[0], sizes[len(sizes) // 2], sizes[-1], *sizes[:2]}) if sizes else []
    for size in picked:
        chosen = {**tiny, axis: size}
        rows = chosen.pop(op.leading or "", 7)

        def case(name: str, inputs: dict[str, Array], judged: str = "tied", **options: str) -> Case:
            problem = Problem.of(op, list(inputs.values()), op.choose_options(options))
            return Case(f"{name}, {axis} {size}", problem, _truth(problem, judged))  # noqa: B023

        def drawn(batch: int, **others: int) -> dict[str, Array]:
            return op.draw(rows, dtype, int(rng.integers(2**31)), **chosen)  # noqa: B023

        yield case("random", drawn(rows))
        if op.exact is not None:
            exact = op.exact(rng, dtype, op.all_sizes(rows, chosen))
            inputs = {name: exact[name] for name in op.inputs}
            yield case("whole numbers", inputs, "exact", **op.exact_options)
        for option, choices in op.options.items():
            for choice in choices:
                yield case(f"{option}={choice}", drawn(rows), **{option: choice})
        yield from _values(op, dtype, rng, case, drawn, {})
        for name, laid in _layouts(rng):
            yield case(name, {n: laid(a) for n, a in drawn(rows).items()})
        yield from _odd_labels(op, case, drawn, {})


def _truth(problem: Problem, judged: str) -> Truth | None:
    if judged == "refuse":
        return None
    if judged == "exact":
        return exact_truth(problem)
    found = truth(problem, tied=True)
    found = replace(found, limit=2 * max(found.limit, truth(problem).limit))
    return finite_only(found) if judged == "nonfinite" else found


def _odd_labels(op: Operation, case: Any, drawn: Any, sizes: dict[str, int]) -> Iterator[Case]:
    for name, each in op.inputs.items():
        if not each.integer:
            continue
        for dtype in ("uint8", "int8", "int16", "uint16", "int32", "uint32", "uint64"):
            inputs = drawn(11, **sizes)
            inputs[name] = inputs[name].astype(dtype)
            yield case(f"{name} as {dtype}", inputs)
        below = each.kind.below
        if below is None:
            continue
        for classes in (40, 130, 200, 300, 1000):
            if below in sizes:
                inputs = drawn(7, **{**sizes, below: classes})
                inputs[name][:2] = classes - 1
                yield case(f"{classes} {below}", inputs)
        for outside in (-1, -2, 10**4, 255, 256):
            inputs = drawn(7, **sizes)
            count = op.all_sizes(7, sizes)[below]
            if len(inputs[name]) and not 0 <= outside < count:
                inputs[name][len(inputs[name]) // 2] = outside
                yield case(f"{name} {outside}", inputs, "refuse")
        inputs = drawn(7, **sizes)
        if len(inputs[name]):
            inputs[name][-1] = op.all_sizes(7, sizes)[below]
            yield case(f"{name} one too many", inputs, "refuse")


def _same_arrays(op: Operation, case: Any, drawn: Any, sizes: dict[str, int]) -> Iterator[Case]:
    """One array given for two inputs."""
    names = [name for name, each in op.inputs.items() if not each.integer]
    for one in names:
        for other in names:
            if names.index(one) < names.index(other) and (
                op.inputs[one].names == op.inputs[other].names
            ):
                inputs = drawn(7, **sizes)
                inputs[other] = inputs[one]
                yield case(f"{one} is {other}", inputs)


def _layouts(rng: np.random.Generator) -> Iterator[tuple[str, Callable[[Array], Array]]]:
    def within(array: Array, before: int, after: int, step: int) -> Array:
        shape = tuple(before + step * n + after for n in array.shape)
        around = rng.integers(1, 3, shape).astype(array.dtype)
        view = around[(..., *(slice(before, before + step * n, step) for n in array.shape))]
        view[...] = array
        return view

    def frozen(array: Array) -> Array:
        kept = array.copy()
        kept.flags.writeable = False
        return kept

    def flipped(array: Array, *axes: int) -> Array:
        return np.flip(np.flip(array, axes).copy(), axes) if array.ndim else array

    def shifted(array: Array) -> Array:
        memory = np.empty(array.nbytes + 8, np.uint8)[3 : 3 + array.nbytes]
        view = memory.view(array.dtype).reshape(array.shape)
        view[...] = array
        return view

    yield "Fortran order", lambda a: a.copy(order="F")
    yield "within", lambda a: within(a, 1, 2, 1)
    yield "every third", lambda a: within(a, 0, 0, 3)
    yield "backwards", lambda a: flipped(a, *range(a.ndim))
    yield "rows backwards", lambda a: flipped(a, 0)
    yield "columns backwards", lambda a: flipped(a, -1)
    yield "transposed within", lambda a: within(a.T, 2, 1, 1).T
    yield "read-only", frozen
    yield "unaligned", shifted
    yield "one row for all", lambda a: np.broadcast_to(a[:1], a.shape) if a.ndim else a
    yield "one column for all", lambda a: np.broadcast_to(a[..., :1], a.shape) if a.ndim else a


def _values(
    op: Operation, dtype: np.dtype[Any], rng: np.random.Generator, case: Any, drawn: Any,
    sizes: dict[str, int],
) -> Iterator[Case]:  # fmt: skip
    for name, each in op.inputs.items():
        if each.integer:
            continue
        for hostile in each.kind.hostile:
            inputs = drawn(13, **sizes)
            inputs[name] = np.asarray(hostile.change(rng, inputs[name]), dtype)
            yield case(f"{hostile.name} in {name}", inputs)
        if each.kind.free:
            for factor in (0.0, 1e-3, 1e3, 300 * float(np.finfo(dtype).smallest_subnormal)):
                inputs = drawn(13, **sizes)
                inputs[name] = np.asarray(inputs[name] * factor, dtype)
                yield case(f"{name} times {factor:g}", inputs)
            inputs = drawn(13, **sizes)
            inputs[name] = np.sign(inputs[name])
            yield case(f"signs of {name}", inputs)
        for value in each.nonfinite:
            for where in (0, -1, "any", "many"):
                inputs = drawn(13, **sizes)
                flat = inputs[name].reshape(-1)
                if flat.size:
                    if where == "many":
                        flat[rng.random(flat.size) < 0.3] = value
                    else:
                        flat[int(rng.integers(flat.size)) if where == "any" else where] = value
                    inputs[name] = flat.reshape(inputs[name].shape)
                    yield case(f"{value} in {name}, {where}", inputs, "nonfinite")


def askable(kernel: Any, found: list[Case]) -> list[Case]:
    """The cases that the right kernel answers, rightly, in little time."""
    kept = []
    slow = 0.0
    for case in found:
        weight = sum(a.size for a in case.problem.arrays.values())
        if slow and weight > slow:
            continue
        start_s = time.perf_counter()
        if not differs_at(kernel, case):
            kept.append(case)
        if time.perf_counter() - start_s > 3 * _MOST_CALL_S:
            slow = weight
    return kept


def differs(kernel: Any, found: list[Case], limit_s: float) -> str:
    """The first difference, in words; nothing where there is none, or time is over."""
    end_s = time.monotonic() + limit_s
    for case in found:
        if time.monotonic() > end_s:
            break
        if reason := differs_at(kernel, case):
            return f"{case.name}: {reason}"
    return ""


def differs_at(kernel: Any, case: Case) -> str:
    """What a kernel does at one case that the operation or its contract does not have."""
    problem = case.problem
    arrays, options = problem.given, problem.options
    before = [a.tobytes() for a in arrays]

    def call() -> Any:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return kernel.function(*arrays, **options)

    if case.truth is None:
        try:
            call()
        except (ValueError, IndexError):
            return ""
        except Exception as raised:
            return f"raises {type(raised).__name__}"
        return "takes what must be refused"
    try:
        return _differences(kernel, case, call, before)
    except Exception as raised:
        return f"raises {type(raised).__name__}: {raised}"


def _differences(kernel: Any, case: Case, call: Callable[[], Any], before: list[bytes]) -> str:
    problem, expected = case.problem, case.truth
    assert expected is not None
    op, arrays = problem.operation, problem.given
    shapes = list(op.output_shapes(problem.sizes).values())
    dtypes = [op.output_dtype(name, problem.dtype) for name in op.outputs]
    handed: list[Array] = []
    first: list[bytes] = []
    for _ in range(4):
        result = call()
        if len(shapes) > 1 and not isinstance(result, tuple | list):
            return "gives no tuple"
        outputs = as_tuple(op, result)
        if len(outputs) != len(shapes):
            return "gives another number of results"
        for output, shape, dtype in zip(outputs, shapes, dtypes, strict=True):
            if type(output) is not np.ndarray or (output.shape, output.dtype) != (shape, dtype):
                return f"gives {type(output).__name__} of another shape or dtype"
            if not output.flags.writeable or not output.dtype.isnative:
                return "gives read-only or foreign memory"
            if any(np.may_share_memory(output, other) for other in (*arrays, *handed)):
                return "gives memory that is not new"
        if [a.tobytes() for a in arrays] != before:
            return "changes an input"
        if not error(outputs, expected).units <= expected.limit:
            return "gives other numbers"
        found = [o.tobytes() for o in outputs]
        first = first or found
        if found != first:
            return "gives other bits the second time"
        handed.extend(outputs)
    if [o.tobytes() for o in handed[: len(first)]] != first:
        return "changes an earlier result"
    return _elsewhere(kernel, case, first)


def _elsewhere(kernel: Any, case: Case, first: list[bytes]) -> str:
    """In another thread and error state, into memory, and for other numbers in the arrays."""
    problem = case.problem
    op, arrays, options = problem.operation, problem.given, problem.options
    held: list[Any] = []

    def warned() -> None:
        with np.errstate(all="warn"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            held.append(as_tuple(op, kernel.function(*arrays, **options)))

    warned()
    thread = threading.Thread(target=warned)
    thread.start()
    thread.join()
    if len(held) < 2 or any([o.tobytes() for o in outputs] != first for outputs in held):
        return "gives other bits in another thread or error state"
    if kernel.takes_out:
        for value in (0, 1, np.nan):
            memory = tuple(np.full(o.shape, value, o.dtype) for o in held[0])
            with np.errstate(all="ignore"):
                kernel.into(arrays, options, memory if len(memory) > 1 else memory[0])
            if [o.tobytes() for o in memory] != first:
                return "writes something else into memory"
    if problem.rows > 2000 or not all(a.flags.writeable for a in arrays):
        return ""
    kept = [a.copy() for a in arrays]
    try:
        for changed in (problem.draw(7).arrays, None):
            for name, array in problem.arrays.items():
                if changed is not None:
                    array[...] = changed[name]
                elif array.ndim and array.dtype.kind == "f" and array.size > 1:
                    at = (len(array) // 2,)
                    array[at] = array[at][..., ::-1] if array.ndim > 1 else array[at] * 0.75
            expected = _truth(problem, "tied")
            assert expected is not None
            with np.errstate(all="ignore"):
                outputs = as_tuple(op, kernel.function(*arrays, **options))
            if not error(outputs, expected).units <= expected.limit:
                return "gives an earlier result for other numbers"
    finally:
        for array, was in zip(arrays, kept, strict=True):
            array[...] = was
    return ""
