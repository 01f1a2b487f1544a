"""A kernel with its arguments as a call without any: what the clock sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from einbench.kernel import Array, Kernel

Call = Callable[[], object]


def bound(kernel: Kernel, arrays: tuple[Array, ...], options: Mapping[str, str]) -> Call:
    """The kernel's function, as anybody calls it who has it."""
    function = kernel.function
    if options:
        return lambda: function(*arrays, **options)
    return lambda: function(*arrays)


def bare(kernel: Kernel, arrays: tuple[Array, ...], options: Mapping[str, str]) -> Call:
    """What `einbench.auto` calls for such arrays, with nothing between."""
    return partial(kernel.entry(arrays, options), *arrays)


def kept(
    kernel: Kernel, arrays: tuple[Array, ...], options: Mapping[str, str], made: list[object]
) -> Call:
    """As `bound`, and what it returned is put into ``made``."""
    function = kernel.function

    def call() -> object:
        made.append(function(*arrays, **options))
        return made[-1]

    return call
