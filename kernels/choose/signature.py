"""What a choice is made for: sizes, options, dtypes, layout, threads and context of one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from einbench.arguments import Array, Bound
from einbench.choose.environment import Threads
from einbench.contexts import PROGRAM

if TYPE_CHECKING:
    from einbench.operation import Operation


class Signature(NamedTuple):
    """Two calls with equal signatures get the same kernel; hashable."""

    #: ((axis, size), ...) in the operation's order
    sizes: tuple[tuple[str, int], ...]
    options: tuple[tuple[str, str], ...]
    #: of the floating arrays, ``float32`` or ``float64``
    dtype: str
    #: of the integer arrays, ``int64`` or ``uint8 int64``; empty where there is none
    integers: str
    #: a letter for each array: C or F contiguous, S for any other strides
    layout: str
    threads: Threads
    #: where it is to be the fastest: see `einbench.contexts`
    context: str = PROGRAM

    @property
    def kind(self) -> tuple[Any, ...]:
        """All but the sizes: between choices of one kind others may be interpolated."""
        return (
            tuple(axis for axis, _ in self.sizes),
            self.options,
            self.dtype,
            self.integers,
            self.layout,
            self.threads,
            self.context,
        )


def signature(op: Operation, bound: Bound, threads: Threads, context: str = PROGRAM) -> Signature:
    """Of a call with these arrays and options."""
    named = dict(zip(op.inputs, bound.arrays, strict=True))
    return Signature(
        sizes=tuple(bound.sizes.items()),
        options=tuple(bound.options.items()),
        dtype=floating_dtype(op, named).name,
        integers=" ".join(named[name].dtype.name for name in op.integers),
        layout=layout_letters(bound.arrays),
        threads=threads,
        context=context,
    )


def floating_dtype(op: Operation, named: Mapping[str, Array]) -> Any:
    """The dtype that all floating inputs share."""
    return next(array.dtype for name, array in named.items() if name not in op.integers)


def layout_name(letters: str) -> str:
    """C, F, or sliced where arrays have other strides or are not all alike."""
    return letters[0] if set(letters) in ({"C"}, {"F"}) else "sliced"


def layout_letters(arrays: Sequence[Array]) -> str:
    """``CCS``: C order, Fortran order where it is no C order too, and any other strides."""
    return "".join(
        "C" if array.flags.c_contiguous else "F" if array.flags.f_contiguous else "S"
        for array in arrays
    )
