"""Names are compared in one form, and an unknown name is answered with the nearest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

DTYPES = ("float32", "float64")


def is_expression(name: str) -> bool:
    """Whether a name is an einsum expression, ``aB,Bc->ac``, whose every character counts."""
    return "," in name or "->" in name


def normalise(name: str) -> str:
    """Lower case with underscores: ``Softmax-VJP`` is ``softmax_vjp``.

    An einsum expression keeps its letters, and loses its spaces: ``aB, Bc -> ac`` is
    ``aB,Bc->ac``, and another name than ``ab,bc->ac``.

    Raises:
        TypeError: not a string, or an empty one.
    """
    if not isinstance(name, str) or not name.strip():
        raise TypeError(f"a name must be a string that is not empty, got {name!r}")
    if is_expression(name):
        return "".join(name.split())
    return name.strip().lower().replace("-", "_").replace(" ", "_")


def shortened(text: str, most: int) -> str:
    """The text in one line, with an ellipsis at its end where it is longer."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def printable(text: str, most: int) -> str:
    """`shortened`, and fit for a terminal whatever a file holds: control characters and halves of
    surrogate pairs are replaced.
    """
    line = shortened(text, most)
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in line)


def unknown(kind: str, name: Any, known: Iterable[str], where: str = "") -> str:
    """One line for an unknown name, with the nearest known ones; for what is no name as well."""
    import difflib  # only a mistake pays for it

    known = list(known)
    if not isinstance(name, str):
        return f"no {kind} {shortened(repr(name), 80)}{where}; known: {', '.join(known)}"
    name = printable(name, 80)
    near = difflib.get_close_matches(normalise(name), known, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
    return f"no {kind} {name!r}{where}; {hint}"


def check_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """float32 or float64 as a NumPy dtype.

    Raises:
        ValueError: any other dtype, with what is supported.
    """
    try:
        checked = np.dtype(dtype)
    except TypeError:
        checked = None
    if checked is None or checked.name not in DTYPES or not checked.isnative:
        name = checked.name if checked is not None and checked.names is None else dtype
        raise ValueError(f"dtype {name!r} is not supported; choose {' or '.join(DTYPES)}")
    return checked
