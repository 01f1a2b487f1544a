"""Which kernel is expected to be the fastest for a task, before any was timed.

Measuring (`einbench.fastest` on an `einbench.expression`) knows better.
"""

from __future__ import annotations

import contextlib
import functools
from operator import itemgetter

from einbench.einsum import estimates, pairs, rates
from einbench.einsum.compiling import why_not_compiled
from einbench.einsum.estimates import WORTH_COMPILING as WORTH_COMPILING  # noqa: PLC0414 - for others
from einbench.einsum.estimates import quickest
from einbench.einsum.preparing import begun, preparing
from einbench.einsum.program import program
from einbench.einsum.task import Refusal, Task

#: seconds of three operands and more from which on the machine is of use
_WORTH_PROGRAM = 5e-6
#: how much of BLAS's time one product must take, for numba to be imported
_WORTH_IMPORTING = 0.9
#: the same where numba is there
_BESIDE_BLAS = 1.2
#: times as long as the best that an order of pairs, or the machine, may be expected to take, and be
#: the best yet; the machine for one step, where it is there already
_MAY_BE_BETTER, _ONE_STEP = 2.5, 4.0
#: seconds from which on steps are large products, of which BLAS takes what is expected: no compiler
#: is imported for what may be better
_LONG_S = 1e-3


def choose(task: Task) -> tuple[str, float]:
    """Name of the kernel, and the seconds it is expected to take."""
    machine = _machine(task, begun(), 1.0)
    return min(machine.items(), key=itemgetter(1)) if machine else choose_common(task)


def costs(task: Task) -> dict[str, float]:
    """Seconds that each kernel which may be the fastest is expected to take.

    Where the machine may be, and is not there yet, the one that is expected to be is the only one:
    what would be found out without the machine is not to be remembered.
    """
    expected = estimates.costs(task)
    if len(task.strides) > 2:
        orders = zip(pairs.ORDERS, pairs.orders_of(task), strict=False)
        expected |= _near({f"path{which}": pairs.seconds_of(order) for which, order in orders})
        if not task.contraction.fits_numpy:
            return {"path": expected["path"]}
    here, times = begun(), 1.0
    if here or (len(task.strides) > 2 and choose_common(task)[1] < _LONG_S):
        times = _MAY_BE_BETTER if len(task.strides) > 2 else _ONE_STEP
    machine = _machine(task, here, times)
    if not machine:
        return expected
    machine_here, every = preparing(task.dtype), {**expected, **machine}
    if machine_here.soon():
        return every
    return expected if machine_here.failed else dict([min(every.items(), key=itemgetter(1))])


def _near(seconds: dict[str, float]) -> dict[str, float]:
    """Those of the best order, and of others that may take no longer."""
    most = _MAY_BE_BETTER * min(seconds.values())
    return {name: each for name, each in seconds.items() if each <= most}


@functools.lru_cache(maxsize=2048)
def _machine(task: Task, has_machine: bool, times: float) -> dict[str, float]:
    """Seconds of the machine in each order; empty where they are so many times another kernel's."""
    name, seconds = choose_common(task)
    worth = _WORTH_PROGRAM if len(task.strides) > 2 else WORTH_COMPILING
    if seconds < worth or why_not_compiled():
        return {}
    blocked: dict[str, float] = {}
    orders = len(pairs.orders_of(task)) if len(task.strides) > 2 else 1
    least = estimates.moving(task) / rates.threads()
    for rank, which in enumerate(pairs.ORDERS[:orders]):
        with contextlib.suppress(Refusal):
            blocked[f"blocked{which}"] = max(program(task, rank).seconds, least)
    # where BLAS has it all, there must be some use in importing a compiler; where there is a
    # machine, its threads and those of BLAS would wait for each other
    if name == "matmul":
        seconds *= _BESIDE_BLAS if has_machine else _WORTH_IMPORTING
    return _near(blocked) if blocked and min(blocked.values()) < times * seconds else {}


rates.on_change.append(_machine.cache_clear)


def choose_common(task: Task) -> tuple[str, float]:
    """The same of the kernels that need no code of the machine."""
    name, seconds = quickest(task)
    if len(task.strides) > 2:
        in_pairs = pairs.seconds_of(pairs.steps_of(task))
        if in_pairs <= seconds or not task.contraction.fits_numpy:
            return "path", in_pairs
    return name, seconds
