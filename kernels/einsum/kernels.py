"""The kernels that compute a task, by name, and the one that is expected to be the fastest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from einbench.einsum import blocked, compiling, pairs, products, rule
from einbench.einsum.task import Array, Refusal, Run, Task

#: most elements of a temporary that ``broadcast`` may make
MOST_BROADCAST = 1 << 26


def einsum(task: Task) -> Run:
    """NumPy's own loop over all indices."""
    return _numpy(task, optimize=False)


def einsum_path(task: Task) -> Run:
    """NumPy's optimised path.

    Raises:
        Refusal: one operand has no path.
    """
    if len(task.strides) < 2:
        raise Refusal("one operand has no path")
    return _numpy(task, optimize=True)


def _numpy(task: Task, *, optimize: bool) -> Run:
    contraction = task.contraction
    if not contraction.fits_numpy:
        raise Refusal("more indices or operands than one call of NumPy's takes")
    text = contraction.text

    def run(arrays: Sequence[Array], out: Array) -> None:
        np.einsum(text, *arrays, out=out, optimize=optimize)

    return quiet(run) if optimize else run


def quiet(run: Run) -> Run:
    """Without the warnings of matrix products and ufuncs: NumPy's own loop has none."""

    def silent(arrays: Sequence[Array], out: Array) -> None:
        with np.errstate(all="ignore"):
            run(arrays, out)

    return silent


def broadcast(task: Task) -> Run:
    """All products at once, then their sums.

    Raises:
        Refusal: they would take too much memory.
    """
    if task.contraction.iterations > MOST_BROADCAST:
        raise Refusal(
            f"all products at once take {task.contraction.iterations * task.dtype.itemsize:,} bytes"
        )
    return quiet(products.broadcast(task))


def auto(task: Task) -> Run:
    """The kernel that is expected to be the fastest."""
    return KERNELS[rule.choose(task)[0]](task)


def common(task: Task) -> Run:
    """The same of the kernels that need no code of the machine."""
    name = rule.choose_common(task)[0]
    return pairs.path(task, common) if name == "path" else KERNELS[name](task)


#: simplest first; each gives what is called with operands and memory for the result
KERNELS: dict[str, Callable[[Task], Run]] = {
    "loop": compiling.interpreted,
    "einsum": einsum,
    "einsum_path": einsum_path,
    "tensordot": lambda task: quiet(products.tensordot(task)),
    "matmul": lambda task: quiet(products.matmul(task)),
    "broadcast": broadcast,
    "blocked": lambda task: blocked.soon_blocked(task, common),
    "path": lambda task: pairs.path(task, auto),
    "numba": partial(compiling.compiled, parallel=False),
    "numba_parallel": partial(compiling.compiled, parallel=True),
}
