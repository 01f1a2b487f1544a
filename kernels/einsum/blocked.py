"""The kernel that runs a task on the machine: one call for all steps, without copies in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from einbench.einsum import machine
from einbench.einsum.compiling import why_not_compiled
from einbench.einsum.preparing import preparing
from einbench.einsum.program import program
from einbench.einsum.task import Array, Refusal, Run, Task
from einbench.host.locks import ForkedLock

#: entries that are held, by numbers of axes; all are let go where there are more
_MOST_ENTRIES = 256
_LOCK = ForkedLock()
_ENTRIES: dict[tuple[Any, ...], Any] = {}


def blocked(task: Task, rank: int = 0) -> Run:
    """The steps of a task on pieces that stay in a core's cache, in such an order of pairs.

    Raises:
        Refusal: it has one operand, or is not of float32 or float64, or nothing is compiled here.
    """
    if why := why_not_compiled():
        raise Refusal(why)
    made = program(task, rank)
    axes = tuple(len(each) for each in (*task.strides, task.out_strides))
    key = (task.dtype.char, axes, made.shared > 0)
    preparing(task.dtype).wait(None)
    function = _ENTRIES.get(key)
    if function is None:
        with _LOCK.lock:
            function = _ENTRIES.get(key)
            if function is None:
                function = _compile(task.dtype, axes, shared=made.shared > 0)
                if len(_ENTRIES) >= _MOST_ENTRIES:
                    _ENTRIES.clear()
                _ENTRIES[key] = function
    table, places, jobs = made.table, made.places, made.jobs
    if len(axes) == 3:
        return lambda arrays, out: function(arrays[0], arrays[1], out, table, places, jobs)

    def run(arrays: Sequence[Array], out: Array) -> None:
        function(*arrays, out, table, places, jobs)

    return run


def soon_blocked(task: Task, otherwise: Callable[[Task], Run], rank: int = 0) -> Run:
    """The same, and another kernel as long as the machine is being compiled."""
    machine_here = preparing(task.dtype)
    if machine_here.soon():
        return blocked(task, rank)
    current = other = otherwise(task)

    def run(arrays: Sequence[Array], out: Array) -> None:
        nonlocal current
        if current is other and machine_here.ready:
            current = blocked(task, rank)
        current(arrays, out)

    return run


def _compile(dtype: np.dtype[Any], axes: Sequence[int], *, shared: bool) -> Any:
    import numba

    from einbench.jit.bodies import digest_of, jit_of
    from einbench.jit.code_cache import CodeCache

    used = {name: getattr(machine, name) for name in ("execute", "address", "fresh")}
    source = machine.entry(len(axes) - 1, shared=shared)
    scope: dict[str, Any] = {name: each.built for name, each in used.items()}
    exec(compile(source, "<entry of einsum>", "exec"), scope)  # noqa: S102 - names made here
    function = scope["loops"]
    function.__module__ = __name__
    dispatcher = jit_of(function)
    sources: frozenset[str] = frozenset().union(*(each.sources for each in used.values()))
    about = f"einsum machine {dtype.char} {digest_of(sources)} {source}"
    dispatcher._cache = CodeCache(function, about, by_address=True)
    types = [
        numba.types.Array(
            numba.from_dtype(dtype), count, "A" if count else "C", readonly=place < len(axes) - 1
        )
        for place, count in enumerate(axes)
    ]
    whole = numba.types.Array(numba.int64, 1, "C")
    # as for loops, without its dispatcher
    return dispatcher.compile((*types, whole, whole, numba.int64))
