"""An answer of a library beside the right one: right, refuses, differs or died."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from einbench.dialects.cases import Case
from einbench.names import shortened

Array = npt.NDArray[Any]
Verdict = Literal["right", "refuses", "differs", "died"]
#: worst last
VERDICTS: tuple[Verdict, ...] = ("right", "refuses", "differs", "died")
#: most letters of an array in a note
_MOST = 60


@dataclass(frozen=True)
class Answer:
    """What one call came to; ``said`` is empty where it is right."""

    call: str
    verdict: Verdict
    said: str = ""
    #: whole, for programs
    returned: Any = None
    expected: Any = None

    def to_json(self) -> dict[str, Any]:
        """Ready for JSON."""
        return dict(vars(self))


def raised(case: Case, said: str) -> Answer:
    """Of a call that raised, in the library's own words."""
    if case.refused:
        return Answer(str(case), "right", returned=said)
    return Answer(str(case), "refuses", said, said)


def judge(case: Case, words: Mapping[str, Any]) -> Answer:
    """Of a call that returned."""
    content = np.frombuffer(bytes.fromhex(words["bytes"]), words["dtype"])
    found = content.reshape(words["shape"])
    truth = case.truth()
    expected = None if truth is None else _plain(truth)
    said = _difference(case, found, truth, words)
    if said and case.out is not None and np.array_equal(found, case.out(case.operands())):
        said = "leaves out as it was"
    return Answer(str(case), "differs" if said else "right", said, _plain(found), expected)


def _difference(case: Case, found: Array, truth: Array | None, words: Mapping[str, Any]) -> str:
    """What is returned in place of what; empty where nothing differs."""
    if truth is None:
        return f"accepts it and gives {_shown(found)}"
    if found.shape != truth.shape:
        return f"gives shape {found.shape} in place of {truth.shape}"
    if at := _first(found, truth):
        return f"gives {_entry(found, at)} in place of {_entry(truth, at)}"
    if found.dtype != truth.dtype:
        return f"gives {found.dtype} in place of {truth.dtype}"
    if case.kind == "view" and not words["view"]:
        return "gives a copy"
    if case.kind == "scalar" and not words["scalar"]:
        return f"gives {words['type']} without axes"
    return ""


def _first(found: Array, truth: Array) -> tuple[tuple[int, ...], ...]:
    """The first place where they are not equal; empty where they are."""
    unequal = found != truth
    if truth.dtype.kind in "fc" and found.dtype.kind in "fc":
        unequal &= ~(np.isnan(found) & np.isnan(truth))
    return tuple(map(tuple, np.argwhere(unequal)[:1].tolist()))


def _entry(array: Array, at: tuple[tuple[int, ...], ...]) -> str:
    """``int8 104 at [0, 1]``."""
    (place,) = at
    where = f" at {list(place)}" if place else ""
    return f"{array.dtype} {array[place].item()}{where}"


def _shown(array: Array) -> str:
    return shortened(f"{array.dtype} {array.tolist()}", _MOST)


def _plain(array: Array) -> dict[str, Any]:
    """Numbers as text, for JSON has neither NaN nor complex ones."""
    return {
        "dtype": array.dtype.name,
        "shape": list(array.shape),
        "values": [str(each) for each in array.reshape(-1).tolist()],
    }
