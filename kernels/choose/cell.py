"""An operation at one size and dtype, on the inputs that `tune` and ``einbench fastest`` time."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from einbench.arguments import Array
from einbench.choose.environment import Threads
from einbench.choose.signature import Signature
from einbench.names import unknown
from einbench.operation import Operation

if TYPE_CHECKING:
    from einbench.measure.workload import Images

#: of everything that is drawn
_SEED = 0


class Cell(NamedTuple):
    """What a choice is made for: options are the operation's defaults, arrays are in C order."""

    operation: Operation
    #: of every axis, in the operation's order
    sizes: Mapping[str, int]
    dtype: np.dtype[Any]

    @property
    def batch(self) -> int | None:
        """Rows per call; None where no axis is called so."""
        return self.sizes.get(self.operation.leading or "")

    def signature(self, threads: Threads) -> Signature:
        """Of calls with `arrays`; those are not made for it."""
        op = self.operation
        rng = np.random.default_rng(_SEED)
        small = {axis: 1 if axis == op.leading else n for axis, n in self.sizes.items()}
        integers = (op.draw_one(name, rng, self.dtype, small).dtype.name for name in op.integers)
        return Signature(
            sizes=tuple(self.sizes.items()),
            options=tuple(op.choose_options({}).items()),
            dtype=self.dtype.name,
            integers=" ".join(integers),
            layout="C" * len(op.inputs),
            threads=threads,
        )

    def arrays(self) -> dict[str, Array]:
        """Read-only inputs by name: MNIST pixels where the operation takes images, drawn else."""
        from einbench.measure.workload import takes_images, workload

        op = self.operation
        images = _mnist() if takes_images(op) else _like_mnist()
        return workload(op, self.batch or 0, self.dtype, _SEED, images, self.sizes)


def cell(op: Operation, batch: int | None, dtype: np.dtype[Any], sizes: Mapping[str, int]) -> Cell:
    """The cell of an operation at these sizes; axes that it lacks do not count.

    Raises:
        ValueError: a size is no size, or there are fewer images than rows are asked for.
    """
    from einbench.measure.workload import refuse_too_large, shows_images, sizes_for

    images = _like_mnist()
    mine = {axis: size for axis, size in sizes.items() if axis in op.sizes}
    full = op.all_sizes(batch, sizes_for(op, images, mine))
    if op.leading is not None and shows_images(op, full, images):
        refuse_too_large(full[op.leading], images)
    return Cell(op, full, dtype)


def refuse_unknown_axes(ops: list[Operation], sizes: Mapping[str, int]) -> None:
    """Raise where none of these operations has an axis that a size is given for.

    Raises:
        ValueError: with the axes there are.
    """
    known = list(dict.fromkeys(axis for op in ops for axis in op.sizes))
    where = f" in {ops[0].name}" if len(ops) == 1 else " in any of these operations"
    for axis in sizes:
        if axis not in known:
            raise ValueError(unknown("axis", axis, known, where))


@functools.cache
def _mnist() -> Images:
    from einbench.measure.workload import load_images

    return load_images(None)


@functools.cache
def _like_mnist() -> Images:
    """Its sizes without its pixels: reading those takes longer than memory does to answer."""
    from einbench.measure.workload import Images

    nothing = np.zeros((), np.uint8)
    pixels = np.broadcast_to(nothing, (60_000, 28 * 28))
    return Images(pixels, np.broadcast_to(nothing, 60_000), "MNIST")
