"""Memory for a result, laid out as NumPy lays it out for the same operands and order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from einbench.einsum.shapes import Contraction, letter
from einbench.einsum.task import Array

Make = Callable[[], Array]


def maker(
    contraction: Contraction, operands: Sequence[Array], dtype: np.dtype[Any], order: str,
    names: Mapping[int, str],
) -> Make:  # fmt: skip
    """What makes such memory; NumPy's iterator is asked once how it lies.

    Args:
        contraction: whose result it is.
        operands: their strides decide on the order K.
        dtype: of the result.
        order: C, F, A or K.
        names: the letters: NumPy goes through summed indices from A to z.
    """
    shape = contraction.out_shape
    axes = (
        _memory_order(contraction, operands, order, names)
        if len(shape) > 1
        else tuple(range(len(shape)))
    )
    if axes == tuple(range(len(shape))):
        return lambda: np.empty(shape, dtype)
    inside = tuple(shape[axis] for axis in axes)
    back = tuple(axes.index(axis) for axis in range(len(axes)))
    return lambda: np.empty(inside, dtype).transpose(back)


def _memory_order(
    contraction: Contraction, operands: Sequence[Array], order: str, names: Mapping[int, str]
) -> tuple[int, ...]:
    """Axes of the result from the largest stride to the smallest."""
    if order.upper() == "C" or not contraction.fits_numpy:
        return tuple(range(len(contraction.output)))
    if order.upper() == "F":
        return tuple(reversed(range(len(contraction.output))))
    views, inputs = [], []
    for operand, indices in zip(operands, contraction.inputs, strict=True):
        distinct = tuple(dict.fromkeys(indices))
        if len(distinct) < len(indices):
            number = {index: letter(n) for n, index in enumerate(distinct)}
            text = "".join(number[i] for i in indices) + "->" + "".join(number.values())
            operand = np.einsum(text, operand)
        views.append(operand)
        inputs.append(distinct)
    every_index = {i for each in inputs for i in each}
    summed = sorted(every_index - {*contraction.output}, key=names.__getitem__)
    every = (*contraction.output, *summed)
    axes = [[each.index(i) if i in each else -1 for i in every] for each in inputs]
    kept = [n if n < len(contraction.output) else -1 for n in range(len(every))]
    # types are left out: only strides count
    iterate: Any = np.nditer
    made = iterate(
        [*views, None],
        flags=["reduce_ok", "zerosize_ok", "refs_ok", "buffered", "delay_bufalloc"],
        op_flags=[*([["readonly"]] * len(views)), ["readwrite", "allocate"]],
        op_axes=[*axes, kept],
        op_dtypes=[*(view.dtype for view in views), np.dtype(np.uint8)],
        order=order.upper(),
        casting="unsafe",
    ).operands[-1]
    sizes = contraction.out_shape
    # axes of size 1 have no place of their own: they stay where they are
    return tuple(sorted(range(len(sizes)), key=lambda n: (-made.strides[n], n)))
