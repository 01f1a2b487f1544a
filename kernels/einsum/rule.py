"""Which kernel is expected to be the fastest for a task, before any was timed.

Measuring (`einbench.fastest` on an `einbench.expression`) knows better.
"""

from __future__ import annotations

import functools

from einbench.einsum import estimates, pairs
from einbench.einsum.compiling import why_not_compiled
from einbench.einsum.estimates import WORTH_COMPILING as WORTH_COMPILING  # noqa: PLC0414 - for others
from einbench.einsum.estimates import quickest
from einbench.einsum.preparing import PATIENCE_S, begun, preparing
from einbench.einsum.program import program
from einbench.einsum.task import Refusal, Task

#: seconds of three operands and more from which on the machine is of use
_WORTH_PROGRAM = 5e-6
#: how much of BLAS's time one product must take, for numba to be imported
_WORTH_IMPORTING = 0.9
#: the same where numba is there
_BESIDE_BLAS = 1.2


def choose(task: Task) -> tuple[str, float]:
    """Name of the kernel, and the seconds it is expected to take."""
    seconds = _machine(task, begun())
    return choose_common(task) if seconds is None else ("blocked", seconds)


def costs(task: Task) -> dict[str, float]:
    """Seconds that each kernel which may be the fastest is expected to take.

    Where the machine is expected to be, and is not there yet, it is the only one: what would be
    found out without it is not to be remembered.
    """
    expected = estimates.costs(task)
    seconds = _machine(task, begun())
    if seconds is None:
        return expected
    machine_here = preparing(task.dtype)
    if not machine_here.wait(PATIENCE_S):
        return expected if machine_here.failed else {"blocked": seconds}
    return {**expected, "blocked": seconds}


@functools.lru_cache(maxsize=4096)
def _machine(task: Task, has_machine: bool) -> float | None:
    """Seconds of the machine; None where another kernel is expected to take less."""
    name, seconds = choose_common(task)
    worth = _WORTH_PROGRAM if len(task.strides) > 2 else WORTH_COMPILING
    if seconds < worth or why_not_compiled(False):
        return None
    try:
        blocked = program(task).seconds
    except Refusal:
        return None
    # where BLAS has it all, there must be some use in importing a compiler; where there is a
    # machine, its threads and those of BLAS would wait for each other
    if name == "matmul":
        seconds *= _BESIDE_BLAS if has_machine else _WORTH_IMPORTING
    return blocked if blocked < seconds else None


def choose_common(task: Task) -> tuple[str, float]:
    """The same of the kernels that need no code of the machine."""
    name, seconds = quickest(task)
    if len(task.strides) > 2:
        in_pairs = pairs.seconds_of(task)
        if in_pairs <= seconds or not task.contraction.fits_numpy:
            return "path", in_pairs
    return name, seconds
