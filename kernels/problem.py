"""Problem: an operation at one size, in one precision: what is checked, timed and chosen for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from einbench.arguments import Array, sizes_of
from einbench.names import check_dtype

if TYPE_CHECKING:
    from einbench.operation import Operation


@dataclass(frozen=True, eq=False)
class Problem:
    """All that a plan may depend on, and the inputs where there are any.

    Problems are equal where operation, sizes, precision, options, memory order and integer dtypes
    are: what the inputs hold does not count.
    """

    operation: Operation
    #: of every axis, in the operation's order
    sizes: Mapping[str, int]
    #: of the floating inputs
    dtype: np.dtype[Any]
    #: of every option, defaults filled in
    options: Mapping[str, str]
    #: a letter for each input: C or F contiguous, S for any other strides
    layout: str
    #: dtypes of the integer inputs
    integers: tuple[str, ...]
    #: inputs by name, in the operation's order; none where only sizes are known
    arrays: Mapping[str, Array] = field(default_factory=dict, repr=False)

    @classmethod
    def at(
        cls,
        operation: Operation,
        batch: int | None = None,
        dtype: npt.DTypeLike = "float32",
        sizes: Mapping[str, int] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> Problem:
        """Sizes without inputs: C order, int64.

        Raises:
            ValueError: an axis, size, dtype or option that is none.
        """
        return cls(
            operation,
            operation.all_sizes(batch, sizes or {}),
            check_dtype(dtype),
            operation.choose_options(options or {}),
            "C" * len(operation.inputs),
            ("int64",) * len(operation.integers),
        )

    @classmethod
    def of(
        cls, operation: Operation, arrays: Sequence[Array], options: Mapping[str, str]
    ) -> Problem:
        """A call with these arrays, which are checked already, and all options."""
        named = dict(zip(operation.inputs, arrays, strict=True))
        integers = operation.integers
        return cls(
            operation,
            sizes_of(operation, named),
            next(array.dtype for name, array in named.items() if name not in integers),
            dict(options),
            layout_letters(arrays),
            tuple(named[name].dtype.name for name in integers),
            named,
        )

    def draw(self, seed: int) -> Problem:
        """The same with random inputs, harmless, C order, the same for the same seed."""
        rng = np.random.default_rng(seed)
        op = self.operation
        return self.holding(
            {name: op.draw_one(name, rng, self.dtype, self.sizes) for name in op.inputs}
        )

    def holding(self, arrays: Mapping[str, Array]) -> Problem:
        """The same operation and options on these inputs."""
        in_order = [arrays[name] for name in self.operation.inputs]
        return Problem.of(self.operation, in_order, self.options)

    def empty(self) -> Problem:
        """The same without its inputs, which a key must not keep alive."""
        return replace(self, arrays={})

    def first_rows(self, rows: int) -> Problem:
        """Its inputs cut to so many rows: views."""
        cut = {}
        for name, each in self.operation.inputs.items():
            leading = (axis == self.operation.leading for axis in each.names)
            where = (slice(0, rows) if first else slice(None) for first in leading)
            # the dots: of an array without axes a view as well, and no scalar
            cut[name] = self.arrays[name][(*where, ...)]
        return self.holding(cut)

    @cached_property
    def given(self) -> tuple[Array, ...]:
        """Its inputs, in the operation's order."""
        return tuple(self.arrays.values())

    @property
    def batch(self) -> int | None:
        """Rows: the size of the operation's leading axis; None where it has none."""
        return self.sizes.get(self.operation.leading or "")

    @property
    def rows(self) -> int:
        """The same, and 1 where the operation has no such axis."""
        return 1 if self.batch is None else self.batch

    @cached_property
    def _key(self) -> tuple[Any, ...]:
        return (
            self.operation, *self.sizes.values(), self.dtype, *self.options.values(), self.layout,
            self.integers,
        )  # fmt: skip

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Problem) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __getstate__(self) -> dict[str, Any]:
        """Its fields: what was made of them is made again."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def __repr__(self) -> str:
        sizes = ", ".join(f"{axis} {size}" for axis, size in self.sizes.items())
        options = "".join(f", {name}={choice!r}" for name, choice in self.options.items())
        inputs = "" if self.arrays else ", no inputs"
        return f"<Problem {self.operation.name}: {sizes}{options}, {self.dtype}{inputs}>"

    def __str__(self) -> str:
        rows = "" if self.batch is None else f" {self.operation.leading} {self.batch:,}"
        dtype = "" if self.dtype == np.float32 else f" {self.dtype}"
        return f"{self.operation.name}{rows}{dtype}"


def layout_letters(arrays: Sequence[Array]) -> str:
    """``CCS``: C order, Fortran order where it is no C order too, and any other strides."""
    return "".join(
        "C" if array.flags.c_contiguous else "F" if array.flags.f_contiguous else "S"
        for array in arrays
    )
