"""Shapes and dtypes of an operation's results, from those of its arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from einbench.operation import Operation

_INT64 = np.dtype(np.int64)
Results = Callable[[Sequence[npt.NDArray[Any]]], list[tuple[tuple[int, ...], np.dtype[Any]]]]


def results_of(operation: Operation) -> Results:
    """Shape and dtype of every output, of arrays that fit; every call of a compiled kernel asks."""
    inputs = operation.inputs.values()
    # where an output has just the axes of an input, that input's shape is taken whole
    same = {each.names: number for number, each in enumerate(inputs)}
    held = {
        axis: (place, number)
        for place, each in enumerate(inputs)
        for number, axis in enumerate(each.names)
    }
    plan = [
        (
            same.get(tuple(axes.split())),
            [held[axis] for axis in axes.split()],
            name in operation.integer_outputs,
        )
        for name, axes in operation.outputs.items()
    ]
    floating = next(n for n, each in enumerate(inputs) if not each.integer)

    def results(
        arrays: Sequence[npt.NDArray[Any]],
    ) -> list[tuple[tuple[int, ...], np.dtype[Any]]]:
        dtype = arrays[floating].dtype
        found = []
        for whole, places, integer in plan:
            if whole is None:
                shape = tuple([arrays[place].shape[axis] for place, axis in places])
            else:
                shape = arrays[whole].shape
            found.append((shape, _INT64 if integer else dtype))
        return found

    return results
