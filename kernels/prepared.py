"""A kernel that prepares: a function of the problem that returns what is called with its arrays.

A contraction path, a plan, a function compiled for these shapes: made once a problem, kept, and
never inside the clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from einbench.arguments import Array
from einbench.body import Function, copy_to
from einbench.host.locks import ForkedLock
from einbench.problem import Problem

if TYPE_CHECKING:
    from einbench.operation import Operation

#: problems whose preparation is kept; the one made first goes first
MOST_PROBLEMS = 64

_LOCK = ForkedLock()


@dataclass(frozen=True)
class Filling:
    """What ``make(problem)`` may give in place of a function: two, one with memory after the arrays
    for its result.
    """

    call: Function
    into: Function


class Prepared:
    """``make(problem)`` gives the function of the arrays, for all calls with such arrays."""

    parallel = False
    compile_s = None
    takes_out = False

    def __init__(self, make: Callable[[Problem], Function | Filling], operation: Operation) -> None:
        self.source = make
        self.prepare_s = 0.0
        self._operation = operation
        self._made: dict[Problem, Filling] = {}

    def files(self) -> frozenset[str]:
        """None but its own."""
        return frozenset()

    def why_unavailable(self) -> str:
        """Empty: it can always run."""
        return ""

    def __call__(self, *arrays: Array, out: Any = None, **options: str) -> Any:
        """The result, prepared for now where such arrays are new."""
        found = self.prepared(arrays, options)(*arrays)
        if out is None:
            return found
        copy_to(out, found)
        return out

    def prepared(self, arrays: Sequence[Array], options: Mapping[str, str]) -> Function:
        """What ``make`` gave for such arrays.

        Raises:
            TypeError: it gave nothing that can be called.
        """
        return self._filling(arrays, options).call

    def entry(
        self, arrays: Sequence[Array], options: Mapping[str, str], out: Any = None
    ) -> Function:
        """What was prepared; where there is memory for the result, what fills it."""
        found = self._filling(arrays, options)
        return found.call if out is None else found.into

    def _filling(self, arrays: Sequence[Array], options: Mapping[str, str]) -> Filling:
        options = self._operation.choose_options(options)
        problem = Problem.of(self._operation, arrays, options).empty()
        found = self._made.get(problem)
        if found is not None:
            return found
        with _LOCK.lock:
            if problem not in self._made:
                start_s = time.perf_counter()
                made = self.source(problem)
                self.prepare_s += time.perf_counter() - start_s
                while len(self._made) >= MOST_PROBLEMS:
                    del self._made[next(iter(self._made))]
                self._made[problem] = self._checked(made)
            return self._made[problem]

    def _checked(self, made: object) -> Filling:
        if isinstance(made, Filling):
            return made
        if not callable(made):
            raise TypeError(
                f"{getattr(self.source, '__name__', 'the kernel')}(problem) returned "
                f"{type(made).__name__}; a kernel that prepares must return a function of "
                "the arrays"
            )
        call: Function = made
        return Filling(call, lambda *given: copy_to(given[-1], call(*given[:-1])))
