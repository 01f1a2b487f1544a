"""Random einsum calls: small ones of every kind, and larger ones at the edges of blocks.

Memory is C, Fortran, reversed, strided, repeated, overlapping, unaligned or read-only; results go
to memory that is given, overlaps an operand, or is of another dtype.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np

FLOATS, WHOLE = ("f4", "f8", "c8", "c16", "f2"), ("i1", "i4", "i8", "u1", "u8", "?")
#: what NumPy itself computes
ELSE = ("g", "O")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: sizes at the edges of vectors and blocks
EDGES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 63, 64, 65, 70)
#: products of a larger case that nested loops compute at most
MOST = 200_000


@dataclass(frozen=True)
class Place:
    """Where an array lies in memory, in bytes."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    strides: tuple[int, ...]

    def on(self, memory: np.ndarray) -> np.ndarray:
        """The array on that memory."""
        return np.ndarray(self.shape, self.dtype, memory.data, self.offset, self.strides)


@dataclass(frozen=True)
class Out:
    """Memory for a result, and the operand that lies in it too, if one does."""

    memory: np.ndarray
    place: Place
    operand: int | None = None
    other: Place | None = None


@dataclass
class Case:
    """A call: expression, operands, keywords."""

    text: str
    operands: list[np.ndarray]
    keywords: dict[str, Any] = field(default_factory=dict)
    out: Out | None = None
    #: whether it is called with lists of numbers in place of the expression
    numbered: bool = False

    def __str__(self) -> str:
        kinds = ", ".join(f"{a.dtype.str}{a.shape}{a.strides}" for a in self.operands)
        out = f" out={self.out.place} over operand {self.out.operand}" if self.out else ""
        return f"{self.text!r} {kinds} {self.keywords}{out}{' numbered' * self.numbered}"

    def arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """What is given to the function, the result's memory anew."""
        operands, more = list(self.operands), dict(self.keywords)
        if self.out is not None:
            memory = self.out.memory.copy()
            more["out"] = self.out.place.on(memory)
            if self.out.operand is not None and self.out.other is not None:
                operands[self.out.operand] = self.out.other.on(memory)
        if not self.numbered:
            return [self.text, *operands], more
        parts, arrow, end = self.text.replace(" ", "").partition("->")
        given: list[Any] = []
        for part, operand in zip(parts.split(","), operands, strict=True):
            given += [operand, numbers(part)]
        return [*given, numbers(end)] if arrow else given, more


def numbers(part: str) -> list[Any]:
    """Letters as the other form of a call has them."""
    found: list[Any] = [LETTERS.index(letter) for letter in part.replace("...", "")]
    if "..." in part:
        found.insert(part.index("..."), Ellipsis)
    return found


def draw(rng: np.random.Generator, dtypes: tuple[str, ...] = FLOATS + WHOLE) -> Case:
    """A case of up to 4 operands and 6 indices of sizes 0 to 5, valid nine times in ten."""
    letters = list(rng.permutation(list("abcxyZ"))[: rng.integers(1, 7)])
    sizes = {
        i: int(rng.choice([0, 1, 2, 3, 4, 5], p=[0.03, 0.12, 0.3, 0.25, 0.15, 0.15]))
        for i in letters
    }
    dots = [int(n) for n in rng.integers(1, 4, rng.integers(0, 3))] if rng.random() < 0.2 else None
    parts, shapes = [], []
    for _ in range(rng.integers(1, 5)):
        own = [str(i) for i in rng.choice(letters, rng.integers(0, 5))]
        if rng.random() < 0.7:
            own = list(dict.fromkeys(own))
        once = {i: 1 if rng.random() < 0.08 else sizes[i] for i in own}
        shape = [once[i] for i in own]
        if dots is not None and rng.random() < 0.8:
            at = int(rng.integers(0, len(own) + 1))
            some = dots[int(rng.integers(0, len(dots) + 1)) :]
            own.insert(at, "...")
            shape[at:at] = [1 if rng.random() < 0.1 else n for n in some]
        parts.append((" " if rng.random() < 0.05 else "").join(own))
        shapes.append(shape)
    text = (" , " if rng.random() < 0.05 else ",").join(parts)
    if rng.random() < 0.75:
        used = sorted({i for part in parts for i in part if i.isalpha()})
        out = [str(i) for i in rng.permutation(used)[: rng.integers(0, len(used) + 1)]]
        if any("..." in part for part in parts):
            out.insert(int(rng.integers(0, len(out) + 1)), "...")
        text += "->" + "".join(out)
    spoilt = rng.random() < 0.05
    if spoilt:
        text = _spoilt(rng, text)
    if rng.random() < 0.04 and shapes and shapes[0]:
        shapes[0][0] += 1
    return _of(rng, text, shapes, dtypes, numbered=not spoilt and rng.random() < 0.1)


def draw_larger(rng: np.random.Generator, dtypes: tuple[str, ...] = FLOATS + WHOLE) -> Case:
    """A valid case of 2 or 3 operands, sizes 1 to 70, most of them at the edges of blocks."""
    while True:
        letters = list("ijkl")[: rng.integers(2, 5)]
        sizes = {
            i: int(rng.choice(EDGES)) if rng.random() < 0.7 else int(rng.integers(1, 71))
            for i in letters
        }
        parts = []
        for _ in range(2 if rng.random() < 0.7 else 3):
            own = rng.permutation(letters)[: rng.integers(1, min(3, len(letters)) + 1)]
            parts.append([str(i) for i in own])
        used = sorted({i for part in parts for i in part})
        if prod(sizes[i] for i in used) <= MOST:
            break
    end = [str(i) for i in rng.permutation(used)[: rng.integers(0, min(3, len(used)) + 1)]]
    text = ",".join("".join(part) for part in parts) + "->" + "".join(end)
    shapes = [[1 if rng.random() < 0.03 else sizes[i] for i in part] for part in parts]
    return _of(rng, text, shapes, dtypes, numbered=False)


def _of(
    rng: np.random.Generator, text: str, shapes: list[list[int]], dtypes: tuple[str, ...],
    *, numbered: bool,
) -> Case:  # fmt: skip
    mixed = rng.random() < 0.15
    one = rng.choice(ELSE) if rng.random() < 0.02 else rng.choice(dtypes)
    operands = [_array(rng, tuple(s), rng.choice(dtypes) if mixed else one) for s in shapes]
    case = Case(text, operands, _keywords(rng), numbered=numbered)
    return _with_out(rng, case) if rng.random() < 0.15 else case


def _spoilt(rng: np.random.Generator, text: str) -> str:
    at = int(rng.integers(0, len(text) + 1))
    return text[:at] + str(rng.choice(list("qa.,->1 _;é\n"))) + text[at + int(rng.integers(0, 2)) :]


def _keywords(rng: np.random.Generator) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if rng.random() < 0.1:
        found["order"] = str(rng.choice(list("CFAK")))
    if rng.random() < 0.08:
        found["dtype"] = str(rng.choice(["f8", "f4", "c16", "i8", "f2", "i2", "?"]))
    if rng.random() < 0.08:
        found["casting"] = str(rng.choice(["same_kind", "unsafe", "no", "equiv"]))
    return found


def _array(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    kind = np.dtype(dtype)
    values: np.ndarray
    if kind.kind == "b":
        values = rng.random(shape) < 0.6
    elif kind.kind in "iuO":
        values = rng.integers(0 if kind.kind == "u" else -9, 10, shape)
    else:
        values = rng.standard_normal(shape)
        if kind.kind == "c":
            values = values + 1j * rng.standard_normal(shape)
    made = np.asarray(values).astype(kind)
    layout = rng.choice(
        ["C", "C", "C", "F", "reversed", "strided", "repeated", "overlapping", "swapped",
         "unaligned", "read-only"]
    )  # fmt: skip
    if layout == "F":
        return np.asfortranarray(made)
    if layout == "reversed" and made.ndim:
        return np.ascontiguousarray(made[::-1])[::-1]
    if layout == "strided" and made.ndim:
        wide = np.zeros((*shape[:-1], 2 * shape[-1] + 1), kind)
        wide[..., 1::2] = made
        return wide[..., 1::2]
    if layout == "repeated" and made.ndim and made.size:
        return np.broadcast_to(made[:1], shape)
    if layout == "overlapping" and made.ndim == 2 and made.size:
        line = np.resize(made.ravel(), sum(shape) - 1)
        return np.lib.stride_tricks.sliding_window_view(line, shape[1])
    if layout == "swapped" and kind.kind in "fi" and rng.random() < 0.3:
        return made.astype(kind.newbyteorder())
    if layout == "unaligned" and not kind.hasobject:
        memory = np.zeros(made.nbytes + 1, np.uint8)
        moved = Place(made.shape, kind, 1, made.strides).on(memory)
        moved[...] = made
        return moved
    if layout == "read-only":
        made.flags.writeable = False
    return made


def _with_out(rng: np.random.Generator, case: Case) -> Case:
    """The same with memory for its result."""
    try:
        shape, dtype = _result(case)
    except (ValueError, TypeError):
        return case
    if dtype.hasobject or any(a.dtype.hasobject for a in case.operands):
        return case
    if rng.random() < 0.4:
        dtype = np.dtype(str(rng.choice(FLOATS + WHOLE)))
        case.keywords["casting"] = str(rng.choice(["safe", "same_kind", "unsafe"]))
    if rng.random() < 0.05:
        shape = (*shape, 1)
    layout = rng.choice(["C", "F", "reversed", "strided", "unaligned"])
    step = dtype.itemsize * (2 if layout == "strided" else 1)
    place, end = _placed(shape, dtype, step, 1 if layout == "unaligned" else 0, layout)
    whole = [n for n, a in enumerate(case.operands) if a.size and a.dtype.isnative]
    if not whole or rng.random() < 0.6:
        return replace(case, out=Out(np.zeros(end, np.uint8), place))
    number = int(rng.choice(whole))
    operand = case.operands[number]
    # in the same memory, at the same place or further on
    offset = int(rng.integers(0, 3)) * operand.itemsize
    other, last = _placed(operand.shape, operand.dtype, operand.itemsize, offset, "C")
    memory = np.zeros(max(end, last), np.uint8)
    other.on(memory)[...] = operand
    return replace(case, out=Out(memory, place, number, other))


def _result(case: Case) -> tuple[tuple[int, ...], np.dtype[Any]]:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = np.asarray(np.einsum(case.text, *case.operands, **case.keywords))
    return found.shape, found.dtype.newbyteorder("=")


def _placed(
    shape: tuple[int, ...], dtype: np.dtype[Any], step: int, offset: int, layout: str
) -> tuple[Place, int]:
    """A place in memory, and where it ends."""
    axes = range(len(shape)) if layout == "F" else reversed(range(len(shape)))
    strides = [0] * len(shape)
    for axis in axes:
        strides[axis] = step
        step *= max(shape[axis], 1)
    end = offset + step
    if layout == "reversed" and shape and shape[0]:
        offset += strides[0] * (shape[0] - 1)
        strides[0] = -strides[0]
    return Place(shape, dtype, offset, tuple(strides)), end


def reads_beyond(case: Case) -> bool:
    """Whether an index might be repeated in an operand that has sizes 0 and another: NumPy reads
    beyond such an operand, so that it is never given to it.
    """
    parts = case.text.partition("->")[0].replace("...", "").replace(" ", "").split(",")
    repeated = any(len(set(part)) < len(part) for part in parts)
    return repeated and any(0 in a.shape and len(set(a.shape)) > 1 for a in case.operands)
