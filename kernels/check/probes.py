"""Inputs on which a right kernel passes and a wrong one fails, each drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.inputs import Hostile
from einbench.operation import Operation

Array = npt.NDArray[Any]
Inputs = dict[str, Array]

#: small enough for interpreted loops, and no multiple of any tile or vector
SMALL = {"features": 19, "units": 7, "hidden1": 11, "hidden2": 7, "classes": 10}
BATCH = 7
_HOSTILE_BATCH = 12
#: beyond the first tile of anything, with a partial one at the end
MANY = 259

_DECADES = Hostile(
    "values over decades",
    "wrong on values of very different size",
    lambda rng, x: x * 10.0 ** rng.uniform(-8, 8, x.shape),
)
_FEW = Hostile(
    "few values", "wrong where values are equal", lambda rng, x: 0.7 * np.sign(x), "tied"
)
_ZEROS = Hostile("zeros", "wrong on zeros", lambda rng, x: np.zeros_like(x), "tied")


@dataclass(frozen=True)
class Probe:
    """One draw, what a kernel that fails on it does wrong, and how it is judged."""

    name: str
    exposes: str
    inputs: Inputs
    options: dict[str, str]
    #: continuous | tied | exact | nonfinite | refuse
    judged: str = "continuous"
    layout: str = "C"
    #: whether to call again on the same inputs, and then on others in the same arrays
    again: bool = False


def small_sizes(operation: Operation) -> dict[str, int]:
    """Sizes at which even an interpreted loop takes milliseconds."""
    return {axis: SMALL.get(axis, min(size, 11)) for axis, size in operation.sizes.items()}


def probes(operation: Operation, dtype: np.dtype[Any], seed: int) -> Iterator[Probe]:
    """Every probe that applies, from harmless to hostile."""
    rng = np.random.default_rng([seed, 7])
    options = operation.choose_options({})
    small = small_sizes(operation)

    def draw(batch: int, **sizes: int) -> Inputs:
        chosen = {**small, **sizes}
        return operation.draw(batch, dtype, int(rng.integers(2**31)), **chosen)

    yield Probe("random", "", draw(BATCH), options, again=True)
    yield Probe(
        "random again",
        "right for the first inputs of a shape only: an earlier result comes back",
        draw(BATCH), options, again=True,
    )  # fmt: skip
    for name, values in _other_options(operation):
        yield Probe(f"option {name}", f"wrong for {name}", draw(BATCH), values)
    if operation.leading is not None:
        for batch in (1, 2, 0):
            what = "an empty batch" if batch == 0 else f"a batch of {batch}"
            yield Probe(f"batch {batch}", f"wrong for {what}", draw(batch), options)
        for _, values in _other_options(operation):
            yield Probe("batch 0", f"wrong for an empty batch, {values}", draw(0), values)
    if len(small) > 1:
        yield Probe(
            "square", "wrong where the weights are square",
            draw(BATCH - 2, **dict.fromkeys(small, BATCH)), options,
        )  # fmt: skip
    for axis in small:
        for size in (1, 5):
            yield Probe(
                f"{axis} {size}", f"wrong for {size} {axis}", draw(BATCH, **{axis: size}), options
            )
    # hostile values first: a kernel wrong on them is not reported as wrong on a layout or batch
    yield from _hostile(operation, dtype, rng, options, draw)
    yield from _nonfinite(operation, rng, options, draw)
    for layout, which in (
        ("F", "Fortran-ordered"), ("sliced", "sliced"), ("reversed", "negative-stride"),
        ("readonly", "read-only"),
    ):  # fmt: skip
        yield Probe(
            f"{which} inputs", f"wrong on {which} inputs only", draw(BATCH), options, layout=layout
        )
    if operation.leading is not None:
        yield Probe(
            f"batch {MANY}", f"wrong in a batch of {MANY} but not of {BATCH}", draw(MANY), options,
            again=True,
        )  # fmt: skip
    yield from exact_probes(operation, dtype, rng, [BATCH, MANY], small)
    yield from _labels(operation, options, draw)


def exact_probes(
    operation: Operation,
    dtype: np.dtype[Any],
    rng: np.random.Generator,
    batches: list[int],
    sizes: dict[str, int],
) -> Iterator[Probe]:
    """Whole numbers that every order of summation adds up to the same bits."""
    if operation.exact is None:
        return
    options = operation.choose_options(operation.exact_options)
    for batch in batches if operation.leading is not None else batches[:1]:
        chosen = operation.all_sizes(batch, sizes)
        exact = operation.exact(rng, dtype, chosen)
        inputs = {name: exact[name] for name in operation.inputs}
        yield Probe(
            f"integers, batch {batch}",
            "not equal where every sum is exact: an entry is dropped, doubled or misplaced, "
            "or digits are lost on the way",
            inputs, options, judged="exact",
        )  # fmt: skip


def _other_options(operation: Operation) -> Iterator[tuple[str, dict[str, str]]]:
    for name, choices in operation.options.items():
        for choice in choices[1:]:
            yield f"{name}={choice!r}", operation.choose_options({name: choice})


def _hostile(
    operation: Operation,
    dtype: np.dtype[Any],
    rng: np.random.Generator,
    options: dict[str, str],
    draw: Callable[..., Inputs],
) -> Iterator[Probe]:
    """The hostile values of each input's kind, then those of any floating input."""
    floating = {name: each.kind for name, each in operation.inputs.items() if not each.integer}

    def probe(hostile: Hostile, *names: str) -> Probe:
        inputs = draw(_HOSTILE_BATCH)
        for name in names:
            inputs[name] = np.asarray(hostile.change(rng, inputs[name]), dtype)
        return Probe(hostile.name, hostile.exposes, inputs, options, judged=hostile.judged)

    for name, kind in floating.items():
        for hostile in kind.hostile:
            yield probe(hostile, name)
    free = [name for name, kind in floating.items() if kind.free]
    if free:
        if all(kind.decades for kind in floating.values()):
            yield probe(_DECADES, *free)
        yield probe(_FEW, free[0])
        yield probe(_ZEROS, *free)
    tiny = 300 * float(np.finfo(dtype).smallest_subnormal)
    denormals = Hostile("denormals", "wrong on denormal inputs", lambda rng, x: x * tiny, "tied")
    yield probe(denormals, next(iter(floating)))


def _nonfinite(
    operation: Operation,
    rng: np.random.Generator,
    options: dict[str, str],
    draw: Callable[..., Inputs],
) -> Iterator[Probe]:
    """Each value alone, first in a row, and in every row of each input that must carry it."""
    for name, each in operation.inputs.items():
        for value in each.nonfinite:
            wrong = f"{value} in {name} does not come out where the mathematics puts it"

            def placed(where: str, place: Callable[[Inputs], None], wrong: str = wrong) -> Probe:
                inputs = draw(BATCH)
                place(inputs)
                return Probe(where, wrong, inputs, options, judged="nonfinite")

            def anywhere(inputs: Inputs, name: str = name, value: float = value) -> None:
                array = inputs[name]
                array[tuple(int(rng.integers(n)) for n in array.shape)] = value

            def first(inputs: Inputs, name: str = name, value: float = value) -> None:
                # the first entry is what a running maximum starts from
                array = inputs[name]
                array[(-1, *(0,) * (array.ndim - 1)) if array.ndim else ()] = value

            def everywhere(inputs: Inputs, name: str = name, value: float = value) -> None:
                _in_every_row(operation, inputs, name, value)

            yield placed(f"{value} in {name}", anywhere)
            yield placed(f"{value} first in a row of {name}", first)
            yield placed(f"{value} in every row of {name}", everywhere)


def _in_every_row(operation: Operation, inputs: Inputs, name: str, value: float) -> None:
    """One entry may lie where a mask hides it: two in each row, and half of the labels' own."""
    array = inputs[name]
    if array.ndim < 2:
        array[...] = value
        return
    rows = np.arange(len(array))
    for step in (1, 3):
        array[(rows, *(step * rows % n for n in array.shape[1:]))] = value
    # of a loss of probabilities no other entry counts
    names = operation.inputs[name].names
    for labels, each in operation.inputs.items():
        if each.integer and (*each.names, each.kind.below) == names:
            array[rows[::2], inputs[labels][::2]] = value


def _labels(
    operation: Operation, options: dict[str, str], draw: Callable[..., Inputs]
) -> Iterator[Probe]:
    """Every width of integers, and whole numbers that count nothing."""
    small = small_sizes(operation)
    for name, each in operation.inputs.items():
        if not each.integer:
            continue
        # rows times classes overflow a byte
        for integer, batch in (("uint8", MANY), ("int32", BATCH)):
            inputs = draw(batch)
            inputs[name] = inputs[name].astype(integer)
            yield Probe(
                f"{name} as {integer}", f"wrong where {name} are {integer}", inputs, options
            )
        if each.kind.below is None or not each.names:
            continue
        count = operation.all_sizes(BATCH, small)[each.kind.below]
        for outside, where in ((-1, 0), (count, -1), (255, 3)):
            inputs = draw(BATCH)
            inputs[name].flat[where % inputs[name].size] = outside
            yield Probe(
                f"label {outside}",
                f"label {outside} of {count} {each.kind.below} is not refused",
                inputs, options, judged="refuse",
            )  # fmt: skip
