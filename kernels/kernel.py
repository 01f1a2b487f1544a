"""Kernel: one way to compute an operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from einbench.arguments import Bound, check_out
from einbench.body import Body, Function, Plain, copy_to
from einbench.chunked import any_chunked, cluster, refuse_out
from einbench.host.libraries import why_missing
from einbench.host.settings import why_unusable
from einbench.lookup import Dispatch, key_into, key_of, look_up
from einbench.prepared import MOST_PROBLEMS, Prepared

if TYPE_CHECKING:
    # an operation makes its kernels; a kernel only names the one it belongs to
    from einbench.operation import Operation

Array = npt.NDArray[Any]
Sizes = Mapping[str, int]

#: runtime of a kernel that takes NumPy arrays: it runs in this process
HERE = ("numpy", "numba")

#: `Kernel.varies` of what a BLAS multiplies
BLAS_VARIES = "a BLAS divides its sums by how many threads it has"


@dataclass(frozen=True)
class Origin:
    """Where and how a kernel was registered: what makes the same one in another process."""

    module: str = ""
    compile: bool = False
    prepare: bool = False
    parallel: bool = False
    fastmath: frozenset[str] | None = None


@dataclass(frozen=True, eq=False)
class Kernel:
    """One way to compute an operation; call it with arrays by position or by name."""

    operation: Operation
    method: str
    body: Body
    #: elements of temporaries beyond inputs and outputs, from the sizes; None: a few
    extra_elements: Callable[[Sizes], float] | None = None
    #: optional distributions (import names) without which the kernel cannot run
    requires: tuple[str, ...] = ()
    #: what kind of way it is: ``loop``, ``einsum``, ``matmul``, ``numba``, ...
    family: str = ""
    #: the library whose arrays it takes; any but `HERE` runs in a process of its own
    runtime: str = "numpy"
    origin: Origin = Origin()
    #: factor on the operation's limit: a library has exponentials of its own
    slack: float = 1.0
    #: outputs that a library does not return
    without: tuple[str, ...] = ()
    #: why its last bits may be others on another number of threads; empty where they are the same
    varies: str = ""

    @property
    def function(self) -> Function:
        """What was registered, as its users call it: arrays by position, options by name."""
        return self.body.source if isinstance(self.body, Plain) else self.body

    @property
    def reason(self) -> str:
        """Why the kernel cannot run here; empty where it can."""
        why = self.body.why_unavailable() or why_missing(self.requires)
        return why or (why_unusable() if "numba" in self.requires else "")

    @property
    def available(self) -> bool:
        """Whether the kernel can run on this machine."""
        return not self.reason

    @property
    def here(self) -> bool:
        """Whether programs can call it with NumPy arrays, in this process."""
        return self.runtime in HERE

    @property
    def summary(self) -> str:
        """The first line of the kernel's docstring: what is new in it."""
        lines = (self.body.source.__doc__ or "").strip().splitlines()
        return lines[0] if lines else ""

    @property
    def takes_out(self) -> bool:
        """Whether its function has a parameter ``out`` for memory to write the result to."""
        op = self.operation
        return self.body.takes_out and not ("out" in op.inputs or "out" in op.options)

    def temporary_bytes(self, sizes: Sizes, dtype: npt.DTypeLike) -> int:
        """Declared memory of temporaries at these sizes, in bytes."""
        if self.extra_elements is None:
            return 0
        return int(self.extra_elements(sizes) * np.dtype(dtype).itemsize)

    def __call__(self, *arrays: Any, **named: Any) -> Any:
        """Check shapes and dtypes against the operation, then run the kernel.

        That is done once for arrays of a kind: the next call with such arrays is a look-up.

        Args:
            arrays: in the operation's order; also by name.
            named: arrays and options by name, and ``out``: memory for the result, which is then
                returned: an array of the output's shape and dtype in C order, or a tuple of them
                where there are several outputs. What a kernel cannot write there itself is copied.

        Raises:
            TypeError: an argument is missing, unknown, or not of a floating dtype.
            ValueError: shapes do not fit, an option is unknown, the kernel is unavailable, or
                ``out`` is no memory for this result.
        """
        try:
            return self._look_up(*arrays, **named)
        except TypeError as problem:
            trace = problem.__traceback__
            if trace is None or trace.tb_next is not None:
                raise
        # Python refused the arguments before anything was run: what is wrong is said here
        out = named.pop("out", None) if "out" not in self.operation.inputs else None
        return self._begin(arrays, named) if out is None else self._write(arrays, named, out)

    @cached_property
    def _look_up(self) -> Callable[..., Any]:
        return look_up(self.operation, self._dispatch, self._begin, self._write)

    @cached_property
    def _dispatch(self) -> Dispatch:
        # what was prepared may be large: no more of it is held than its body holds
        return Dispatch() if self.body.prepare_s is None else Dispatch(MOST_PROBLEMS)

    def _begin(self, arrays: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        """A call with arrays of a new kind, or with something else than NumPy arrays."""
        if any_chunked((*arrays, *named.values())):
            return cluster("calls").call(self.operation, arrays, named, self)
        bound = self._bound(arrays, named)
        op, (given, options, _) = self.operation, bound
        key = key_of(op, given, options)
        call = self._dispatch.find(key, given[0].shape, self.entry, given, options)
        return op.named(call(*given))

    def _write(self, arrays: tuple[Any, ...], named: Mapping[str, Any], out: Any) -> Any:
        """A call with memory of a new kind for its result, or with memory that is refused."""
        if any_chunked((*arrays, *named.values(), out)):
            refuse_out(self.operation.name)
        bound = self._bound(arrays, named)
        op, (given, options, _) = self.operation, bound
        memory = check_out(op, bound, out)
        key = key_into(op, given, options, out)
        self._dispatch.find(*key, self.entry, given, options, memory)(*given, memory)
        return op.named(out) if isinstance(memory, tuple) else out

    def _bound(self, arrays: tuple[Any, ...], named: Mapping[str, Any]) -> Bound:
        bound = self.operation.bind(*arrays, **named)
        if self.reason:
            raise ValueError(
                f"kernel {self.method!r} of {self.operation.name} is unavailable: {self.reason}"
            )
        return bound

    def into(self, arrays: Sequence[Array], options: Mapping[str, str], out: Any) -> None:
        """The result written to ``out``, checked already: an array, or one for each output."""
        if self.takes_out:
            self.function(*arrays, **options, out=out)
        else:
            copy_to(out, self.function(*arrays, **options))

    def prepared(self, arrays: Sequence[Array], options: Mapping[str, str]) -> Function:
        """What the kernel's users call with such arrays: what it makes once a problem is made."""
        return self.body.prepared(arrays, options)

    def entry(
        self, arrays: Sequence[Array], options: Mapping[str, str], out: Any = None
    ) -> Function:
        """What to call with such arrays, checked already, with the least overhead around it.

        It serves arrays of the same shapes, dtypes and strides as these, and these options. Where
        memory for the result is given, it is called with such memory after the arrays.
        """
        if out is None or self.takes_out or isinstance(self.body, Prepared):
            return self.body.entry(arrays, options, out)
        call = self.body.entry(arrays, options)
        return lambda *given: copy_to(given[-1], call(*given[:-1]))

    def __getstate__(self) -> dict[str, Any]:
        """Its fields: what calls looked up is no part of it."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def __copy__(self) -> Kernel:
        """Itself: kernels are told apart by identity, as functions are."""
        return self

    def __deepcopy__(self, memo: object) -> Kernel:
        """Itself."""
        return self

    def __repr__(self) -> str:
        return f"<Kernel {self.operation.name}[{self.method!r}]>"
