"""The dtype that an expression is computed in, and whether operands and result may be cast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

DType = np.dtype[Any]
CASTINGS = ("no", "equiv", "safe", "same_kind", "unsafe")
#: characters of the dtypes that kernels here compute; NumPy itself computes the others
_OWN = frozenset("?bBhHiIlLqQefdFD")


def is_own(dtype: DType) -> bool:
    """Whether kernels here compute it: no objects, dates, text or longdouble."""
    return dtype.char in _OWN


def common(dtypes: Sequence[DType], out: DType | None, asked: DType | None, casting: str) -> DType:
    """dtype of products and sums: what ``dtype=`` says, else what all operands and ``out`` fit in.

    Raises:
        TypeError: an operand, or the result, cannot be cast so; the message says which.
    """
    allowed: Any = casting
    given = dtypes if out is None else (*dtypes, out)
    chosen = (np.result_type(*given) if asked is None else asked).newbyteorder("=")
    for number, dtype in enumerate(dtypes):
        if not np.can_cast(dtype, chosen, allowed):
            raise TypeError(_said(f"operand {number} is {dtype}", f"cast to {chosen}", casting))
    if out is not None:
        both = (chosen, out), (out, chosen)
        if not all(np.can_cast(*pair, allowed) for pair in both):
            raise TypeError(_said(f"the result is {chosen}", f"cast to out, {out}", casting))
    return chosen


def _said(what: str, how: str, casting: str) -> str:
    return (
        f"einsum: {what}, which cannot be {how}, by casting={casting!r}; give casting='same_kind' "
        "or 'unsafe' to allow it, or another dtype"
    )


def computed_in(dtype: DType) -> DType:
    """float16 is summed in float32: sums of float16 stop growing at 2048."""
    return np.dtype(np.float32) if dtype.char == "e" else dtype
