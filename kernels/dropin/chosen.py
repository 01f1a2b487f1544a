"""The kernel that serves a task: remembered, or to be measured as it is first called."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Sequence
from functools import partial

from einbench.choose import allowance, contraction, paces, policy
from einbench.choose.environment import on_refresh
from einbench.choose.wisdom import wisdom
from einbench.dropin import near
from einbench.einsum import pairs, rates, rule
from einbench.einsum.blocked import blocked
from einbench.einsum.kernels import KERNELS, common
from einbench.einsum.task import Array, Refusal, Run, Task
from einbench.host.folders import OFF
from einbench.host.forking import importing
from einbench.host.locks import ForkedLock

_LOCK = ForkedLock()
#: task -> the name of its kernel; while choices are frozen, of one that had to be checked, and
#: empty where it was wrong
_KNOWN: dict[Task, str] = {}
_MOST_KNOWN = 8192
#: kernels that run code of numba's
COMPILED = frozenset({"numba", "numba_parallel", *(f"blocked{which}" for which in pairs.ORDERS)})


def remembering() -> bool:
    """Whether choices are kept: not where ``EINBENCH_WISDOM`` is ``off``."""
    return os.environ.get("EINBENCH_WISDOM", "").strip() != OFF


def forget() -> None:
    """Choose anew, from memory first."""
    _KNOWN.clear()
    near.forget()


on_refresh.append(allowance.forget)
on_refresh.append(forget)
policy.on_change.append(forget)


class Pick:
    """What gives the kernels of one plan; ``pending`` where one of them chooses as it is called."""

    def __init__(self) -> None:
        self.pending = False

    def __call__(self, task: Task) -> Run:
        """The kernel that was chosen for a task; else what chooses one as it is first called."""
        if policy.now().choice != policy.ON:
            still, run = _still(task)
            self.pending = self.pending or not still
            return run
        name = _settled(task)
        if name is None:
            self.pending = True
            return _choosing(task)
        return _made(task, name)

    def plain(self, task: Task) -> bool:
        """Whether NumPy's own call is the fastest."""
        if len(task.strides) > 2:
            return False
        still = policy.now().choice != policy.ON
        return (_still(task)[0] if still else _settled(task)) == "einsum"


def _still(task: Task) -> tuple[str, Run]:
    """The kernel where nothing is measured: remembered if choices are frozen, else by the rule.

    It computes in the same way from the first call on, whatever is compiled or measured by then.
    One that imported wisdom names has no name yet: it is checked in its first call.
    """
    if policy.now().choice == policy.FROZEN and remembering() and task.contraction.fits_numpy:
        paces.use_kept()
        found = contraction.recalled(task)
        if found is not None:
            name = found.kernel if found.checked else _KNOWN.get(task)
            if name is None:
                return "", _checking(task, found.kernel)
            with contextlib.suppress(Refusal, ImportError, MemoryError):
                if name:
                    return name, _STILL.get(name, KERNELS[name])(task)
    rates.use({})  # what was measured of this machine may be measured again
    return rule.choose_common(task)[0], common(task)


def name_of(task: Task, arrays: Sequence[Array], out: Array) -> str:
    """The kernel's name, measured now where it is not known; ``out`` may be written to."""
    if policy.now().choice == policy.ON:
        return _chosen(task, arrays, out)
    name, run = _still(task)
    if not name:  # one that imported wisdom names
        run(arrays, out)
        name = _still(task)[0]
    return name


def still(task: Task, name: str) -> Run:
    """The kernel of that name, which computes in the same way from the first call on.

    Where it does not compute this task, the one that the rule takes, without what was measured.
    """
    rates.use({})
    with contextlib.suppress(Refusal, ImportError, MemoryError):
        return _STILL.get(name, KERNELS[name])(task)
    return common(task)


def _checking(task: Task, name: str) -> Run:
    """What checks a kernel that imported wisdom names, and then computes as `_still` says."""

    def run(arrays: Sequence[Array], out: Array) -> None:
        if task not in _KNOWN:
            with importing():
                from einbench.dropin import measured
            _know(task, "" if measured.error_of(task, name, arrays, out) is None else name)
        _still(task)[1](arrays, out)

    return run


#: without another kernel in their place until they are compiled, and for steps the rule alone
_STILL: dict[str, Callable[[Task], Run]] = {
    **{f"blocked{which}": partial(blocked, rank=n) for n, which in enumerate(pairs.ORDERS)},
    **{
        f"path{which}": partial(pairs.path, plan=common, rank=n)
        for n, which in enumerate(pairs.ORDERS)
    },
}


def _settled(task: Task) -> str | None:
    """The name of the kernel, of this process or from disk; None where it is to be chosen."""
    name = _KNOWN.get(task)
    if name is None:
        paces.use_kept()
        whether = remembering() and task.contraction.fits_numpy
        name = contraction.measured(task) if whether else None
        if name is None and not (whether and len(costs_of(task)) > 1):
            name = _expected(task)
        if name is not None:
            _know(task, name)
    return name


@functools.lru_cache(maxsize=1024)
def costs_of(task: Task) -> dict[str, float]:
    """Seconds that kernels are expected to take."""
    return dict(rule.costs(task))


rates.on_change.append(costs_of.cache_clear)


def _made(task: Task, name: str) -> Run:
    try:
        return KERNELS[name](task)
    except (Refusal, ImportError, MemoryError):  # what compiled it is gone, or cannot be loaded
        _KNOWN.pop(task, None)
        return _uncompiled(task)


def _uncompiled(task: Task) -> Run:
    """The kernel that is expected to be the fastest of those that need no compiler."""
    costs = costs_of(task)
    for name in sorted(costs, key=costs.__getitem__):
        if name not in COMPILED:
            with contextlib.suppress(Refusal, ImportError, MemoryError):
                return KERNELS[name](task)
    return KERNELS["einsum"](task)


def _know(task: Task, name: str) -> None:
    if len(_KNOWN) >= _MOST_KNOWN:
        _KNOWN.clear()
    _KNOWN[task] = name


def _choosing(task: Task) -> Run:
    """What chooses as it is first called; until that may take time the rule's kernel serves."""
    book = task.contraction.text
    for_now: list[Run] = []
    for_good: list[Run] = []

    def run(arrays: Sequence[Array], out: Array) -> None:
        if not for_good and (task in _KNOWN or allowance.allows(book, arrays)):
            for_good.append(_made(task, _chosen(task, arrays, out)))
        elif not (for_good or for_now):
            name = _settled(task) or near.winner(task, 0.0) or _expected(task)
            for_now.append(_made(task, name))
        (for_good or for_now)[0](arrays, out)

    return run


def _expected(task: Task) -> str:
    """The kernel that the rule expects to be the fastest."""
    costs = costs_of(task)
    return min(costs, key=costs.__getitem__)


def _chosen(task: Task, arrays: Sequence[Array], out: Array) -> str:
    """The name of the kernel, measured now where it is not known; ``out`` may be written to."""
    with _LOCK.lock:
        name = _settled(task)
        if name is None:
            with wisdom().measuring():
                if len(task.strides) > 2:
                    paces.measure((task.dtype.name,))
                # another process may have chosen while this one waited
                name = _settled(task) or _measured(task, arrays, out)
        return name


def _measured(task: Task, arrays: Sequence[Array], out: Array) -> str:
    """The fastest kernel, which is remembered; NumPy's own where no other is right."""
    with importing():
        from einbench.dropin import measured  # imports more than a next process may

    text, dtype, costs = task.contraction.text, task.dtype.name, costs_of(task)
    imported = contraction.recalled(task)
    name = near.winner(task, min(costs.values())) if imported is None else imported.kernel
    if name is not None and (error := measured.error_of(task, name, arrays, out)) is not None:
        if imported is not None:
            here = contraction.here(text, dtype)
            wisdom().remember(text, passed={(here, dtype): {name: error}})
        _know(task, name)
        return name
    try:
        with allowance.spending(text, arrays):
            choice = measured.measured(task, costs, arrays, out)
    except MemoryError:
        # what the comparison takes is not left: the rule serves, and nothing is remembered
        return _expected(task)
    name = "einsum" if choice is None else choice.kernel
    if choice is not None:
        near.won(task, name)
        passed = {each: time.error for each, time in choice.times.items()}
        wisdom().remember(text, choice, passed={(choice.environment, dtype): passed})
    _know(task, name)
    return name
