"""The kernels that compute a task, by name, and the one that is expected to be the fastest."""

from __future__ import annotations

import contextlib
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


#: asked for the kernel of a step that was measured to be the fastest, if any was
MEASURED: list[Callable[[Task], str | None]] = []


def auto(task: Task) -> Run:
    """The kernel that was measured to be the fastest, else the one expected to be."""
    for ask in MEASURED:
        if (name := ask(task)) is not None:
            with contextlib.suppress(Refusal, ImportError):  # what compiled it may be gone
                return KERNELS[name](task)
    return KERNELS[rule.choose(task)[0]](task)


def common(task: Task, rank: int = 0) -> Run:
    """The one expected to be of those that need no code of the machine; in this order of pairs."""
    name = rule.choose_common(task)[0]
    return pairs.path(task, common, rank) if name == "path" else KERNELS[name](task)


def _blocked(task: Task, rank: int) -> Run:
    return blocked.soon_blocked(task, partial(common, rank=rank), rank)


def _path(task: Task, rank: int) -> Run:
    return pairs.path(task, auto, rank)


#: simplest first; each gives what is called with operands and memory for the result
KERNELS: dict[str, Callable[[Task], Run]] = {
    "loop": compiling.interpreted,
    "einsum": einsum,
    "einsum_path": einsum_path,
    "tensordot": lambda task: quiet(products.tensordot(task)),
    "matmul": lambda task: quiet(products.matmul(task)),
    "broadcast": broadcast,
    **{f"blocked{which}": partial(_blocked, rank=n) for n, which in enumerate(pairs.ORDERS)},
    **{f"path{which}": partial(_path, rank=n) for n, which in enumerate(pairs.ORDERS)},
    "numba": partial(compiling.compiled, parallel=False),
    "numba_parallel": partial(compiling.compiled, parallel=True),
}
