"""A task: an expression in its normal form, with the dtype and the strides of all arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.einsum.shapes import Contraction, Indices

Array = npt.NDArray[Any]
Strides = tuple[int, ...]
#: run(operands, out): writes all of ``out``, which shares no memory with an operand
Run = Callable[[Sequence[Array], Array], object]


class Refusal(ValueError):  # noqa: N818 - no error: another kernel computes it
    """Why a kernel does not compute a task."""


@dataclass(frozen=True)
class Task:
    """All that a plan depends on; strides are in bytes."""

    contraction: Contraction
    dtype: np.dtype[Any]
    strides: tuple[Strides, ...]
    out_strides: Strides

    def of(self, number: int) -> dict[int, int]:
        """Stride along each index of an operand; of the result for -1."""
        if number < 0:
            return dict(zip(self.contraction.output, self.out_strides, strict=True))
        return dict(zip(self.contraction.inputs[number], self.strides[number], strict=True))

    @property
    def summed(self) -> tuple[int, ...]:
        """Indices that the result lacks, in the order of the operands."""
        names = dict.fromkeys(i for each in self.contraction.inputs for i in each)
        return tuple(i for i in names if i not in self.contraction.output)


def in_order(shape: Sequence[int], itemsize: int) -> Strides:
    """Strides of an array in C order."""
    strides, step = [], itemsize
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return tuple(reversed(strides))


def by_memory(strides: dict[int, int]) -> Indices:
    """Indices from the largest stride to the smallest."""
    return tuple(sorted(strides, key=lambda i: -abs(strides[i])))
