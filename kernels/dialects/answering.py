"""A process of one library that makes the calls it is asked for.

python -m einbench.dialects.answering LIBRARY THREADS
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from einbench.dialects.cases import BEHAVIOURS
from einbench.dialects.spoken import SPOKEN, Spoken
from einbench.libraries.runtimes import runtime
from einbench.measure.confined import pin_to_cores
from einbench.measure.results import Words
from einbench.measure.worker import serve


class Answering:
    """The library, imported."""

    def __init__(self, spoken: Spoken) -> None:
        self._spoken = spoken
        self._einsum = spoken.einsum()

    def judged(self) -> Words:
        """Nothing: a library may do to its process what it likes."""
        return {}

    def case(self, behaviour: int, number: int) -> Words:
        """What one call returned, as `einbench.dialects.judged` reads it."""
        case = BEHAVIOURS[behaviour].cases[number]
        arrays = case.operands()
        out = case.out(arrays) if case.out is not None else None
        options: dict[str, Any] = dict(case.options)
        if out is not None:
            options["out"] = out
        given = [self._spoken.given(a) if isinstance(a, np.ndarray) else a for a in arrays]
        text = [case.text] if case.text else []
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            result = self._einsum(*text, *given, **options)
            found = np.asarray(self._spoken.taken(result) if out is None else out)
        operands = [a for a in arrays if isinstance(a, np.ndarray)]
        view = out is None and any(np.shares_memory(found, a) for a in operands)
        return {
            "type": type(result).__name__,
            "scalar": isinstance(result, np.generic | bool | int | float | complex),
            "dtype": found.dtype.str,
            "shape": list(found.shape),
            "bytes": np.ascontiguousarray(found).tobytes().hex(),
            "view": view and found.flags.writeable,
        }


def main(arguments: Sequence[str]) -> None:
    """Answer for one library."""
    name, threads, *_ = arguments

    # einbench would time its kernels, and remember which was the fastest
    os.environ["EINBENCH_WISDOM"] = "off"

    def start() -> Answering:
        pin_to_cores(int(threads))
        runtime(name).start(int(threads))
        return Answering(SPOKEN[name])

    serve(start)


if __name__ == "__main__":
    main(sys.argv[1:])
