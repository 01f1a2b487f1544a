"""Blocks of rows as tasks take them: a key of a dask graph, or a part of a file."""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import dask
import numpy as np
import numpy.typing as npt
from dask.array.core import getter, getter_nofancy
from dask.core import flatten
from dask.optimization import cull
from dask.task_spec import Alias, DataNode, Task, TaskRef

from einbench.cluster.connect import current_client
from einbench.cluster.mapped import Mapped, as_mapped

Array = npt.NDArray[Any]
#: rows of a task at most: how a block is shared out depends on nothing else, so that the sums of a
#: step are the same bits whatever the number of workers
ROWS = 8192
#: bytes in a graph, beyond which they are sent to the workers once and not with every step
_MOST_BYTES = 1 << 20
#: functions that take a part of an array and compute nothing
_SLICERS = (getter, getter_nofancy, operator.getitem)


class Part(NamedTuple):
    """Some rows of one block, in their order: the work of one task."""

    block: int
    #: a slice, or numbers, counted from the first row of the block
    rows: slice | Array


@dataclass(frozen=True)
class Blocks:
    """The blocks of a dask array along its rows, one after the other."""

    #: numbers of the first row of each, and of the row after the last
    starts: Array
    #: of each what a task takes: a part of a file, or a reference to a key
    arguments: tuple[Any, ...]
    #: of each what its key needs
    graphs: tuple[dict[Any, Any], ...]
    #: the array as the workers hold it: the scheduler forgets what nobody has
    held: Any = field(repr=False)

    def parts(self, chosen: slice | Array) -> Iterator[Part]:
        """The work on these rows: of every block that has some, in equal parts."""
        if isinstance(chosen, slice):
            bounds = np.clip(self.starts, chosen.start, chosen.stop)
        else:
            chosen = np.sort(chosen)
            bounds = np.searchsorted(chosen, self.starts)
        for number in np.flatnonzero(np.diff(bounds)).tolist():
            first, last, start = int(bounds[number]), int(bounds[number + 1]), self.starts[number]
            pieces = -(-(last - first) // ROWS)
            for piece in range(pieces):
                low = first + piece * (last - first) // pieces
                high = first + (piece + 1) * (last - first) // pieces
                if isinstance(chosen, slice):
                    yield Part(number, slice(low - int(start), high - int(start)))
                else:
                    # half as many bytes to send
                    yield Part(number, (chosen[low:high] - start).astype(np.uint32))


def blocks_of(array: Any) -> Blocks:
    """Those of a dask array whose rows are in one chunk each."""
    graph = dict(array.__dask_graph__())
    # what is computed already `dask.optimize` leaves out (2026.8)
    if not any(map(_is_future, graph.values())):
        (array,) = dask.optimize(array)
        graph = dict(array.__dask_graph__())
    client = current_client()
    if client is not None and _held_bytes(graph) > _MOST_BYTES:
        array = client.persist(array)
        graph = dict(array.__dask_graph__())
    starts = np.concatenate([[0], np.cumsum(array.chunks[0])]).astype(np.int64)
    arguments: list[Any] = []
    graphs = []
    for key in flatten(array.__dask_keys__()):
        needed, _ = cull(graph, [key])
        part = _part_of_file(needed, key)
        arguments.append(TaskRef(key) if part is None else part)
        graphs.append(dict(needed) if part is None else {})
    return Blocks(starts, tuple(arguments), tuple(graphs), array)


def _is_future(node: Any) -> bool:
    distributed = sys.modules.get("distributed")
    return distributed is not None and isinstance(node, distributed.Future)


def _held_bytes(graph: dict[Any, Any]) -> int:
    values = (node.value if isinstance(node, DataNode) else node for node in graph.values())
    return sum(value.nbytes for value in values if isinstance(value, np.ndarray))


def _part_of_file(graph: dict[Any, Any], key: Any) -> Mapped | None:
    """The block as a part of a memory map, of which nothing is read; None where it is none."""
    following: dict[Any, Any] = {}
    for name, node in graph.items():
        if isinstance(node, DataNode) and isinstance(node.value, Mapped):
            following[name] = DataNode(name, _view(node.value))
        elif _slices(node):
            following[name] = node
        else:
            return None
    found = as_mapped(dask.get(following, key))
    return found if isinstance(found, Mapped) else None


def _slices(node: Any) -> bool:
    """Whether a node of a graph gives a part of an array, or stands for another."""
    if isinstance(node, Alias):
        return True
    if isinstance(node, DataNode):
        return _is_basic(node.value)
    if not isinstance(node, Task) or not all(map(_is_basic, node.args)):
        return False
    if node.func in _SLICERS:
        return True
    inner = node.args[0] if node.args else None
    # several that were fused
    fused = getattr(node.func, "__name__", "") == "_execute_subgraph"
    return fused and isinstance(inner, dict) and all(map(_slices, inner.values()))


def _is_basic(index: Any) -> bool:
    """Whether it is no array of places, by which a part would be read and copied."""
    if isinstance(index, DataNode):
        return _is_basic(index.value)
    if isinstance(index, tuple):
        return all(map(_is_basic, index))
    return not isinstance(index, list | np.ndarray)


def _view(mapped: Mapped) -> Array:
    """The numbers as a view of a memory map, as `as_mapped` recognises it."""
    whole = np.memmap(mapped.path, np.uint8, "r")
    return np.ndarray(mapped.shape, mapped.dtype, whole, mapped.offset, mapped.strides)
