"""Samples as they come in: one a row, converted once, and refused where they cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from einbench.arguments import refuse_masks

Array = npt.NDArray[Any]


class Samples(NamedTuple):
    """Rows in the network's dtype, and whether they were one sample without a row axis."""

    rows: Array
    single: bool


def samples(x: Any, features: int, dtype: np.dtype[Any]) -> Samples:
    """Rows of ``features`` finite numbers; no copy where the dtype fits, whatever the strides.

    Raises:
        TypeError: not real numbers.
        ValueError: other dimensions or another width, or a NaN or infinity, with its place.
    """
    array = real(x, "x")
    if array.ndim == 0 or array.ndim > 2:
        hint = "; flatten each sample with x.reshape(len(x), -1)" if array.ndim > 2 else ""
        raise ValueError(
            f"x has {array.ndim} dimensions, shape {array.shape}; expected (samples, {features}), "
            f"or ({features},) for one sample{hint}"
        )
    single = array.ndim == 1
    rows = array[None, :] if single else array
    if rows.shape[1] != features:
        columns = not single and rows.shape[0] == features
        hint = "; samples are rows: pass x.T" if columns else ""
        if single and features == 1:
            hint = "; for samples of one feature pass x[:, None]"
        raise ValueError(
            f"x has shape {array.shape}; expected (samples, {features}), for the network takes "
            f"{features} features{hint}"
        )
    return Samples(converted(rows, dtype, "x", single=single), single)


def real(values: Any, name: str) -> Array:
    """As an array of real numbers.

    Raises:
        TypeError: anything else.
    """
    refuse_masks(values, name)
    try:
        array = np.asarray(values)
    except ValueError:  # rows of different lengths
        raise TypeError(f"{name} is no array: its rows differ in length") from None
    if array.dtype.kind in "biu" or array.dtype in (np.float32, np.float64):
        return array
    raise TypeError(
        f"{name} is of {array.dtype}; expected float32, float64 or integers: convert with "
        f"{name}.astype('float32')"
    )


def converted(
    values: Array,
    dtype: np.dtype[Any],
    name: str,
    *,
    single: bool = False,
    number: Callable[[int], int] = int,
) -> Array:
    """In the network's dtype, and finite.

    Args:
        values: some rows, or one number a row.
        dtype: the network's.
        name: for messages.
        single: whether it is one sample, given without an axis of rows.
        number: of a row among all that there are, from its place here.

    Raises:
        ValueError: names the first NaN or infinity and its place.
    """
    # what is too large for the dtype becomes infinite, and is found below
    with np.errstate(over="ignore"):
        array = values.astype(dtype, copy=False)
    # NaN and infinity come through a minimum or a maximum, and neither needs memory
    if array.size and not (np.isfinite(array.min()) and np.isfinite(array.max())):
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        value = values[place]
        place = (number(place[0]), *place[1:])
        where = f"row {place[0]}, column {place[1]}" if len(place) > 1 else f"position {place[0]}"
        if single:
            where = f"position {place[-1]}"
        reason = f"too large for {dtype}" if np.isfinite(value) else "not a finite number"
        raise ValueError(
            f"{name} is {value} at {where}, {reason}; clean the data before training on it"
        )
    return array
