"""Bytes scaled a tile of rows at a time: the float copy of a block never exists.

A tile of pixels becomes numbers from 0 to 1 in memory that stays in a core's cache, and the kernel
is called with it. What depends on the rows of a tile is put side by side, sums are added in the
order of the tiles: the same rows give the same bits wherever they are computed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import cache
from types import FunctionType
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from einbench.jit.bodies import jit_of

Array = npt.NDArray[Any]

#: rows of a tile: of 784 pixels in float32 they take 1.6 MB; a power of two, by which means are
#: multiplied exactly
ROWS = 512
_MEMORY = threading.local()


class Result(NamedTuple):
    """What the rows of a block give."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    #: the axis of rows; None where tiles are added
    rows: int | None


def tiled(
    call: Callable[[Sequence[Array], tuple[Array, ...]], object], arrays: Sequence[Array],
    dtype: np.dtype[Any], scaled: Sequence[int], cut: Sequence[int | None],
    results: Sequence[Result], *, whole: bool = False,
) -> tuple[Array, ...]:  # fmt: skip
    """The results of ``call`` on rows whose bytes are scaled to ``x / 255``.

    Args:
        call: ``call(arrays, outs)`` computes a tile and writes all of its results, in C order.
        arrays: whole blocks.
        dtype: that bytes become.
        scaled: places of the arrays of bytes, each with rows as its first axis.
        cut: of each array, the axis of rows; None where it has none.
        results: of the whole block.
        whole: whether rows cannot be parted: all of them are one tile.
    """
    rows = arrays[scaled[0]].shape[0]
    step = max(rows, 1) if whole else ROWS
    totals = tuple(np.empty(each.shape, each.dtype) for each in results)
    # in the first tile they are the totals themselves
    parts = [
        np.empty_like(t) if r.rows is None else t for r, t in zip(results, totals, strict=True)
    ]
    # one tile at least: of no rows there are results too
    for begin in range(0, max(rows, 1), step):
        end = min(begin + step, rows)
        tile = [_rows(a, axis, begin, end) for a, axis in zip(arrays, cut, strict=True)]
        for place in scaled:
            tile[place] = scale(tile[place], _memory(place, tile[place].shape, dtype))
        wanted = totals if begin == 0 else parts
        outs = [_rows(o, r.rows, begin, end) for o, r in zip(wanted, results, strict=True)]
        lying = [out if out.flags.c_contiguous else np.empty(out.shape, out.dtype) for out in outs]
        call(tile, tuple(lying))
        for out, made in zip(outs, lying, strict=True):
            if made is not out:
                out[...] = made
        for total, part, result in zip(totals, parts, results, strict=True):
            if result.rows is None and begin:
                np.add(total, part, out=total)
    return totals


def _rows(array: Array, axis: int | None, begin: int, end: int) -> Array:
    return array if axis is None else array[(slice(None),) * axis + (slice(begin, end),)]


def scale(pixels: Array, out: Array) -> Array:
    """out = pixels / 255, rounded once; ``out`` is in C order."""
    _scaling()(np.ascontiguousarray(pixels).reshape(-1), out.reshape(-1), out.dtype.type(255))
    return out


def _memory(place: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Memory of this thread for a tile, the same from tile to tile."""
    held: dict[Any, Array] = _MEMORY.__dict__.setdefault("held", {})
    size = int(np.prod(shape))
    known = held.get((place, dtype))
    if known is None or known.size < size:
        known = held[place, dtype] = np.empty(size, dtype)
    return known[:size].reshape(shape)


@cache
def _scaling() -> Callable[[Array, Array, Any], None]:
    return jit_of(cast(FunctionType, _divide))


def _divide(pixels: Array, out: Array, most: Any) -> None:
    for n in range(out.size):
        out[n] = pixels[n] / most
