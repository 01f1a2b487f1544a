"""The kernels of one operation: their order, and which name may be taken."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from einbench.body import Function
from einbench.kernel import Kernel


class Collection:
    """Kernels by name, simplest first: interpreted, compiled, compiled for threads."""

    def __init__(self) -> None:
        self._kernels: dict[str, Kernel] = {}
        #: name -> its place among those of its kind, which it keeps when it is defined again
        self._places: dict[str, int] = {}
        self.in_order: Mapping[str, Kernel] = MappingProxyType(self._kernels)

    @property
    def simplest(self) -> str:
        """The kernel that speed-ups are measured against where none is stated."""
        return "loop" if "loop" in self._kernels else next(iter(self._kernels), "loop")

    def reserve(self, name: str) -> None:
        """Take the next place for a kernel that is still to come."""
        if name not in self._kernels:
            self._places[name] = max(self._places.values(), default=-1) + 1

    def add(self, kernel: Kernel) -> None:
        """Put a kernel in the place that was reserved for it; one of its name is replaced."""
        if kernel.method not in self._places:  # removed since, and defined again
            self.reserve(kernel.method)
        self._kernels[kernel.method] = kernel
        in_order = sorted(self._kernels.items(), key=lambda item: self._key(item[1]))
        self._kernels.clear()
        self._kernels.update(in_order)

    def remove(self, name: str) -> None:
        """Remove a kernel; its place is free."""
        del self._kernels[name], self._places[name]

    def refuse_taken(self, operation: str, name: str, module: str, function: Function) -> None:
        """Raise where a name stands for a kernel that is not the caller's own to replace.

        Raises:
            ValueError: it is another module's, or another function's of the same file.
        """
        there = self._kernels.get(name)
        if there is None:
            return
        whose = there.origin.module
        if _of_the_package(whose):
            whose = "einbench's own"
        elif whose == module:
            beside = _beside(there.body.source, function)
            if not beside:
                return
            whose = f"the function {beside} of this file"
        raise ValueError(
            f"operation {operation} has a kernel {name!r} already, {whose or 'another module'}: "
            f"choose another name, taken are {', '.join(self._kernels)}; or call "
            f"op.remove({name!r}) first"
        )

    def _key(self, kernel: Kernel) -> tuple[bool, bool, int]:
        return kernel.origin.compile, kernel.origin.parallel, self._places[kernel.method]


def _beside(there: Function, function: Function) -> str:
    """The name of the function that is there, where one file defines both under different names.

    At a prompt all functions are of one file that is none, and may be renamed.
    """
    code, new = getattr(there, "__code__", None), getattr(function, "__code__", None)
    if code is None or new is None or code.co_filename != new.co_filename:
        return ""
    if code.co_name == new.co_name or code.co_filename.startswith("<"):
        return ""
    return str(code.co_name)


def _of_the_package(module: str) -> bool:
    return module.partition(".")[0] == "einbench"
