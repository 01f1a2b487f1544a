"""Inputs that a right kernel survives and a wrong one does not, each drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.registry import Operation

Array = npt.NDArray[Any]
Inputs = dict[str, Array]

#: small enough for interpreted loops, and no multiple of any tile or vector
SMALL = {"features": 19, "units": 7, "hidden1": 11, "hidden2": 7, "classes": 10}
BATCH = 7
#: beyond the first tile of anything, with a partial one at the end
MANY = 259


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
    if "batch" in operation.axes:
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
    if "classes" in operation.axes:
        for classes in (1, 5):
            yield Probe(
                f"classes {classes}", f"wrong for {classes} classes", draw(BATCH, classes=classes),
                options,
            )  # fmt: skip
    # what else is wrong comes first: only then is it the layout, or the number of rows
    yield from _hostile(operation, dtype, rng, options, draw)
    yield from _nonfinite(operation, rng, options, draw)
    for layout, which in (
        ("F", "Fortran-ordered"), ("sliced", "sliced"), ("reversed", "negative-stride"),
        ("readonly", "read-only"),
    ):  # fmt: skip
        yield Probe(
            f"{which} inputs", f"wrong on {which} inputs only", draw(BATCH), options, layout=layout
        )
    if "batch" in operation.axes:
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
    for batch in batches if "batch" in operation.axes else batches[:1]:
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
    floating = [name for name in operation.inputs if name not in operation.dtypes]
    batch = 12

    def changed(**changes: Callable[[Array], Array]) -> Inputs:
        inputs = draw(batch)
        for name, change in changes.items():
            inputs[name] = change(inputs[name]).astype(dtype)
        return inputs

    if "logits" in floating:
        for size, what in ((100.0, "89, where float32"), (800.0, "710, where float64")):
            yield Probe(
                f"logits near {size:.0f}",
                f"wrong beyond {what} exponentials overflow: is the row's maximum subtracted, "
                "and not added to a logarithm?",
                changed(logits=partial(np.add, size)), options,
            )  # fmt: skip
        yield Probe(
            "logits near 1,000,000",
            "digits are lost beside a large maximum: is it added to a logarithm?",
            changed(logits=partial(np.add, 1e6)), options,
        )  # fmt: skip
        shifts = np.resize([30.0, -30.0, 200.0, -200.0, 1e4, -1e4], batch)[:, None]
        yield Probe(
            "rows shifted by 30, 200, 10,000",
            "wrong where rows lie apart: one maximum for all rows instead of each row's own",
            changed(logits=lambda z: z + shifts), options,
        )  # fmt: skip
        for size in (200.0, 1e4):
            yield Probe(
                f"saturated logits, {size:.0f}", "wrong on saturated logits",
                changed(logits=partial(_saturated, size)), options, judged="tied",
            )  # fmt: skip
        yield Probe(
            "tied logits", "wrong where logits are equal",
            changed(logits=lambda z: np.full_like(z, 0.7)), options, judged="tied",
        )  # fmt: skip
        yield Probe(
            "logits over decades", "wrong on logits of very different size",
            changed(logits=lambda z: z * 10.0 ** rng.uniform(-8, 3, z.shape)), options,
        )  # fmt: skip
    if "probs" in floating:
        yield Probe(
            "one-hot rows", "wrong on one-hot rows and zero probabilities",
            changed(probs=lambda p: np.eye(p.shape[1])[p.argmax(axis=1)]), options,
        )  # fmt: skip
        yield Probe(
            "rows that do not sum to one", "wrong where rows do not sum to one",
            changed(probs=lambda p: 10 * p), options,
        )  # fmt: skip
        yield Probe(
            "probabilities over decades", "wrong on probabilities close to zero",
            changed(probs=lambda p: p * 10.0 ** rng.uniform(-12, 0, p.shape)), options,
        )  # fmt: skip
    if "inputs" in floating and not operation.draw_input.get("w1"):
        for low, high, what in ((85, 105, "float32"), (700, 750, "float64")):
            yield Probe(
                f"inputs between {low} and {high}",
                f"wrong where {what} exponentials overflow or become denormal",
                changed(inputs=partial(_between, rng, low, high)),
                options,
            )  # fmt: skip
        yield Probe(
            "inputs up to 10,000", "wrong on large inputs",
            changed(inputs=lambda x: x * rng.choice([1.0, 30.0, 100.0, 800.0, 1e4], x.shape)),
            options,
        )  # fmt: skip
    wide_range = [name for name in floating if name not in ("logits", "probs", "outputs")]
    if wide_range:
        if not operation.draw_input.get("w1"):
            yield Probe(
                "values over decades", "wrong on values of very different size",
                changed(**dict.fromkeys(
                    wide_range, lambda x: x * 10.0 ** rng.uniform(-8, 8, x.shape))),
                options,
            )  # fmt: skip
        yield Probe(
            "few values", "wrong where values are equal",
            changed(**{wide_range[0]: lambda x: 0.7 * np.sign(x)}), options, judged="tied",
        )  # fmt: skip
        yield Probe(
            "zeros", "wrong on zeros",
            changed(**dict.fromkeys(wide_range, np.zeros_like)), options, judged="tied",
        )  # fmt: skip
    tiny = 300 * float(np.finfo(dtype).smallest_subnormal)
    yield Probe(
        "denormals", "wrong on denormal inputs",
        changed(**{floating[0]: lambda x: x * tiny}), options, judged="tied",
    )  # fmt: skip


def _between(rng: np.random.Generator, low: float, high: float, array: Array) -> Array:
    return np.sign(array) * rng.uniform(low, high, array.shape)


def _saturated(size: float, array: Array) -> Array:
    return size * np.sign(array)


def _nonfinite(
    operation: Operation,
    rng: np.random.Generator,
    options: dict[str, str],
    draw: Callable[..., Inputs],
) -> Iterator[Probe]:
    for name, values in operation.nonfinite.items():
        for value in values:
            inputs = draw(BATCH)
            array = inputs[name]
            array[tuple(int(rng.integers(n)) for n in array.shape)] = value
            yield Probe(
                f"{value} in {name}",
                f"{value} in {name} does not come out where the mathematics puts it",
                inputs, options, judged="nonfinite",
            )  # fmt: skip
            # the first entry is what a running maximum starts from
            first = draw(BATCH)
            first[name][(-1, *(0,) * (array.ndim - 1))] = value
            yield Probe(
                f"{value} first in a row of {name}",
                f"{value} in {name} does not come out where the mathematics puts it",
                first, options, judged="nonfinite",
            )  # fmt: skip
            # one entry may lie where a mask hides it
            every = draw(BATCH)
            rows = np.arange(BATCH)
            for step in (1, 3):
                every[name][rows, (step * rows) % array.shape[1]] = value
            # of a loss of probabilities no other entry counts
            if "labels" in every and operation.inputs[name] == "batch classes":
                every[name][rows[::2], every["labels"][::2]] = value
            yield Probe(
                f"{value} in every row of {name}",
                f"{value} in {name} does not come out where the mathematics puts it",
                every, options, judged="nonfinite",
            )  # fmt: skip


def _labels(
    operation: Operation, options: dict[str, str], draw: Callable[..., Inputs]
) -> Iterator[Probe]:
    for name, kind in operation.dtypes.items():
        if kind != "integer":
            continue
        # rows times classes overflow a byte
        for integer, batch in (("uint8", MANY), ("int32", BATCH)):
            inputs = draw(batch)
            inputs[name] = inputs[name].astype(integer)
            yield Probe(
                f"{name} as {integer}", f"wrong where {name} are {integer}", inputs, options
            )
        if name == "labels":
            for outside, where in ((-1, 0), (SMALL["classes"], BATCH - 1), (255, 3)):
                inputs = draw(BATCH)
                inputs[name][where] = outside
                yield Probe(
                    f"label {outside}",
                    f"label {outside} of {SMALL['classes']} classes is not refused",
                    inputs, options, judged="refuse",
                )  # fmt: skip
