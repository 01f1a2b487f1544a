"""Which kernel of an operation a name means: the one so called, or the next of its family."""

from __future__ import annotations

from collections.abc import Mapping

from einbench.kernel import Kernel
from einbench.names import normalise, unknown
from einbench.operation import Operation
from einbench.registry import operation, operations

#: what stands in for a kernel, kind after kind, where an operation has none of its family: NumPy
#: on whole arrays, but compiled loops for compiled ones and Python's for Python's
_ARRAYS = ("arrays", "matmul", "einsum", "loop")
FALLBACKS: dict[str, tuple[str, ...]] = {
    "simd": ("tiled", "numba", "loop"),
    "tiled": ("numba", "loop"),
    "numba_parallel": ("numba", "loop"),
    "numba": ("loop",),
    "loop": _ARRAYS,
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
        if self._all in op:
            return _usable(op[self._all])
        own = _families()[self._all]
        for family in (own, *FALLBACKS.get(own, _ARRAYS)):
            # simplest come first, and the last of a kind is what the others lead to
            if kind := [kernel for kernel in op if kernel.family == family]:
                return _usable(kind[-1])
        return next(iter(op))


def _families() -> dict[str, str]:
    """Every method of any operation, and its family."""
    return {kernel.method: kernel.family for op in operations.values() for kernel in op}


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
    known = _families()
    if family not in known:
        raise ValueError(unknown("kernels", choice, [AUTO, *known], " of any operation"))
    for op in operations.values():
        if family in op:
            _usable(op[family])
    return family
