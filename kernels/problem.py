"""Problem: an operation at one size, in one precision: what is checked, timed and chosen for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from einbench.arguments import Array, sizes_of

if TYPE_CHECKING:
    from einbench.operation import Operation


@dataclass(frozen=True)
class Problem:
    """All that a plan may depend on; two with equal fields are one and can be a key."""

    operation: Operation
    #: ((axis, size), ...) in the operation's order
    sizes: tuple[tuple[str, int], ...]
    #: of the floating inputs
    dtype: np.dtype[Any]
    #: ((name, choice), ...), defaults filled in
    options: tuple[tuple[str, str], ...] = ()
    #: a letter for each input: C or F contiguous, S for any other strides
    layout: str = ""
    #: dtypes of the integer inputs
    integers: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, operation: Operation, arrays: Sequence[Array], options: Mapping[str, str]
    ) -> Problem:
        """Of a call with these arrays, which are checked already."""
        named = dict(zip(operation.inputs, arrays, strict=True))
        integers = [a for name, a in named.items() if operation.inputs[name].integer]
        floating = next(a for name, a in named.items() if not operation.inputs[name].integer)
        return cls(
            operation,
            tuple(sizes_of(operation, named).items()),
            floating.dtype,
            tuple(options.items()),
            layout_letters(arrays),
            tuple(array.dtype.name for array in integers),
        )

    def size(self, axis: str) -> int:
        """Of that axis."""
        return dict(self.sizes)[axis]

    @property
    def batch(self) -> int | None:
        """Rows: the size of the operation's leading axis; None where it has none."""
        return dict(self.sizes).get(self.operation.leading or "")

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of every input."""
        sizes = dict(self.sizes)
        return {name: each.shape(sizes) for name, each in self.operation.inputs.items()}

    def __str__(self) -> str:
        rows = "" if self.batch is None else f" {self.operation.leading} {self.batch:,}"
        return f"{self.operation.name}{rows} {self.dtype}"


def layout_letters(arrays: Sequence[Array]) -> str:
    """``CCS``: C order, Fortran order where it is no C order too, and any other strides."""
    return "".join(
        "C" if array.flags.c_contiguous else "F" if array.flags.f_contiguous else "S"
        for array in arrays
    )
