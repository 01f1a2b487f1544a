"""remember, interpolate, measure: which kernel a call gets, and how that became known."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from einbench.arguments import Bound
from einbench.choose.book import Remembered
from einbench.choose.environment import Environment, Threads, environment
from einbench.choose.recall import Recalled, hint, recall
from einbench.choose.signature import Signature, signature
from einbench.choose.wisdom import Wisdom, wisdom
from einbench.host.locks import ForkedLock
from einbench.kernel import Kernel
from einbench.operation import Operation
from einbench.problem import Problem

if TYPE_CHECKING:
    from einbench.choose.estimate import Estimate
    from einbench.choose.measuring import Measured

#: one measurement at a time: two at once would disturb each other
_MEASURING = ForkedLock()


class NoKernelLeft(ValueError):  # noqa: N818 - what is the matter, as users read it
    """Of an operation at this size: none is right, can run, and fits into memory."""


class Decision(NamedTuple):
    """The kernel to call, for what, and the evidence for it."""

    kernel: Kernel
    signature: Signature
    #: from memory, measured now, or estimated; just one of them
    recalled: Recalled | None = None
    measured: Measured | None = None
    estimate: Estimate | None = None
    #: what was chosen in another environment
    hint: Remembered | None = None

    def __repr__(self) -> str:
        sizes = ", ".join(f"{axis} {size}" for axis, size in self.signature.sizes)
        name = f"{self.kernel.operation.name} at {sizes}" if sizes else self.kernel.operation.name
        return f"{name}, {self.signature.dtype}: {self.kernel.method}, {self.origin}"

    @property
    def origin(self) -> str:
        """How it became known: measured, remembered, interpolated or estimated."""
        if self.recalled is not None:
            return "remembered" if self.recalled.exact else "interpolated"
        return "measured" if self.measured is not None else "estimated"


def decide(
    op: Operation,
    bound: Bound,
    threads: Threads,
    rigor: str = "measure",
    *,
    budget_s: float | None = None,
    again: bool = False,
    between: bool = True,
    clock: Callable[[], float] = time.perf_counter,
) -> Decision:
    """The kernel for these arrays: from memory where it has one, else measured or estimated.

    Args:
        op: the operation.
        bound: arrays and options, checked.
        threads: that calls will have; they are the caller's to set.
        rigor: ``estimate``, ``measure`` or ``patient``.
        budget_s: seconds of timing in place of what rigor says.
        again: measure whatever memory says.
        between: whether sizes around this one may answer.
        clock: the only source of time while measuring, in seconds.

    Raises:
        NoKernelLeft: none passes the check, or every one failed or takes too much memory.
    """
    here, requested, memory = environment(op), signature(op, bound, threads), wisdom()
    if not again and (found := _from_memory(op, here, requested, rigor, memory, between)):
        return found
    if rigor == "estimate":
        from einbench.choose.estimate import estimate

        usable = [method for method, _ in here.candidates]
        while usable:
            guess = estimate(op, requested, here, memory, usable)
            if _passes(op, guess.kernel, here, requested, memory):
                return Decision(guess.kernel, requested, estimate=guess)
            usable.remove(guess.kernel.method)
        raise NoKernelLeft(f"{op.name}: no kernel passes the check")
    with _MEASURING.lock, memory.measuring():
        # another thread or process may have measured it while this one waited
        if not again and (found := _from_memory(op, here, requested, rigor, memory, between)):
            return found
        return _measure(op, bound, here, requested, rigor, memory, budget_s, clock)


def _from_memory(
    op: Operation,
    here: Environment,
    requested: Signature,
    rigor: str,
    memory: Wisdom,
    between: bool,
) -> Decision | None:
    found = recall(op, memory.book(op.name), here, requested, rigor)
    if found is None or not (between or found.exact):
        return None
    if not (found.checked or _passes(op, found.kernel, here, requested, memory)):
        return None
    return Decision(found.kernel, requested, recalled=found)


def _passes(
    op: Operation, kernel: Kernel, here: Environment, requested: Signature, memory: Wisdom
) -> bool:
    """Check a kernel that imported wisdom names, before it is first called."""
    from einbench.choose.measuring import check_one

    with _MEASURING.lock:
        if kernel.method in memory.book(op.name).passed(here, requested.dtype):
            return True
        verdict = check_one(kernel, requested.dtype)
        if verdict.passed:
            memory.remember(
                op.name, passed={(here, requested.dtype): {kernel.method: verdict.error}}
            )
        return verdict.passed


def _measure(
    op: Operation,
    bound: Bound,
    here: Environment,
    requested: Signature,
    rigor: str,
    memory: Wisdom,
    budget_s: float | None,
    clock: Callable[[], float],
) -> Decision:
    from einbench.choose.measuring import measure, remembered

    book = memory.book(op.name)
    old = hint(book, here, requested)
    passed = book.passed(here, requested.dtype)
    measured = measure(
        Problem.of(op, bound.arrays, bound.options), requested, passed, rigor, budget_s, clock
    )
    choice = remembered(here, requested, rigor, measured.records)
    if choice is None:
        reasons = "; ".join(f"{r.kernel}: {r.reason}" for r in measured.records)
        raise NoKernelLeft(f"{op.name}: no kernel is left to choose from ({reasons})")
    # what kernels take for infinity and NaN says nothing of the numbers that others will have
    usual = all(np.isfinite(array).all() for array in bound.arrays if array.dtype.kind == "f")
    kept = [choice] if usual else []
    memory.remember(op.name, *kept, passed={(here, requested.dtype): measured.passed})
    return Decision(op[choice.kernel], requested, measured=measured, hint=old)
