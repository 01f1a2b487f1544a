"""Preparation of data: normalised pixels, one-hot rows, validation split, mini-batches."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from einbench.arguments import refuse_masks
from einbench.jit.labels import refuse_bad_labels
from einbench.names import check_dtype, unknown
from einbench.network.feed import ORDERS, feed

Array = npt.NDArray[Any]
#: inputs and their targets
Samples = tuple[Array, Array]

#: numbers worked on at a time: the float64 copy of 60,000 images would take 376 MB
_BLOCK = 1 << 20


class Scale(NamedTuple):
    """What a set is normalised with: ``x`` becomes ``(x - mean) / deviation``."""

    mean: float
    deviation: float


def scale_of(training: npt.ArrayLike) -> Scale:
    """mean = sum x / n, deviation = sqrt(sum (x - mean)^2 / n), over all numbers of a set.

    A set of equal numbers has deviation 1: it becomes zeros, never NaN.

    Raises:
        TypeError: not real numbers.
        ValueError: an empty set, or a NaN or an infinity in it, with its position.
    """
    values = _numbers(training, "the training set")
    if values.size == 0:
        raise ValueError(
            f"the training set has shape {values.shape}, no numbers to take a mean of; "
            "pass at least one sample"
        )
    if values.min() == values.max():
        return Scale(float(values.flat[0]), 1.0)
    mean = sum(float(np.sum(part, dtype=np.float64)) for part in _blocks(values)) / values.size
    # the second pass: sum x^2 / n - mean^2 would cancel where the mean is large
    squares = sum(float(np.sum(np.square(_wide(p) - mean))) for p in _blocks(values))
    return Scale(mean, math.sqrt(squares / values.size))


def normalise(
    training: npt.ArrayLike,
    *others: npt.ArrayLike,
    dtype: npt.DTypeLike = "float32",
    scale: Scale | None = None,
) -> Any:
    """x' = (x - mean(training)) / deviation(training)

    The training set comes out with mean 0 and standard deviation 1, and every other set with the
    same two numbers applied: what the network is judged on must not choose its own scale.

    Args:
        training: numbers of any shape, uint8 pixels say; left as they are.
        others: sets that are put on the same scale.
        dtype: of what is returned.
        scale: what ``scale_of`` gave for an earlier training set, to apply instead.

    Returns:
        New C-ordered arrays: one where there are no others, else a tuple in the order given.

    Raises:
        TypeError: not real numbers.
        ValueError: an empty training set, or a NaN or an infinity, with its position.
    """
    wanted = check_dtype(dtype)
    applied = scale_of(training) if scale is None else scale
    sets = [_numbers(training, "the training set")]
    sets += [_numbers(other, f"set {number}") for number, other in enumerate(others, 2)]
    scaled = tuple(_scaled(values, applied, wanted) for values in sets)
    return scaled if others else scaled[0]


def one_hot(labels: npt.ArrayLike, classes: int, dtype: npt.DTypeLike = "float32") -> Array:
    """rows[b, c] = [c = labels[b]]

    The count of classes is given, not read off the labels: a class that does not occur still has
    its column.

    Raises:
        TypeError: labels are no integers, or ``classes`` is no whole number.
        ValueError: labels have not one dimension, or one lies outside [0, classes); its position
            is in the message.
    """
    wanted = check_dtype(dtype)
    refuse_masks(labels, "labels")
    given = np.asarray(labels)
    classes = _count(classes, "classes")
    if given.ndim != 1:
        raise ValueError(
            f"labels have shape {given.shape}; expected one integer a sample, shape (n,)"
        )
    if given.size and given.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers, got {given.dtype}; convert with astype('int64')")
    refuse_bad_labels(given, classes)
    rows = np.zeros((len(given), classes), wanted)
    rows[np.arange(len(given)), given.astype(np.intp)] = 1
    return rows


def split(
    inputs: npt.ArrayLike, targets: npt.ArrayLike, validation: float = 0.1, seed: int | None = 0
) -> tuple[Samples, Samples]:
    """Split samples at random into training and validation; each part keeps their order.

    ::

        (x, y), held_back = split(x, y, 0.1)
        net.fit(x, y, epochs=3, validation=held_back)

    Args:
        inputs: one sample a row.
        targets: as many labels, or rows.
        validation: the part to hold back as a fraction (0.1), or as a count (5000).
        seed: which samples those are; None draws anew every time.

    Raises:
        TypeError: ``validation`` is no number.
        ValueError: lengths differ, or a part would be empty.
    """
    x, y = _same_length(inputs, targets)
    held = _held_back(validation, len(x))
    chosen = np.zeros(len(x), bool)
    chosen[np.random.default_rng(seed).permutation(len(x))[:held]] = True
    return (x[~chosen], y[~chosen]), (x[chosen], y[chosen])


def batches(
    inputs: npt.ArrayLike,
    targets: npt.ArrayLike,
    batch: int | None = 128,
    order: str = "shuffled",
    seed: int | None = None,
    steps: int | None = None,
) -> Iterator[Samples]:
    """Mini-batches of samples and their targets, one epoch of them unless ``steps`` says else.

    ::

        given     rows 0 .. batch - 1, then batch .. 2 batch - 1, ...     (views, no copy)
        shuffled  every row once an epoch, in an order drawn anew for each
        random    ``batch`` rows a step, each drawn from all of them

    The last batch of an epoch is as short as what is left; with ``random`` none is. These are the
    batches that ``fit`` takes with the same seed, as arrays that may be kept.

    Args:
        inputs: one sample a row.
        targets: as many labels, or rows.
        batch: rows a step; None for all of them.
        order: ``shuffled``, ``given`` or ``random``.
        seed: of the order; None draws anew every time.
        steps: how many to give; epochs follow each other until then.

    Raises:
        TypeError: ``batch`` or ``steps`` is no whole number.
        ValueError: lengths differ, no samples, an unknown order, or a batch larger than the data.
    """
    x, y = _same_length(inputs, targets)
    rows = len(x) if batch is None else _count(batch, "batch")
    if order not in ORDERS:
        raise ValueError(unknown("order", order, ORDERS))
    if not len(x):
        raise ValueError("no samples to make batches of; pass at least one")
    if rows > len(x):
        raise ValueError(
            f"batch {rows} is larger than the data, {len(x)} samples; "
            f"expected at most {len(x)}, or batch=None for all of them"
        )
    wanted = math.ceil(len(x) / rows) if steps is None else _count(steps, "steps")
    # checked above, when it is called, and not when the first batch is taken
    return _drawn(x, y, rows, order, np.random.default_rng(seed), wanted)


def _drawn(
    x: Array, y: Array, batch: int, order: str, generator: np.random.Generator, steps: int
) -> Iterator[Samples]:
    for inputs, targets in islice(feed(x, y, batch, order, generator), steps):
        # what is fed is good until the next only, unless it is part of the data itself
        own = np.may_share_memory(inputs, x)
        yield (inputs, targets) if own else (inputs.copy(), targets.copy())


def _blocks(values: Array) -> Iterator[Array]:
    """Runs of rows of about a million numbers; the array itself where it has no rows."""
    if values.ndim == 0:
        yield values
        return
    rows = max(1, _BLOCK // max(1, values[0].size)) if len(values) else 1
    for start in range(0, len(values), rows):
        yield values[start : start + rows]


def _wide(part: Array) -> Array:
    return part.astype(np.float64)


def _scaled(values: Array, scale: Scale, dtype: np.dtype[Any]) -> Array:
    scaled = np.empty(values.shape, dtype)
    for part, out in zip(_blocks(values), _blocks(scaled), strict=True):
        # in float64 until the end: float32 numbers around a large mean would lose their digits
        out[...] = (_wide(part) - scale.mean) / scale.deviation
    return scaled


def _numbers(values: npt.ArrayLike, what: str) -> Array:
    refuse_masks(values, what)
    array = np.asarray(values)
    if array.dtype.kind not in "buif":
        raise TypeError(f"{what} must hold real numbers, got {array.dtype}; pass pixels or floats")
    if array.dtype.kind == "f":
        for number, part in enumerate(_blocks(array)):
            finite = np.isfinite(part)
            if not finite.all():
                place = [int(i) for i in np.argwhere(~finite)[0]]
                if place:
                    place[0] += number * len(next(_blocks(array)))
                raise ValueError(
                    f"{what} holds {part[~finite].flat[0]} at {tuple(place)}; expected finite "
                    "numbers, remove or replace it first"
                )
    return array


def _same_length(inputs: npt.ArrayLike, targets: npt.ArrayLike) -> Samples:
    refuse_masks(inputs, "inputs")
    refuse_masks(targets, "targets")
    x, y = np.asarray(inputs), np.asarray(targets)
    if x.ndim == 0 or y.ndim == 0:
        raise ValueError("inputs and targets must be arrays of one sample a row, got a number")
    if len(x) != len(y):
        raise ValueError(f"{len(x)} inputs and {len(y)} targets; expected a target for each input")
    return x, y


def _held_back(validation: float, count: int) -> int:
    if isinstance(validation, bool) or not isinstance(
        validation, int | float | np.integer | np.floating
    ):
        raise TypeError(
            f"validation={validation!r}; expected a fraction such as 0.1 or a count such as 5000"
        )
    fraction = isinstance(validation, float | np.floating)
    if fraction and not 0 < validation < 1:
        raise ValueError(
            f"validation={validation}: a fraction lies between 0 and 1; write a count as a whole "
            "number, 5000 say"
        )
    held = round(validation * count) if fraction else int(validation)
    if not 0 < held < count:
        raise ValueError(
            f"validation={validation} holds back {held} of {count} samples; expected at least one "
            "in each part"
        )
    return held


def _count(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name}={value!r}; expected a whole number from 1")
    if value < 1:
        raise ValueError(f"{name}={value}; expected a whole number from 1")
    return int(value)
