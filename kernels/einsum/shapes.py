"""An expression bound to operands: which index every axis has, and the size of every index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from einbench.einsum.language import ELLIPSIS, Subscripts, quoted

Shape = tuple[int, ...]
Indices = tuple[int, ...]


@dataclass(frozen=True)
class Contraction:
    """out[output] = sum over all other indices of the product of the operands.

    Indices are numbered as they first appear, so that equal expressions are equal whatever their
    letters: ``ab,bc->ac`` and ``ij,jk->ik`` are ((0, 1), (1, 2)) -> (0, 2).
    """

    inputs: tuple[Indices, ...]
    output: Indices
    #: of every index, by its number
    sizes: tuple[int, ...]

    @cached_property
    def out_shape(self) -> Shape:
        """Shape of the result."""
        return tuple(self.sizes[i] for i in self.output)

    def shape(self, indices: Indices) -> Shape:
        """Sizes of these indices."""
        return tuple(self.sizes[i] for i in indices)

    @cached_property
    def iterations(self) -> int:
        """Products that nested loops over all indices compute."""
        total = 1
        for i in {*self.output, *(i for each in self.inputs for i in each)}:
            total *= self.sizes[i]
        return total

    @property
    def fits_numpy(self) -> bool:
        """Whether one call of NumPy's takes as many indices and operands."""
        return len(self.sizes) <= 52 and len(self.inputs) <= 63

    @cached_property
    def text(self) -> str:
        """With letters from a on; beyond 52 there are none."""
        return (
            ",".join("".join(map(letter, each)) for each in self.inputs)
            + "->"
            + "".join(map(letter, self.output))
        )


def letter(index: int) -> str:
    """a to z, A to Z."""
    return chr(97 + index) if index < 26 else chr(65 + index - 26)


def bind(subscripts: Subscripts, shapes: Sequence[Shape]) -> Contraction:
    """Number the indices and check that the shapes agree; size 1 is broadcast.

    Raises:
        ValueError: operands are too many or too few, or have another number of axes than letters,
            or sizes disagree: the message says which operand and which axis.
    """
    said = quoted(subscripts.text)
    if len(shapes) != len(subscripts.inputs):
        raise ValueError(
            f"{said}: {len(shapes)} operand(s) given, and {len(subscripts.inputs)} in the "
            "expression"
        )
    pairs = list(zip(subscripts.inputs, shapes, strict=True))
    dots = max((_beyond(said, n, *pair) for n, pair in enumerate(pairs)), default=0)
    # axes of the ellipsis are named from the last one, which is always the same
    full = [
        _filled(letters, len(shape) - len(letters) + 1 if ELLIPSIS in letters else 0)
        for letters, shape in pairs
    ]
    names = list(dict.fromkeys(name for each in full for name in each))
    number = {name: i for i, name in enumerate(names)}
    sizes = _sizes(said, full, shapes)
    output = subscripts.output
    if output is None:
        once = [n for n in sorted(names) if sum(each.count(n) for each in full) == 1]
        output = (*([ELLIPSIS] if dots else []), *(n for n in once if not n.startswith(".")))
    if dots and ELLIPSIS not in output:
        raise ValueError(
            f"{said}: '...' stands for {dots} axes that the output lacks; expected '...' there too"
        )
    return Contraction(
        tuple(tuple(number[name] for name in each) for each in full),
        tuple(number[name] for name in _filled(output, dots)),
        tuple(sizes[name] for name in names),
    )


def names_of(subscripts: Subscripts, contraction: Contraction) -> dict[int, str]:
    """The letter of each index, ``.1`` for the last axis of an ellipsis."""
    found: dict[int, str] = {}
    for letters, indices in zip(subscripts.inputs, contraction.inputs, strict=True):
        dots = len(indices) - len(letters) + 1
        found.update(zip(indices, _filled(letters, dots), strict=True))
    return found


def _beyond(said: str, operand: int, letters: tuple[str, ...], shape: Shape) -> int:
    """Axes of an operand that its ellipsis stands for."""
    named = sum(letter != ELLIPSIS for letter in letters)
    if len(shape) < named or (len(shape) > named and ELLIPSIS not in letters):
        raise ValueError(
            f"{said}: operand {operand} has {len(shape)} axes, shape {shape}, and {named} indices "
            "in the expression" + ("" if len(shape) < named else "; add '...' for further axes")
        )
    return len(shape) - named


def _filled(letters: tuple[str, ...], dots: int) -> tuple[str, ...]:
    """The ellipsis written out: ``.1`` is its last axis, ``.2`` the one before."""
    if ELLIPSIS not in letters:
        return letters
    at = letters.index(ELLIPSIS)
    return (*letters[:at], *(f".{n}" for n in range(dots, 0, -1)), *letters[at + 1 :])


def _sizes(said: str, full: list[tuple[str, ...]], shapes: Sequence[Shape]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    first: dict[str, tuple[int, int]] = {}
    for operand, (names, shape) in enumerate(zip(full, shapes, strict=True)):
        own: dict[str, int] = {}
        for axis, (name, size) in enumerate(zip(names, shape, strict=True)):
            called = "an axis of '...'" if name.startswith(".") else f"index {name!r}"
            if own.setdefault(name, size) != size:
                raise ValueError(
                    f"{said}: {called} of operand {operand} has sizes {own[name]} and {size} "
                    f"(axis {axis}); an index that is repeated in one operand needs equal sizes"
                )
            if sizes.get(name, 1) == 1:
                sizes[name], first[name] = size, (operand, axis)
            elif size not in (1, sizes[name]):
                there, place = first[name]
                raise ValueError(
                    f"{said}: {called} has size {size} in operand {operand} (axis {axis}) and "
                    f"{sizes[name]} in operand {there} (axis {place}); expected equal sizes, or 1"
                )
    return sizes
