"""A kernel with a problem's inputs as a call without any: what the clock sees."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from einbench.kernel import Kernel
from einbench.problem import Problem

Call = Callable[[], object]


def bound(kernel: Kernel, problem: Problem) -> Call:
    """What the kernel's users call; all that it prepares for the problem is prepared now."""
    return partial(kernel.prepared(problem.given, problem.options), *problem.given)


def bare(kernel: Kernel, problem: Problem) -> Call:
    """What `einbench.auto` calls for such inputs, with nothing between."""
    return partial(kernel.entry(problem.given, problem.options), *problem.given)


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
    bound_call = bound(kernel, problem)

    def call() -> object:
        made.append(bound_call())
        return made[-1]

    return call
