"""Body: what a kernel calls, and what is known of that.

Of a plain function little is known; of a compiled one (`einbench.jit.compiled`) and of one that
is prepared for a problem (`einbench.prepared`) more is. No other code distinguishes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Function = Callable[..., Any]


class Body(Protocol):
    """One way to compute, as the rest of the suite sees it."""

    @property
    def parallel(self) -> bool:
        """Whether it runs on as many threads as numba may use."""

    @property
    def takes_out(self) -> bool:
        """Whether it writes its result to memory that it is given."""

    @property
    def compile_s(self) -> float | None:
        """Seconds spent compiling so far; None where nothing is compiled."""

    @property
    def prepare_s(self) -> float | None:
        """Seconds spent preparing for problems so far; None where nothing is prepared."""

    @property
    def source(self) -> Function:
        """The function that says what it computes."""

    def files(self) -> frozenset[str]:
        """Further source files that its result depends on, besides the one of `source`."""

    def why_unavailable(self) -> str:
        """Why it cannot run here; empty where it can."""

    def __call__(self, *arrays: Array, out: Any = None, **options: str) -> Any:
        """The result of these arrays."""

    def prepared(self, arrays: Sequence[Array], options: Mapping[str, str]) -> Function:
        """The function that users call with such arrays and options, after any preparation."""

    def entry(
        self, arrays: Sequence[Array], options: Mapping[str, str], out: Any = None
    ) -> Function:
        """The call of least overhead for exactly such arrays; ``out`` is last if it is given."""


class Plain:
    """An ordinary function."""

    parallel = False
    compile_s = None
    prepare_s = None

    def __init__(self, function: Function) -> None:
        self.source = function
        self.takes_out = has_out(function)

    def files(self) -> frozenset[str]:
        """None but its own."""
        return frozenset()

    def why_unavailable(self) -> str:
        """Empty: it can always run."""
        return ""

    def __call__(self, *arrays: Array, out: Any = None, **options: str) -> Any:
        """The function's result, copied to ``out`` where it takes none."""
        if out is None:
            return self.source(*arrays, **options)
        if self.takes_out:
            self.source(*arrays, **options, out=out)
        else:
            copy_to(out, self.source(*arrays, **options))
        return out

    def prepared(self, arrays: Sequence[Array], options: Mapping[str, str]) -> Function:
        """The function."""
        return partial(self.source, **options) if options else self.source

    def entry(
        self, arrays: Sequence[Array], options: Mapping[str, str], out: Any = None
    ) -> Function:
        """The function, given memory by its name."""
        call = self.prepared(arrays, options)
        if out is None:
            return call
        if self.takes_out:
            return lambda *given: call(*given[:-1], out=given[-1])
        return lambda *given: copy_to(given[-1], call(*given[:-1]))


def has_out(function: Function) -> bool:
    """Whether a function has a parameter ``out``."""
    code = getattr(function, "__code__", None)
    if code is None:
        return False
    return "out" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def copy_to(out: Any, found: Any) -> None:
    """A result into memory that is there: an array, or a tuple of as many."""
    pairs = zip(out, found, strict=True) if isinstance(out, tuple) else [(out, found)]
    for target, value in pairs:
        np.copyto(target, value)
