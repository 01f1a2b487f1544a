"""Operands of one call as dask arrays that are cut alike, and what is no operand, in one line."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import dask.array as da
import numpy as np
from dask.array.core import common_blockdim
from dask.highlevelgraph import HighLevelGraph

from einbench.chunked import is_chunked
from einbench.cluster.mapped import as_mapped, copied_map
from einbench.host.warned import warn_once

Axes = tuple[Hashable, ...]


def refuse(array: Any, subject: str, name: str) -> None:
    """Raise where blocks are not NumPy arrays of known sizes.

    Args:
        array: of Dask.
        subject: what begins the message: ``softmax: logits``.
        name: of the array, as it would be typed.

    Raises:
        TypeError: blocks are masked, sparse or of another library.
        ValueError: sizes of chunks are unknown.
    """
    meta = array._meta
    if isinstance(meta, np.ma.MaskedArray):
        raise TypeError(
            f"{subject} has masked blocks, and masks are not computed with; give numbers for what "
            f"is masked: da.ma.filled({name}, 0), say"
        )
    if not isinstance(meta, np.ndarray):
        kind = f"{type(meta).__module__.partition('.')[0]}.{type(meta).__name__}"
        raise TypeError(
            f"{subject} has blocks of {kind}; expected NumPy arrays: "
            f"{name}.map_blocks(lambda block: block.todense()), say"
        )
    if any(math.isnan(size) for sizes in array.chunks for size in sizes):
        raise ValueError(
            f"{subject} has chunks of unknown size; call {name}.compute_chunk_sizes() first"
        )
    if not isinstance(array.dask, HighLevelGraph):
        raise TypeError(
            f"{subject} is of dask's query planning, which is not supported; set "
            "DASK_ARRAY__QUERY_PLANNING=False before dask.array is imported"
        )
    if lost := copied_map(array):
        warn_once(
            f"copied map {array.name}",
            f"einbench: dask.array.from_array has read a memory map of {lost} into memory; give it "
            "da.from_array(einbench.mapped(the_map), chunks=...), and only file, offset and shape "
            "travel",
        )


def aligned(operands: Sequence[Any], axes: Sequence[Axes]) -> tuple[list[Any], dict[Any, Any]]:
    """All operands as dask arrays cut alike along each axis, and the chunks of every axis.

    NumPy's are cut as Dask's are; a memory map goes as file, offset and shape. What has size 1
    along an axis that is longer elsewhere stays one block of it.
    """
    sizes: dict[Any, int] = {}
    cuts: dict[Any, list[tuple[int, ...]]] = {}
    for array, names in zip(operands, axes, strict=True):
        own = array.chunks if is_chunked(array) else tuple((size,) for size in array.shape)
        for axis, size, cut in zip(names, array.shape, own, strict=True):
            sizes[axis] = size if sizes.get(axis, 1) == 1 else sizes[axis]
            cuts.setdefault(axis, []).append(cut)
    chunks = {
        axis: tuple(map(int, common_blockdim([cut for cut in cuts[axis] if sum(cut) == size])))
        for axis, size in sizes.items()
    }
    given = []
    for array, names in zip(operands, axes, strict=True):
        own = tuple(
            chunks[axis] if size == sizes[axis] else (size,)
            for axis, size in zip(names, array.shape, strict=True)
        )
        if not is_chunked(array):
            given.append(da.from_array(as_mapped(array), chunks=own))
        else:
            given.append(array if array.chunks == own else array.rechunk(own))
    return given, chunks
