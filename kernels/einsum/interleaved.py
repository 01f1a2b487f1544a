"""The other form of a call, ``einsum(a, [0, 1], b, [1, 2], [0, 2])``, as an expression."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from einbench.einsum.language import ELLIPSIS

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def as_expression(arguments: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    """The expression and the operands; index 0 is ``A``, 26 is ``a``, as in `numpy.einsum`.

    Raises:
        TypeError: a subscript is neither an integer nor an ellipsis.
        ValueError: one is not from 0 to 51, or there is no operand.
    """
    if len(arguments) < 2:
        raise ValueError(
            "einsum needs an expression and its operands, or each operand and its list of "
            f"subscripts; got {len(arguments)} argument(s)"
        )
    pairs = len(arguments) // 2
    operands = tuple(arguments[: 2 * pairs : 2])
    parts = [_letters(arguments[2 * i + 1], f"operand {i}") for i in range(pairs)]
    text = ",".join(parts)
    if len(arguments) % 2:
        text += "->" + _letters(arguments[-1], "the output")
    return text, operands


def _letters(subscripts: Any, whose: str) -> str:
    if not isinstance(subscripts, Iterable):
        raise TypeError(
            f"einsum: subscripts of {whose} are {type(subscripts).__name__}; expected a list of "
            "integers, or an expression as the first argument"
        )
    return "".join(_letter(each, whose) for each in subscripts)


def _letter(subscript: Any, whose: str) -> str:
    if subscript is Ellipsis:
        return ELLIPSIS
    try:
        if isinstance(subscript, bool | np.bool):
            raise TypeError
        number = operator.index(subscript)
    except TypeError:
        raise TypeError(
            f"einsum: subscript {ascii(subscript)[:40]} of {whose} is neither an integer nor an "
            "ellipsis"
        ) from None
    if not 0 <= number < len(_LETTERS):
        raise ValueError(f"einsum: subscript {number} of {whose}; expected 0 to 51")
    return _LETTERS[number]
