"""Kernels that other libraries provide for the operations of this suite, compared on request.

Each is made by a function of a problem's sizes and of the inputs as the library's own arrays. The
function prepares, which is not timed, and returns what is called and timed. These kernels are not
among ``operation.kernels``, and ``import einbench`` imports none of them.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from einbench.body import Function
from einbench.kernel import Kernel
from einbench.libraries.runtime import Array, Runtime
from einbench.libraries.runtimes import modules_of, runtime
from einbench.names import normalise
from einbench.operation import Operation
from einbench.problem import Problem
from einbench.registry import operation

#: sums in other orders and exponentials of their own come to 8 units of rounding where kernels of
#: the suite are allowed 4: a step's loss, 60,000 rows
SLACK = 8.0

#: (runtime, operation) -> method -> kernel, in the order of registration
_TABLE: dict[tuple[str, str], dict[str, Kernel]] = {}


@dataclass(frozen=True)
class Given:
    """The problem and its inputs, from which a library's kernel is made."""

    problem: Problem
    #: the library's own arrays, in the operation's order; it leaves them as they are
    inputs: Sequence[Any]

    @property
    def operation(self) -> Operation:
        """The mathematics."""
        return self.problem.operation

    @property
    def sizes(self) -> dict[str, int]:
        """Of every axis."""
        return dict(self.problem.sizes)

    @property
    def batch(self) -> int:
        """Rows."""
        return self.problem.batch or 0

    @property
    def dtype(self) -> npt.DTypeLike:
        """Of the floating inputs, and of every output."""
        return self.problem.dtype

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of every output."""
        return self.operation.output_shapes(self.sizes)


@dataclass(frozen=True)
class Way:
    """A prepared call of a library, with what runs before each turn and how results convert."""

    #: does all of the work, which is over when it returns
    call: Callable[[], Any]
    #: NumPy's arrays of what it returned, in the operation's order and shapes
    arrays: Callable[[Any], Sequence[Array]] | None = None
    #: before every turn, not timed
    before: Callable[[], object] = lambda: None


class LibraryBody:
    """The body of a library's kernel."""

    parallel = True
    takes_out = False
    compile_s = None

    def __init__(
        self,
        make: Callable[[Any], Callable[[], Any] | Way],
        op: Operation,
        library: Runtime,
        mode: str,
        applies: Callable[[Problem], bool],
        without: tuple[str, ...],
    ) -> None:
        self.source = make
        self.library = library
        self.applies = applies
        self.prepare_s = 0.0
        self._operation = op
        self._mode = mode
        self._without = without

    def files(self) -> frozenset[str]:
        """None but its own."""
        return frozenset()

    def why_unavailable(self) -> str:
        """The library is not there."""
        return self.library.reason

    def around(self) -> AbstractContextManager[Any]:
        """The library's mode, for a whole turn."""
        return self.library.mode(self._mode)

    def way(self, problem: Problem, inputs: Sequence[Any]) -> Way:
        """The prepared call for these arrays, which are the library's own."""
        start_s = time.perf_counter()
        with self.around():
            made = self.source(Given(problem, inputs))
        self.prepare_s += time.perf_counter() - start_s
        return made if isinstance(made, Way) else Way(made)

    def arrays(self, way: Way, result: Any) -> Any:
        """A result as a kernel of the suite returns it; of several outputs those that it gives."""
        if way.arrays is not None:
            result = way.arrays(result)
        elif len(self._operation.outputs) == 1:
            result = [result]
        found = tuple(map(self.library.unwrap, result))
        return found[0] if len(self._operation.outputs) == 1 else found

    def __call__(self, *arrays: Array, out: Any = None, **options: str) -> Any:
        """The result, in this process, which imports the library."""
        return self.prepared(arrays, options)(*arrays)

    def prepared(self, arrays: Sequence[Array], options: Mapping[str, str]) -> Function:
        """A function of NumPy arrays that converts, prepares and calls."""
        problem = Problem.of(self._operation, arrays, options)

        def call(*given: Array) -> Any:
            way = self.way(problem, [self.library.wrap(array) for array in given])
            with self.around():
                way.before()
                return self.arrays(way, way.call())

        return call

    def entry(
        self, arrays: Sequence[Array], options: Mapping[str, str], out: Any = None
    ) -> Function:
        """As `prepared`."""
        return self.prepared(arrays, options)


def library_kernel(
    op: str,
    method: str,
    *,
    library: str,
    mode: str = "",
    applies: Callable[[Problem], bool] = lambda problem: True,
    without: tuple[str, ...] = (),
) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """Register the decorated function as a library's way to compute an operation.

    Args:
        op: the operation's name.
        method: how it computes, beginning with the library's name.
        library: name of the library.
        mode: entered around whole turns, see `Runtime.mode`.
        applies: whether there is such a way for a problem.
        without: outputs that it does not give; it is judged on the others.

    Raises:
        ValueError: no such operation or library, or the method's name is taken.
    """
    target, owner, key = operation(op), runtime(library), normalise(method)

    def register(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
        body = LibraryBody(make, target, owner, mode, applies, without)
        kernel = Kernel(
            target, key, body, requires=owner.requires, family=owner.name,
            runtime=owner.name, slack=SLACK, without=without, varies=varies(owner),
        )  # fmt: skip
        known = _TABLE.setdefault((owner.name, target.name), {})
        if known.setdefault(key, kernel) is not kernel:
            raise ValueError(f"{owner.name} has a way {key!r} of {target.name} already")
        return make

    return register


def varies(owner: Runtime) -> str:
    """`Kernel.varies` of a library's kernels."""
    return f"{owner.name} promises no order of its sums"


def library_kernels(*libraries: str) -> dict[str, list[Kernel]]:
    """Operation -> kernels of these libraries, whether they can run here or not.

    Raises:
        ValueError: no library is called so; the message lists the nearest names.
    """
    found: dict[str, list[Kernel]] = {}
    for name, library in modules_of(libraries).items():
        for module in library.modules:
            importlib.import_module(f"einbench.libraries.{module}")
        for (owner, op), kernels in _TABLE.items():
            if owner == name:
                found.setdefault(op, []).extend(kernels.values())
    return found
