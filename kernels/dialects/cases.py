"""Behaviours of an einsum function, each with the calls that show it, and their right answers.

    right = the sum of products, exact, in the dtype that NumPy's rules give

Numbers are whole and small, so that every order of summation gives the same bits; where a dtype
overflows, the right answer is what wraps around once, at the end. NumPy itself is not always right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.einsum.interleaved import as_expression

Array = npt.NDArray[Any]
Operands = list[Any]

#: letters that NumPy does not take, and those that the mathematics is computed with
_PLAIN = str.maketrans("äöü", "abc")


@dataclass(frozen=True)
class Case:
    """One call."""

    #: the expression; empty where operands are given with lists of their indices
    text: str
    #: makes the operands anew, as a call may write to them
    operands: Callable[[], Operands]
    #: dtype=, say
    options: Mapping[str, Any] = field(default_factory=dict)
    #: makes ``out`` from the operands
    out: Callable[[Operands], Array] | None = None
    #: NumPy's language has no such call: the right answer is to raise
    refused: bool = False
    #: ``view`` of the operand that can be written to, or ``scalar``: what NumPy returns
    kind: str = ""

    def __str__(self) -> str:
        """The call as people write it."""
        more = [f"{name}={value}" for name, value in self.options.items()]
        if self.out is not None:
            more.append("out=")
        return ", ".join([f'"{self.text}"' if self.text else "operands and lists", *more])

    def truth(self) -> Array | None:
        """The right answer; None where it is to raise."""
        if self.refused:
            return None
        operands = self.operands()
        text, given = (self.text, operands) if self.text else as_expression(operands)
        arrays = [np.asarray(each) for each in given]
        dtype = np.dtype(self.options.get("dtype") or np.result_type(*arrays))
        if self.out is not None:
            dtype = self.out(operands).dtype
        wide: list[Any] = [np.array(a, _wide(a.dtype)) for a in arrays]
        with np.errstate(all="ignore"):
            exact = np.asarray(np.einsum(text.translate(_PLAIN), *wide))
            return np.asarray(exact != 0 if dtype.kind == "b" else exact.astype(dtype))


@dataclass(frozen=True)
class Behaviour:
    """A line of the table."""

    name: str
    cases: Sequence[Case]


def _wide(dtype: np.dtype[Any]) -> type:
    return {"c": np.complex128, "f": np.float64}.get(dtype.kind, np.int64)


def _numbers(dtype: str, shape: Sequence[int], seed: int, most: int = 3) -> Array:
    rng = np.random.default_rng([seed, *shape])
    low = 0 if dtype[0] in "ub" else -most
    drawn = rng.integers(low, most + 1, shape)
    if dtype == "bool":
        return np.asarray(drawn > most // 2)
    if dtype.startswith("complex"):
        return np.asarray(drawn + 1j * rng.integers(low, most + 1, shape)).astype(dtype)
    return drawn.astype(dtype)


def _case(
    text: str, *shapes: tuple[int, ...], dtype: str | Sequence[str] = "float64", most: int = 3,
    change: Callable[[Array], Array] = np.asarray, **more: Any,
) -> Case:  # fmt: skip
    """Operands of these shapes, each changed so."""
    dtypes = [dtype] * len(shapes) if isinstance(dtype, str) else dtype

    def operands() -> Operands:
        each = enumerate(zip(shapes, dtypes, strict=True))
        return [change(_numbers(d, shape, seed, most)) for seed, (shape, d) in each]

    return Case(text, operands, **more)


def _products(dtype: str | Sequence[str], most: int = 3) -> list[Case]:
    """Products of two operands whose indices are in both or in the result."""
    return [
        _case("ij,jk->ik", (3, 4), (4, 5), dtype=dtype, most=most),
        _case("bij,bjk->bik", (2, 3, 4), (2, 4, 3), dtype=dtype, most=most),
        _case("i,j->ij", (3,), (4,), dtype=dtype, most=most),
        _case("ij,ij->", (4, 5), (4, 5), dtype=dtype, most=most),
        _case("ij,j->ij", (4, 5), (5,), dtype=dtype, most=most),
    ]


def _alone(dtype: str, most: int) -> list[Case]:
    """A lone index: of one operand alone, and summed."""
    return [
        _case("ij,k->ik", (3, 9), (4,), dtype=dtype, most=most),
        _case("ij,jk->k", (8, 3), (3, 4), dtype=dtype, most=most),
        _case("ij->i", (3, 9), dtype=dtype, most=most),
    ]


def _reversed(array: Array) -> Array:
    return array[tuple([slice(None, None, -1)] * array.ndim)]


def _windows(array: Array) -> Array:
    return np.lib.stride_tricks.sliding_window_view(array, 3, axis=0)


def _ones(text: str, count: int) -> Case:
    return Case(text, lambda: [np.ones((count, 2), np.float16)] * (text.count(",") + 1))


def _square(dtype: str = "float64") -> dict[str, Any]:
    return {"dtype": dtype, "out": lambda operands: np.full((4, 4), 7, operands[0].dtype)}


def _interleaved() -> Operands:
    a, b = _numbers("float64", (3, 4), 0), _numbers("float64", (4, 5), 1)
    return [a, [0, 1], b, [1, 2], [0, 2]]


def _infinite() -> Operands:
    return [np.array([[np.inf, 1.0], [2.0, 3.0]]), np.array([0.0, 1.0])]


def _exact_integers() -> Operands:
    return [np.array([[2**53 + 1, 2], [3, 2**40 + 5]]), np.array([1, 1])]


SQUARE = ((4, 4), (4, 4))
LARGER = ((12, 12), (12, 12))

BEHAVIOURS: Sequence[Behaviour] = (
    Behaviour("products of two", _products("float64")),
    Behaviour("products of three", [
        _case("ij,jk,kl->il", (3, 4), (4, 5), (5, 2)),
        _case("i,ij,j->", (3,), (3, 4), (4,)),
        _case("ni,n,nj->ij", (6, 3), (6,), (6, 4)),
    ]),
    Behaviour("repeated index in an operand", [
        _case("ii->", (4, 4)), _case("bii->bi", (2, 3, 3)), _case("iij,j->i", (3, 3, 4), (4,)),
    ]),
    Behaviour("repeated output index is refused", [_case("i->ii", (3,), refused=True)]),
    Behaviour("size-1 axis against n, kept", [
        _case("bi,bi->bi", (1, 3), (4, 3)), _case("bij,bjk->bik", (1, 3, 4), (2, 4, 5)),
    ]),
    Behaviour("size-1 axis against n, summed", [
        _case("ij,jk->ik", (3, 1), (4, 5)), _case("bi,bi->b", (2, 1), (2, 3)),
        _case("ij,ij->", (1, 3), (2, 3)),
    ]),
    Behaviour("scalar operand", [
        _case(",ij->ij", (), (3, 4)), _case("i,->i", (3,), ()), _case(",->", (), ()),
        _case("ij,jk,->ik", (3, 4), (4, 5), ()),
    ]),
    Behaviour("zero-size axis", [
        _case("ij,jk->ik", (3, 0), (0, 5)), _case("ij,jk->ik", (0, 4), (4, 5)),
        _case("ij->j", (0, 3)),
    ]),
    Behaviour("negative strides", [
        _case("ij,jk->ik", (3, 4), (4, 5), change=_reversed), _case("ij->j", (3, 4),
        change=_reversed), _case("i,i->", (5,), (5,), change=_reversed),
    ]),
    Behaviour("Fortran order", [
        _case("ij,jk->ik", (3, 4), (4, 5), change=np.asfortranarray),
        _case("ijk,k->ij", (3, 4, 2), (2,), change=np.asfortranarray),
    ]),
    Behaviour("zero strides", [
        Case("ij,jk->ik", lambda: [np.broadcast_to(_numbers("float64", (4,), 0), (3, 4)),
                                   _numbers("float64", (4, 5), 1)]),
    ]),
    Behaviour("overlapping windows", [_case("iw,iw->i", (7,), (7,), change=_windows)]),
    Behaviour("ellipsis", [
        _case("...ij,...jk->...ik", (2, 3, 4), (2, 4, 5)), _case("i...->...", (3, 4, 2)),
        _case("...i,...i->...", (2, 3), (2, 3)),
    ]),
    Behaviour("ellipsis of other ranks", [
        _case("...ij,jk->...ik", (2, 3, 4), (4, 5)), _case("...i,...i->...", (4, 2, 3), (2, 3)),
        _case("...ij,...jk->...ik", (3, 4), (2, 4, 5)),
    ]),
    Behaviour("implicit output", [
        _case("ij,jk", (3, 4), (4, 5)), _case("ba", (3, 4)), _case("ij,ij", (3, 4), (3, 4)),
    ]),
    Behaviour("spaces", [_case("i j, jk -> i k", (3, 4), (4, 5))]),
    Behaviour("operands with lists of indices", [Case("", _interleaved)]),
    Behaviour("letters beyond a to Z", [_case("äö,öü->äü", (3, 4), (4, 5))]),
    Behaviour("int32", _products("int32")),
    Behaviour("int64 beyond 2**53", [Case("ij,j->i", _exact_integers)]),
    Behaviour("int8", _products("int8", 2)),
    Behaviour("int8 that overflows", _products("int8", 100)),
    Behaviour("int8, lone index", _alone("int8", 2)),
    Behaviour("int8, lone index, overflow", _alone("int8", 100)),
    Behaviour("bool", _products("bool")),
    Behaviour("bool, lone index", _alone("bool", 3)),
    Behaviour("float16", _products("float16", 2)),
    Behaviour("float16, sum of 5,000 ones", [_ones("ij->j", 5000), _ones("ij,ij->j", 5000)]),
    Behaviour("complex128", _products("complex128")),
    Behaviour("float32 x float64", _products(("float32", "float64"))),
    Behaviour("float64 x complex128", _products(("float64", "complex128"))),
    Behaviour("int32 x float64", _products(("int32", "float64"))),
    Behaviour("infinity times zero is NaN", [Case("ij,j->i", _infinite)]),
    Behaviour("dtype=", [
        _case("ij,jk->ik", (3, 4), (4, 5), dtype="float32", options={"dtype": "float64"}),
        _case("ij,jk->ik", (3, 4), (4, 5), dtype="int8", options={"dtype": "int64"}),
    ]),
    Behaviour("dtype= before a lone index", [
        _case("ij,k->ik", (3, 9), (4,), dtype="int8", most=100, options={"dtype": "int64"}),
        _case("ij,k->ik", (3, 9), (4,), dtype="uint8", most=100, options={"dtype": "float64"}),
    ]),
    Behaviour("out=", [_case("ij,jk->ik", *SQUARE, **_square())]),
    Behaviour("out= of wider dtype", [
        _case("ij,jk->ik", *SQUARE, dtype="float32", out=lambda _: np.full((4, 4), 7.0)),
    ]),
    Behaviour("out= of narrower dtype is refused", [
        _case("ij,jk->ik", *SQUARE, out=lambda _: np.full((4, 4), 7, np.float32), refused=True),
        _case("ij,jk->ik", *SQUARE, out=lambda _: np.full((4, 4), 7), refused=True),
        _case("ij,jk->ik", *SQUARE, dtype="complex128", out=lambda _: np.full((4, 4), 7.0),
              refused=True),
    ]),
    Behaviour("out= that is an operand", [
        _case("ij,jk->ik", *SQUARE, out=lambda operands: operands[0]),
        _case("ij,jk->ki", *LARGER, out=lambda operands: operands[1]),
        _case("ij,ij->ji", *LARGER, out=lambda operands: operands[0]),
        _case("ij->ji", (4, 4), out=lambda operands: operands[0]),
    ]),
    Behaviour("out= of complex times real scalar", [
        Case("ij,->ij", lambda: [_numbers("complex128", (4, 4), 0), np.array(2.0)],
             out=lambda _: np.full((4, 4), 7.0 + 0j)),
        Case(",ij->ij", lambda: [np.array(2 + 1j), _numbers("float64", (4, 4), 0)],
             out=lambda _: np.full((4, 4), 7.0 + 0j)),
    ]),
    Behaviour("transposes are writeable views", [
        _case("ij->ji", (3, 4), kind="view"), _case("ij->ij", (3, 4), kind="view"),
    ]),
    Behaviour("diagonals are writeable views", [
        _case("ii->i", (4, 4), kind="view"), _case("bii->ib", (2, 3, 3), kind="view"),
    ]),
    Behaviour("result without axes is a scalar", [
        _case("i->", (4,), kind="scalar"), _case("i,i->", (4,), (4,), kind="scalar"),
        _case("ij,jk,ki->", (3, 4), (4, 5), (5, 3), kind="scalar"),
    ]),
)  # fmt: skip
