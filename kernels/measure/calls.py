"""A kernel bound to a problem's inputs, as a call without arguments to be timed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy.typing as npt

from einbench.host.memory import for_result
from einbench.kernel import Kernel
from einbench.measure.turns import LocalTurn
from einbench.measure.where import remote
from einbench.problem import Problem

Array = npt.NDArray[Any]
Call = Callable[[], object]


def bound(kernel: Kernel, problem: Problem) -> Call:
    """The kernel as users call it, prepared for these inputs; of a remote one, the remote call."""
    if body := remote(kernel):
        return body.bound(problem.given, problem.options)
    return partial(kernel.prepared(problem.given, problem.options), *problem.given)


def bare(kernel: Kernel, problem: Problem) -> Call:
    """The function that `einbench.auto` calls for such inputs, without checks around it."""
    if body := remote(kernel):
        return body.bound(problem.given, problem.options)
    return partial(kernel.entry(problem.given, problem.options), *problem.given)


def outputs_memory(problem: Problem) -> tuple[Array, ...]:
    """Memory for all outputs of a problem."""
    op = problem.operation
    shapes = op.output_shapes(problem.sizes)
    return tuple(for_result(s, op.output_dtype(n, problem.dtype)) for n, s in shapes.items())


def into(kernel: Kernel, problem: Problem, memory: tuple[Array, ...]) -> Call:
    """As `bare`, writing to this memory where the kernel can."""
    if remote(kernel) or not kernel.takes_out:
        return bare(kernel, problem)
    out = memory if len(memory) > 1 else memory[0]
    call = kernel.entry(problem.given, problem.options, out)
    return LocalTurn(partial(call, *problem.given, out), out)


def or_raising(make: Callable[[Kernel, Problem], Call], kernel: Kernel, problem: Problem) -> Call:
    """What ``make`` makes; where that raises, a call that raises the same: a kernel's failure."""
    try:
        return make(kernel, problem)
    except (Exception, SystemExit) as raised:
        return partial(_raise, raised)


def _raise(raised: BaseException) -> object:
    raise raised


def collecting(kernel: Kernel, problem: Problem, made: list[object]) -> Call:
    """As `bound`, and what it returned is put into ``made``."""
    function = kernel.prepared(problem.given, problem.options)

    def call() -> object:
        made.append(function(*problem.given))
        return made[-1]

    return call
