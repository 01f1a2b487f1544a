"""What a network should answer: integer labels or one-hot rows, whichever the loss needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.network.inputs import converted, real

Array = npt.NDArray[Any]


def as_labels(
    y: Any,
    count: int,
    classes: int,
    *,
    single: bool = False,
    number: Callable[[int], int] = int,
) -> Array:
    """Integer labels (count,) in [0, classes), from labels or from one-hot rows.

    ``number`` gives the number of a row among all that there are, from its place here.

    Raises:
        TypeError: labels that are not integers.
        ValueError: another length or shape, a label out of range, or a row that is not one-hot,
            each with its place.
    """
    array = _with_row_axis(real(y, "y"), classes, single)
    if array.ndim == 1:
        _same_length(array, count)
        return _labels(array, classes, number)
    _one_row_a_sample(array, count, classes)
    return _from_one_hot(array, number)


def as_rows(
    y: Any,
    count: int,
    outputs: int,
    dtype: np.dtype[Any],
    *,
    single: bool = False,
    number: Callable[[int], int] = int,
) -> Array:
    """Rows (count, outputs): as given, one-hot from integer labels, or a column from numbers.

    ``number`` gives the number of a row among all that there are, from its place here.

    Raises:
        TypeError: not real numbers.
        ValueError: another length or shape, a label out of range, or a number that is not
            finite, each with its place.
    """
    array = _with_row_axis(real(y, "y"), outputs, single)
    if array.ndim == 1:
        _same_length(array, count)
        if outputs == 1:
            array = array[:, None]
        else:
            labels = _labels(array, outputs, number)
            rows = np.zeros((count, outputs), dtype)
            rows[np.arange(count), labels] = 1
            return rows
    _one_row_a_sample(array, count, outputs)
    return converted(array, dtype, "y", number=number)


def _with_row_axis(array: Array, classes: int, single: bool) -> Array:
    """A lone sample's label or row, as that of a batch of one."""
    if array.ndim == 0 or (single and array.ndim == 1 and len(array) == classes > 1):
        return array[None]
    return array


def _same_length(labels: Array, count: int) -> None:
    if len(labels) != count:
        raise ValueError(
            f"y has {len(labels)} labels where x has {count} samples; expected one label a sample"
        )


def _labels(array: Array, classes: int, number: Callable[[int], int]) -> Array:
    if array.dtype.kind not in "iu":
        raise TypeError(
            f"labels must be integers, got {array.dtype}; convert with y.astype('int64')"
        )
    outside = (array < 0) | (array >= classes)
    if outside.any():
        place = int(np.argmax(outside))
        raise ValueError(
            f"label {array[place]} at position {number(place)} is out of range; the network has "
            f"{classes} classes, expected labels from 0 to {classes - 1}"
        )
    return np.ascontiguousarray(array, np.int64)


def _one_row_a_sample(array: Array, count: int, classes: int) -> None:
    if array.shape != (count, classes):
        hint = "; samples are rows: pass y.T" if array.shape == (classes, count) else ""
        raise ValueError(
            f"y has shape {array.shape}; expected ({count},) labels or ({count}, {classes}) "
            f"rows, one a sample{hint}"
        )


def _from_one_hot(rows: Array, number: Callable[[int], int]) -> Array:
    wrong = (rows != 0).sum(axis=1) != 1
    wrong |= rows.max(axis=1) != 1
    if wrong.any():
        place = int(np.argmax(wrong))
        total = rows[place].sum()
        reason = "" if total == 1 else f": its sum is {total}"
        raise ValueError(
            f"row {number(place)} of y is not one-hot{reason}; expected a single 1 and otherwise "
            "zeros, or pass integer labels"
        )
    return rows.argmax(axis=1).astype(np.int64, copy=False)


def count_right(outputs: Array, targets: Array) -> int:
    """How many rows have their largest output where the target says."""
    labels = targets if targets.ndim == 1 else targets.argmax(axis=1)
    return int(np.count_nonzero(outputs.argmax(axis=1) == labels))
