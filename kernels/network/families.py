"""Which kernel of an operation a family means: the one of its name, or the next of its kind."""

from __future__ import annotations

from collections.abc import Mapping

from einbench.kernel import Kernel
from einbench.names import normalise, unknown
from einbench.operation import Operation
from einbench.registry import operation, operations

#: whole arrays at once, whatever the operation calls that
_ARRAYS = ("ufunc", "indexed", "sum", "matmul", "einsum", "loop")
#: a family -> its substitutes, the first that exists, where an operation has no such kernel;
#: every other family, ``matmul`` and ``einsum`` too, has ``_ARRAYS``
FALLBACKS: dict[str, tuple[str, ...]] = {
    "numba_parallel": ("numba", "loop"),
    "numba": ("loop",),
    "tiled": ("numba", "loop"),
    "sample_loop": ("loop",),
    "loop": _ARRAYS,
    "einsum_path": ("einsum", *_ARRAYS),
}
AUTO = "auto"


class Families:
    """``auto``, one method for all operations, or a method for some and auto for the rest.

    Raises:
        TypeError: neither a name nor a mapping of names.
        ValueError: no operation has such a method, or it cannot run here, with the reason.
    """

    def __init__(self, choice: str | Mapping[str, str]) -> None:
        self._each: dict[str, str] = {}
        self._all = AUTO
        if isinstance(choice, str):
            self._all = _checked_family(choice)
        elif isinstance(choice, Mapping):
            for name, method in choice.items():
                op = operation(name)
                if normalise(method) != AUTO:
                    self._each[op.name] = _usable(op[method]).method
        else:
            raise TypeError(
                f"kernels={choice!r}: expected 'auto', a method as 'matmul', or a dict "
                "{operation: method}"
            )

    @property
    def choice(self) -> str | dict[str, str]:
        """As it was given, in normal form."""
        return dict(self._each) or self._all

    def kernel(self, op: Operation) -> Kernel | None:
        """The kernel that this operation is computed with; None: the fastest.

        Raises:
            ValueError: it cannot run here, with the reason.
        """
        if op.name in self._each:
            return _usable(op[self._each[op.name]])
        if self._all == AUTO:
            return None
        for method in (self._all, *FALLBACKS.get(self._all, _ARRAYS)):
            if method in op:
                return _usable(op[method])
        return next(iter(op))


def _usable(kernel: Kernel) -> Kernel:
    if reason := kernel.reason:
        raise ValueError(
            f"kernel {kernel.method!r} of {kernel.operation.name} is unavailable: {reason}"
        )
    return kernel


def _checked_family(choice: str) -> str:
    family = normalise(choice)
    if family == AUTO:
        return AUTO
    known = dict.fromkeys(method for op in operations.values() for method in op.kernels)
    if family not in known:
        raise ValueError(unknown("kernels", choice, [AUTO, *known], " of any operation"))
    for op in operations.values():
        if family in op:
            _usable(op[family])
    return family
