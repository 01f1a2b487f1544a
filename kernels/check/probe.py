"""Probe: one draw, what a kernel that fails on it does wrong, and how it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.operation import Operation

Array = npt.NDArray[Any]
Inputs = dict[str, Array]

#: small enough for interpreted loops, and no multiple of any tile or vector
SMALL = {"features": 19, "units": 7, "hidden1": 11, "hidden2": 7, "classes": 10}
BATCH = 7


@dataclass(frozen=True)
class Probe:
    """What a kernel is asked."""

    name: str
    exposes: str
    inputs: Inputs
    options: dict[str, str]
    #: continuous | tied | mixed | exact | nonfinite | refuse
    judged: str = "continuous"
    #: of all inputs, or of each by name
    layout: str | Mapping[str, str] = "C"
    #: how often to call again on the same inputs
    again: int = 0
    #: and then how often on other numbers in the same arrays
    others: int = 0
    #: of which series of many sizes it is one: a kernel that has taken long is not asked the rest
    series: str = ""
    #: the larger draw that these are the first rows of, each of which gives its own row
    whole: Probe | None = None


#: entries of a cube of all axes: a reference may multiply so many numbers before it adds; of more
#: axes than a few there are more probes, and an entry takes longer
_MOST_ENTRIES, _OF_MANY_AXES, _FEW_AXES = 1 << 24, 1 << 20, 6
#: of a cube of all axes but that of rows
_MOST_SMALL = 1 << 16


def small_sizes(operation: Operation) -> dict[str, int]:
    """Sizes at which even an interpreted loop takes milliseconds."""
    sizes = {axis: SMALL.get(axis, min(size, 11)) for axis, size in operation.sizes.items()}
    return bounded(sizes, _MOST_SMALL)


def bounded(sizes: Mapping[str, int], most: int) -> dict[str, int]:
    """Sizes with a product of at most so many: where it is more, the largest are smaller."""
    found = dict(sizes)
    while prod(found.values()) > most and max(found.values(), default=1) > 1:
        largest = max(found, key=found.__getitem__)
        found[largest] -= 1
    return found


@dataclass(frozen=True)
class Draw:
    """Harmless inputs of an operation, others at every call."""

    operation: Operation
    dtype: np.dtype[Any]
    rng: np.random.Generator

    @cached_property
    def small(self) -> dict[str, int]:
        """Sizes of the axes that are not given."""
        return small_sizes(self.operation)

    @cached_property
    def entries(self) -> int:
        """Of a cube of all axes, at most."""
        return _MOST_ENTRIES if len(self.operation.axes) <= _FEW_AXES else _OF_MANY_AXES

    @cached_property
    def most(self) -> int:
        """The largest size that all axes may have at once: 64 of four, 16 of six."""
        return self.most_of(len(self.operation.axes), 1)

    def most_of(self, axes: int, entries: int) -> int:
        """The largest size that so many axes may have where the others have so many entries."""
        return max(1, int((self.entries / entries) ** (1 / max(1, axes)) + 1e-9))

    def tens(self, rows: int) -> dict[str, int]:
        """Sizes of the axes that are not given, each drawn: from 9 to 40 where there are few."""
        axes = self.operation.sizes
        most = min(40, self.most_of(len(axes), rows))
        return {axis: int(self.rng.integers(min(9, most), most + 1)) for axis in axes}

    @cached_property
    def options(self) -> dict[str, str]:
        """The operation's defaults."""
        return self.operation.choose_options({})

    @cached_property
    def by_rows(self) -> bool:
        """Whether a row of the inputs gives the same row of the outputs, under these options."""
        op = self.operation
        own = all(self.options.get(n) == value for n, value in op.independent_options.items())
        return own and op.leading is not None and op.leading in op.independent

    def __call__(self, batch: int, **sizes: int) -> Inputs:
        """Inputs of so many rows."""
        seed = int(self.rng.integers(2**31))
        return self.operation.draw(batch, self.dtype, seed, **self._with_small(batch, sizes))

    def exact(self, batch: int, **sizes: int) -> Inputs | None:
        """Whole numbers that every order of summation adds up to the same; None without such."""
        op = self.operation
        if op.exact is None:
            return None
        exact = op.exact(self.rng, self.dtype, op.all_sizes(batch, self._with_small(batch, sizes)))
        return {name: exact[name] for name in op.inputs}

    def _with_small(self, batch: int, sizes: Mapping[str, int]) -> dict[str, int]:
        """These sizes, and small ones of the other axes."""
        others = {axis: size for axis, size in self.small.items() if axis not in sizes}
        asked = max(1, batch) * prod(sizes.values())
        return {**bounded(others, self.entries // asked), **sizes}
