"""Sizes in emitted source: names that are read from the operands' shapes, small ones as numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from einbench.einsum.factored import FEW
from einbench.einsum.normal import Normal
from einbench.einsum.shapes import Contraction, Shape


@dataclass(frozen=True)
class Sizes:
    """Of every index of a contraction: how its size is written, and what it is here."""

    texts: tuple[str, ...]
    numbers: tuple[int, ...]

    def said(self) -> str:
        """What they are here, where others may be given."""
        named = zip(self.texts, self.numbers, strict=True)
        here = ", ".join(f"{text} = {n:,}" for text, n in named if not text.isdecimal())
        return here and f"Chosen for {here}; others are right too, and may have faster kernels."

    def of(self, indices: Sequence[int]) -> list[str]:
        """How the sizes of these indices are written."""
        return [self.texts[i] for i in indices]

    def among(self, indices: Sequence[int]) -> Sizes:
        """Those of these indices, which are numbered anew in this order."""
        return Sizes(tuple(self.of(indices)), tuple(self.numbers[i] for i in indices))

    def fused(self, indices: Sequence[int], shape: Shape) -> list[str]:
        """How a shape is written whose every axis is some of these indices, in this order.

        No index has a single element, so that numbers tell which are one axis.
        """
        found, left = [], list(indices)
        for size in shape:
            axis, made = [], 1
            while made < size:
                axis.append(left.pop(0))
                made *= self.numbers[axis[-1]]
            found.append(" * ".join(self.of(axis)) or "1")
        return found


def names_of_sizes(contraction: Contraction, letters: dict[int, str]) -> Sizes:
    """Of an expression whose indices have these letters; those of an ellipsis are numbered."""
    texts = (
        f"n_{letters[index].replace('.', 'dots')}" if size > FEW else str(size)
        for index, size in enumerate(contraction.sizes)
    )
    return Sizes(tuple(texts), contraction.sizes)


def of_normal(sizes: Sizes, contraction: Contraction, normal: Normal) -> Sizes:
    """Of the indices of its normal form, which are fewer and in another order."""
    was: dict[int, int] = {}
    for indices, ready, left in zip(
        contraction.inputs, normal.ready, normal.contraction.inputs, strict=True
    ):
        kept = ready.kept or (True,) * len(indices)
        there = list(dict.fromkeys(i for i, k in zip(indices, kept, strict=True) if k))
        summed = [there[axis] for axis in ready.summed or ()]
        was |= zip(left, (i for i in there if i not in summed), strict=True)
    return sizes.among([was[n] for n in range(len(was))])


def checked(
    sizes: Sizes, contraction: Contraction, names: Sequence[str], shapes: Sequence[Shape]
) -> Iterator[str]:
    """Lines that name sizes, and refuse operands of others than are written."""
    expected = [
        tuple_of(
            ["1" if size == 1 else text for text, size in zip(sizes.of(each), shape, strict=True)]
        )
        for each, shape in zip(contraction.inputs, shapes, strict=True)
    ]
    raised = f'raise ValueError("expected operands of shapes {", ".join(expected)}")'
    named: dict[str, str] = {}
    for name, each, shape in zip(names, contraction.inputs, shapes, strict=True):
        for axis, index in enumerate(each):
            text = sizes.texts[index]
            if not text.isdecimal() and shape[axis] > 1:
                named.setdefault(text, f"{name}.shape[{axis}]")
    if named:
        yield f"if [x.ndim for x in operands] != {[len(each) for each in contraction.inputs]}:"
        yield f"    {raised}"
        yield from (f"{text} = {read}" for text, read in named.items())
    yield f"if [x.shape for x in operands] != [{', '.join(expected)}]:"
    yield f"    {raised}"


def tuple_of(texts: Sequence[str]) -> str:
    """A tuple of these."""
    return f"({', '.join(texts)}{',' * (len(texts) == 1)})"
