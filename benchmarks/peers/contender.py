"""What a library must offer to take part: start, step, parameters, facts. And who takes part.

A contender lives in a process of its own, and its library is imported there and nowhere else: this
list says only where it is found, and without what it is not.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from .problem import Parameters, Problem


class Contender(Protocol):
    """One problem in one library's hands."""

    def start(self, parameters: Parameters) -> None:
        """Go back to these parameters; what it holds of them is its own copy."""

    def step(self) -> Any:
        """One whole training step, over when this returns.

        Returns:
            The loss before the step, as the library has it; ``float`` of it must work.
        """

    def parameters(self) -> Parameters:
        """As they are now: w1, b1, w2, b2, w3, b3, weights (units, features)."""

    def facts(self) -> Mapping[str, Any]:
        """Versions, threads and choices, ready for JSON."""


@runtime_checkable
class SelfTimed(Contender, Protocol):
    """One whose steps are the library's own loop: it takes the times itself."""

    def timed(self, untimed: int, steps: int) -> list[float]:
        """Seconds of each of so many steps, after some untimed ones."""


#: makes a contender, to run on so many threads
Maker = Callable[[Problem, int], Contender]


@dataclass(frozen=True)
class Entry:
    """A contender by name: a function of a module, and the imports it cannot do without."""

    name: str
    module: str
    function: str
    requires: tuple[str, ...] = ()

    @property
    def ours(self) -> bool:
        """Whether it is the suite itself, in whatever family."""
        return self.name.startswith("einbench-")

    def why_unavailable(self) -> str:
        """Which import is missing here; empty where none is."""
        for needed in self.requires:
            if importlib.util.find_spec(needed) is None:
                return f"{needed} is not installed (pip install 'einbench[peers]')"
        return ""

    def found(self) -> Any:
        """The function; the library is imported here.

        Raises:
            ImportError: it cannot be.
            AttributeError: the module has no such function.
        """
        return getattr(importlib.import_module(self.module), self.function)

    def maker(self) -> Maker:
        """The function, of a contender."""
        maker: Maker = self.found()
        return maker


#: the suite's own first, and of these the one that all others are compared with
ENTRIES = (
    Entry("einbench-auto", "peers.ours", "auto"),
    Entry("einbench-fit", "peers.ours", "fit"),
    Entry("einbench-einsum", "peers.ours", "einsum"),
    Entry("einbench-matmul", "peers.ours", "matmul"),
    Entry("einbench-numba", "peers.ours", "numba", ("numba",)),
    Entry("torch-eager", "peers.torch_eager", "autograd", ("torch",)),
    Entry("torch-by-hand", "peers.torch_eager", "by_hand", ("torch",)),
    Entry("torch-compile", "peers.torch_compiled", "autograd", ("torch",)),
    Entry("torch-compile-whole", "peers.torch_compiled", "whole", ("torch",)),
    Entry("torch-compile-tuned", "peers.torch_compiled", "tuned", ("torch",)),
    Entry("torch-compile-by-hand", "peers.torch_compiled", "by_hand", ("torch",)),
    Entry("jax-jit", "peers.jax_jit", "jitted", ("jax",)),
    Entry("sklearn-partial-fit", "peers.sklearn_mlp", "partial_fit", ("sklearn",)),
)


def named(text: str) -> Entry:
    """``NAME=MODULE:FUNCTION`` as an entry: a contender from outside.

    Raises:
        ValueError: it is not written so.
    """
    name, equals, place = text.partition("=")
    module, colon, function = place.partition(":")
    if not (name and equals and module and colon and function):
        raise ValueError(f"{text!r}: expected NAME=MODULE:FUNCTION, as mine=my_steps:fused")
    return Entry(name, module, function)
