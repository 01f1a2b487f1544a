"""What a task computes: an operation on one block, by the kernel that its graph names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.arguments import sizes_of
from einbench.check.truth import as_tuple
from einbench.cluster.frozen import Frozen, serving
from einbench.cluster.graph import ended, only
from einbench.cluster.mapped import Mapped
from einbench.cluster.tiles import Result, tiled
from einbench.cluster.worker import prepare
from einbench.operation import Operation

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Block:
    """An operation, found by its name where the task runs."""

    op: Operation
    frozen: Frozen
    options: tuple[tuple[str, str], ...]
    #: of the floating inputs
    dtype: str
    #: places of inputs that are bytes, scaled to ``x / 255``
    scaled: tuple[int, ...]
    #: of each output, what it is divided by here, where it is no sum of blocks
    divisors: tuple[float | None, ...]

    def __call__(self, *blocks: Any) -> Any:
        """One result, or a tuple of them."""
        op, options = self.op, dict(self.options)
        arrays = [
            plain(only(None, block), f"{op.name}: a block of {name}")
            for name, block in zip(op.inputs, blocks, strict=True)
        ]

        with prepare():
            if self.scaled:
                results = self._tiled(arrays, options)
            else:
                kernel = serving(op, self.frozen, arrays, options)
                results = as_tuple(op, kernel(*arrays, **options))
        ends = [
            part if divisor is None else ended(part, part.dtype, divisor)
            for part, divisor in zip(results, self.divisors, strict=True)
        ]
        return ends[0] if len(ends) == 1 else tuple(ends)

    def _tiled(self, arrays: Sequence[Array], options: dict[str, str]) -> tuple[Array, ...]:
        op, dtype, single = self.op, np.dtype(self.dtype), len(self.divisors) == 1
        sizes = sizes_of(op, dict(zip(op.inputs, arrays, strict=True)))
        shapes = op.output_shapes(sizes)

        def call(tile: Sequence[Array], outs: tuple[Array, ...]) -> None:
            kernel = serving(op, self.frozen, tile, options)
            kernel(*tile, **options, out=outs[0] if single else outs)

        return tiled(
            call, arrays, dtype, self.scaled,
            [_place(each.names, op.leading) for each in op.inputs.values()],
            [
                Result(shapes[name], op.output_dtype(name, dtype), _place(axes.split(), op.leading))
                for name, axes in op.outputs.items()
            ],
            whole=op.leading not in {*op.independent, *op.added},
        )  # fmt: skip


def _place(axes: Sequence[str], axis: str | None) -> int | None:
    return list(axes).index(axis) if axis is not None and axis in axes else None


def plain(block: Any, subject: str) -> Array:
    """A block as a NumPy array.

    Raises:
        TypeError: it is masked, or of another library: its array said something else.
    """
    if isinstance(block, Mapped):
        return block.opened()
    if isinstance(block, np.ma.MaskedArray) or not isinstance(block, np.ndarray | np.generic):
        raise TypeError(
            f"{subject} is a {type(block).__module__}.{type(block).__name__}; expected a NumPy "
            "array: convert with map_blocks"
        )
    return np.asarray(block)
