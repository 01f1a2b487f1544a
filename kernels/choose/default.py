"""The kernel that serves where nothing is measured: a rule, and the same one every day.

    the last kernel that runs here, of those that the module of the operation's first one registered

They are registered simplest first, and a later one is there because it is faster. A kernel that
another module adds never becomes the default. Of an einsum expression it is the kernel that is
expected to take the least, of those that compute in the same way from a process's first call on;
of three operands and more, NumPy's optimised path.

Before it is served it is looked at once at this size, as every kernel that was not timed there; the
one before it takes the place of one that is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from einbench.arguments import Array
from einbench.kernel import Kernel
from einbench.operation import Operation


def defaults(op: Operation, arrays: Sequence[Array]) -> Iterator[Kernel]:
    """The default for these arrays, and what takes its place where it is wrong, in turn."""
    from einbench.einsum import rates
    from einbench.einsum.expression import expected_of

    rates.use({})  # what was measured of this machine may be measured again
    kernels = list(op)
    own = [k for k in kernels if k.origin.module == kernels[0].origin.module]
    runnable = [k for k in own if k.available and k.here]
    expected = expected_of(op, arrays)
    yield from (kernel for kernel in runnable if kernel.method == expected)
    yield from (kernel for kernel in reversed(runnable) if kernel.method != expected)
