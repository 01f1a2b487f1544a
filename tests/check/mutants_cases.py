"""What a changed kernel is asked by the search: inputs, and the truth by twice the limit.

They are drawn here, not by the check: at the sizes that the suite times and at a few others, in
layouts, integer dtypes and values of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.check.truth import Truth, exact_truth, finite_only, truth
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
        return Case(name, problem, truth_of(problem, judged))

    small = {axis: min(size, 19) for axis, size in op.sizes.items()}
    tiny = {axis: _SMALL.get(axis, 4) for axis in op.sizes}
    yield case("few rows", drawn(6, **small))
    if op.leading is not None:
        yield case("no rows", drawn(0, **small))
    yield from _odd_labels(op, case, drawn, small)
    for option, choices in op.options.items():
        for choice, batch in product(choices, (9, 0)):
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
    for axis, size in product(op.sizes, _AXES):
        yield case(f"{axis} {size}", drawn(int(rng.integers(1, 9)), **{**tiny, axis: size}))
    for batch in (*_OTHERS, *BATCHES) if op.leading is not None else ():
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
            return Case(f"{name}, {axis} {size}", problem, truth_of(problem, judged))  # noqa: B023

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


def truth_of(problem: Problem, judged: str = "tied") -> Truth | None:
    """Of a problem, with room for what no kernel is to be blamed for."""
    if judged == "refuse":
        return None
    if judged == "exact":
        return exact_truth(problem)
    found = truth(problem, tied=True)
    found = replace(found, limit=2 * max(found.limit, truth(problem).limit))
    return finite_only(found, problem.given) if judged == "nonfinite" else found


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
        # of bytes, as of a mapped file: nobody can make it writable
        return np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape)

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
        tiny = 300 * float(np.finfo(dtype).smallest_subnormal)
        if each.names:
            inputs = drawn(13, **sizes)
            inputs[name] = np.asarray(inputs[name] * tiny, dtype)
            yield case(f"denormal {name}", inputs)
        if each.kind.free:
            for factor in (0.0, 1e-3, 1e3):
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
