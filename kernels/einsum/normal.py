"""An expression as kernels take it: every operand has distinct axes, and needs each of them.

Taken before any product, in this order: axes of size 1 and of stride 0 are dropped (a broadcast
operand is never written out), diagonals become views, and an index that one operand alone has is
summed. What is left over is a factor, where an index is in no operand any more, and axes of the
result along which it is repeated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.einsum.shapes import Contraction, Indices, letter

Array = npt.NDArray[Any]
Step = Callable[[Array], Array]


@dataclass(frozen=True)
class Ready:
    """What is done to an operand before any product; None and False: nothing."""

    #: of every axis, whether it is kept
    kept: tuple[bool, ...] | None = None
    #: an expression whose result is a view
    diagonal: str | None = None
    #: to the dtype that is computed in, or to memory that is aligned
    cast: bool = False
    #: axes that are summed
    summed: tuple[int, ...] | None = None

    def __bool__(self) -> bool:
        return self != Ready()

    def lines(self, name: str) -> list[str]:
        """The same as Python, for an array of this name that needs no cast."""
        found = []
        if self.kept is not None:
            found.append(f"{name} = {name}[{', '.join(':' if k else '0' for k in self.kept)}, ...]")
        if self.diagonal is not None:
            found.append(f'{name} = np.einsum("{self.diagonal}", {name})')
        if self.summed is not None:
            found.append(f"{name} = np.asarray(np.add.reduce({name}, axis={self.summed}))")
        return found

    def step(self, dtype: np.dtype[Any]) -> Step | None:
        """The function that does it; None where there is nothing to do."""
        chain: list[Step] = []
        if self.kept is not None:
            where = tuple(slice(None) if kept else 0 for kept in self.kept)
            # the dots: of an array without axes a view as well, and no scalar
            chain.append(lambda array: array[(*where, ...)])
        if (text := self.diagonal) is not None:
            chain.append(lambda array: np.einsum(text, array))
        if self.cast:
            chain.append(lambda array: array.astype(dtype))
        if (axes := self.summed) is not None:
            add: Any = np.logical_or if dtype.kind == "b" else np.add
            chain.append(lambda array: np.asarray(add.reduce(array, axis=axes, dtype=dtype)))
        return _chained(chain)


@dataclass(frozen=True)
class Normal:
    """What is left of an expression, and what is done before and after it."""

    #: indices are numbered anew: distinct in each operand
    contraction: Contraction
    #: of every operand
    ready: tuple[Ready, ...]
    #: the result is multiplied by it
    factor: int
    #: index of the result that gives what is computed, where the rest repeats it; None: all is
    kept: tuple[Any, ...] | None


def normalise(
    contraction: Contraction, operands: Sequence[Array], dtype: np.dtype[Any], *, ones: bool = False
) -> Normal:
    """For operands of such shapes, strides and dtypes, none of them with an axis of size 0.

    With ``ones`` axes of size 1 stay where their index has size 1, and those of stride 0: code is
    the same for all sizes.
    """
    inputs: list[Indices] = []
    ready: list[Ready] = []
    for indices, operand in zip(contraction.inputs, operands, strict=True):
        axes = zip(indices, operand.shape, operand.strides, strict=True)
        kept_here = tuple(
            size > 1 or contraction.sizes[i] == 1 if ones else size > 1 and stride != 0
            for i, size, stride in axes
        )
        left = tuple(i for i, kept in zip(indices, kept_here, strict=True) if kept)
        repeated = len(set(left)) < len(left)
        ready.append(
            Ready(
                kept=None if all(kept_here) else kept_here,
                diagonal=_diagonal(left) if repeated else None,
                cast=operand.dtype != dtype or not operand.flags.aligned,
            )
        )
        inputs.append(tuple(dict.fromkeys(left)))
    everywhere = Counter(index for each in inputs for index in each)
    if len(inputs) > 1:
        for place, indices in enumerate(inputs):
            alone = [i for i in indices if everywhere[i] == 1 and i not in contraction.output]
            if alone:
                ready[place] = replace(ready[place], summed=tuple(map(indices.index, alone)))
                inputs[place] = tuple(i for i in indices if i not in alone)
    factor = 1
    for index in {i for each in contraction.inputs for i in each}:
        if index not in everywhere and index not in contraction.output:
            factor *= contraction.sizes[index]
    there = [index in everywhere for index in contraction.output]
    kept = None if all(there) else tuple(slice(None) if t else slice(0, 1) for t in there)
    kept_axes = tuple(i for i in contraction.output if i in everywhere)
    names = list(dict.fromkeys(i for each in inputs for i in each))
    number = {name: n for n, name in enumerate(names)}
    return Normal(
        Contraction(
            tuple(tuple(number[i] for i in each) for each in inputs),
            tuple(number[i] for i in kept_axes),
            tuple(contraction.sizes[i] for i in names),
        ),
        tuple(ready),
        factor,
        kept,
    )


def _diagonal(indices: Indices) -> str:
    number = {index: n for n, index in enumerate(dict.fromkeys(indices))}
    text = "".join(letter(number[i]) for i in indices)
    return text + "->" + "".join(map(letter, number.values()))


def _chained(chain: list[Step]) -> Step | None:
    if len(chain) < 2:
        return chain[0] if chain else None

    def all_of(array: Array) -> Array:
        for step in chain:
            array = step(array)
        return array

    return all_of
