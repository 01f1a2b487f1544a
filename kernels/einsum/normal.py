"""An expression as kernels take it: every operand has distinct axes, and needs each of them.

Taken before any product, in this order: axes of size 1 and of stride 0 are dropped (a broadcast
operand is never written out), diagonals become views, and an index that one operand alone has is
summed. What is left over is a factor, where an index is in no operand any more, and axes of the
result along which it is repeated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.einsum.shapes import Contraction, Indices, letter

Array = npt.NDArray[Any]
Step = Callable[[Array], Array]


@dataclass(frozen=True)
class Normal:
    """What is left of an expression, and what is done before and after it."""

    #: indices are numbered anew: distinct in each operand
    contraction: Contraction
    #: of every operand, from the array as it was given; None: as it is
    steps: tuple[Step | None, ...]
    #: the result is multiplied by it
    factor: int
    #: index of the result that gives what is computed, where the rest repeats it; None: all is
    kept: tuple[Any, ...] | None


def normalise(contraction: Contraction, operands: Sequence[Array], dtype: np.dtype[Any]) -> Normal:
    """For operands of such shapes, strides and dtypes, none of them with an axis of size 0."""
    inputs: list[Indices] = []
    chains: list[list[Step]] = []
    for indices, operand in zip(contraction.inputs, operands, strict=True):
        chain: list[Step] = []
        axes = zip(operand.shape, operand.strides, strict=True)
        needed = tuple(n for n, (size, stride) in enumerate(axes) if size > 1 and stride != 0)
        if len(needed) < operand.ndim:
            chain.append(_taken(operand.ndim, needed))
        left = tuple(indices[number] for number in needed)
        if len(set(left)) < len(left):
            chain.append(_diagonal(left))
            left = tuple(dict.fromkeys(left))
        if operand.dtype != dtype or not operand.flags.aligned:
            chain.append(lambda array: array.astype(dtype))
        inputs.append(left)
        chains.append(chain)
    everywhere = Counter(index for each in inputs for index in each)
    if len(inputs) > 1:
        for place, indices in enumerate(inputs):
            alone = [i for i in indices if everywhere[i] == 1 and i not in contraction.output]
            if alone:
                chains[place].append(_summed(tuple(indices.index(i) for i in alone), dtype))
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
        tuple(_chained(chain) for chain in chains),
        factor,
        kept,
    )


def _taken(axes: int, needed: tuple[int, ...]) -> Step:
    where = tuple(slice(None) if axis in needed else 0 for axis in range(axes))
    # the dots: of an array without axes a view as well, and no scalar
    return lambda array: array[(*where, ...)]


def _diagonal(indices: Indices) -> Step:
    number = {index: n for n, index in enumerate(dict.fromkeys(indices))}
    text = "".join(letter(number[i]) for i in indices)
    text += "->" + "".join(map(letter, number.values()))
    return lambda array: np.einsum(text, array)


def _summed(axes: tuple[int, ...], dtype: np.dtype[Any]) -> Step:
    add: Any = np.logical_or if dtype.kind == "b" else np.add
    return lambda array: np.asarray(add.reduce(array, axis=axes, dtype=dtype))


def _chained(chain: list[Step]) -> Step | None:
    if len(chain) < 2:
        return chain[0] if chain else None

    def all_of(array: Array) -> Array:
        for step in chain:
            array = step(array)
        return array

    return all_of
