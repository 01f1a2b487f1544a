"""remember, interpolate, measure: which kernel a call gets, and how that became known."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from einbench.arguments import Bound
from einbench.choose import allowance, policy
from einbench.choose.book import RIGORS, Remembered
from einbench.choose.decision import Decision, NoKernelLeft
from einbench.choose.environment import Environment, Threads, environment
from einbench.choose.fewer import on_threads
from einbench.choose.looked_at import MEASURING, REFUSALS, passes, passes_in, why_wrong_here
from einbench.choose.recall import hint, recall
from einbench.choose.signature import Signature, signature
from einbench.choose.telling import Progress, telling
from einbench.choose.wisdom import Wisdom, wisdom
from einbench.host import background
from einbench.kernel import Kernel
from einbench.names import is_expression
from einbench.operation import Operation
from einbench.plugins import of_plugin
from einbench.problem import Problem


def decide(
    op: Operation,
    bound: Bound,
    threads: Threads,
    rigor: str = "measure",
    *,
    budget_s: float | None = None,
    again: bool = False,
    between: bool = True,
    context: str | None = None,
    choice: str | None = None,
    waits: bool = True,
    clock: Callable[[], float] = time.perf_counter,
    progress: Progress | None = None,
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
        context: that it is to be the fastest in; None takes what `choosing` says.
        choice: ``on``, ``frozen`` or ``off``; None takes what `choosing` or the environment says.
        waits: for kernels that are not compiled yet, and however much was measured already; else
            the best of those that are ready, and that pass the check, answers while the others are
            compiled beside the program, and where measuring takes more than `may_measure` allows.
        clock: the only source of time while measuring, in seconds.
        progress: called while measuring, with the part done and what is being done.

    Raises:
        NoKernelLeft: none passes the check, or every one failed or takes too much memory.
        ValueError: there is no memory for a result, or to check one; or it is to be measured
            ``again`` though nothing is to be measured.
    """
    choice, context = choice or policy.now().choice, context or policy.now().context
    if again and choice != policy.ON:
        raise ValueError(
            f"again measures, and choice {choice} measures nothing: leave one of them out "
            "(EINBENCH_CHOICE says it for all)"
        )
    if is_expression(op.name):
        from einbench.choose.canonical import bound_as, canonical, said_of

        if (form := canonical(op)) is not None:
            twin, names = form
            decision = decide(
                twin, bound_as(twin, names, bound), threads, rigor, budget_s=budget_s, again=again,
                between=between, context=context, choice=choice, waits=waits, clock=clock,
                progress=progress,
            )  # fmt: skip
            return said_of(op, names, decision)
    began_s = clock()
    requested = signature(op, bound, threads, context)
    here, memory = environment(op), wisdom()
    asked = _Asked(op, bound, here, requested, rigor, memory)
    if choice != policy.ON:
        return _unmeasured(asked, choice)
    with telling(_said(op, requested), progress) as report:
        if not (waits or rigor == "estimate") and (found := _meanwhile(asked, report)):
            return found
        if not again and (found := _from_memory(asked, between)):
            return found
        if rigor == "estimate" or not (waits or again or may_measure(op, bound.arrays)):
            found = _estimated(asked, [method for method, _ in here.candidates], report)
            if found is None:
                raise NoKernelLeft(f"{op.name}: no kernel passes the check")
            return found
        arrived_s = clock()
        report(0.0, "waiting for another measurement")
        with MEASURING.lock, memory.measuring():
            waited_s = clock() - arrived_s
            # another thread or process may have measured it while this one waited
            if not again and (found := _from_memory(asked, between)):
                return found
            with allowance.spending(op.name, bound.arrays):
                decision = _measure(asked, budget_s, clock, report)
    if decision.measured is not None:
        spent = decision.measured.spent
        spent.waiting_s += waited_s
        spent.memory_s = max(0.0, clock() - began_s - spent.whole_s)
    return decision


def may_measure(op: Operation, arrays: Sequence[Any]) -> bool:
    """Whether a call that came with arguments of a new kind may have them measured."""
    return allowance.allows(op.name, arrays)


class _Asked(NamedTuple):
    """What a kernel is chosen for."""

    op: Operation
    bound: Bound
    here: Environment
    requested: Signature
    rigor: str
    memory: Wisdom

    def passes(self, kernel: Kernel) -> bool:
        return passes_in(self.op, kernel, self.here, self.requested, self.memory)

    def why_wrong(self, kernel: Kernel) -> str:
        theirs = kernel.available and of_plugin(kernel.origin.module)
        if theirs and not passes(kernel, self.requested, write=False):
            return "it does not pass the check in a process of its own"
        return why_wrong_here(kernel, self.bound, self.here, self.requested)


def _said(op: Operation, requested: Signature) -> str:
    axis, size = requested.sizes[0] if requested.sizes else ("", 0)
    return f"{op.name} at {axis} {size:,}" if axis else op.name


def _meanwhile(asked: _Asked, report: Progress) -> Decision | None:
    """The best of what is ready, where what would be called is not, and is compiled meanwhile.

    None where nothing is to be waited for, and where nothing is ready.
    """
    from einbench.choose import beside

    op, _, here, requested, rigor, memory = asked
    known = recall(op, memory.book(op.name), here, requested, rigor)
    needed = beside.missing([op[m] for m, _ in here.candidates][::-1], requested)
    late = {form.kernel.method for form in needed}
    if known is not None:
        needed = [form for form in needed if form.kernel.method == known.kernel.method]
        if known.exact:
            needed = [form for form in needed if form.options == requested.options]
    if not needed and (known is not None or not background.busy()):
        return None
    ready = [method for method, _ in here.candidates if method not in late]
    passed = memory.book(op.name).passed(here, requested.dtype)
    # what was timed at this size, here and with this code, has been looked at there
    timed = known.evidence.times if known and isinstance(known.evidence, Remembered) else {}
    right = [method for method in ready if method in passed and method in timed]
    usable = right or [method for method in ready if method in passed] or ready
    found = _estimated(asked, usable, report, right)
    if found is not None:
        beside.begin(op, needed)
    return found


def _estimated(
    asked: _Asked, usable: list[str], report: Progress, right: Collection[str] = ()
) -> Decision | None:
    """The kernel that is expected to be the fastest of those that pass the check.

    At this size too: of ``right`` it is known.

    Raises:
        ValueError: several refuse these arrays.
    """
    from einbench.choose.estimate import estimate

    refused = []
    while usable:
        guess = estimate(asked.op, asked.requested, asked.here, asked.memory, usable)
        report(0.0, f"checking {guess.kernel.method}")
        if asked.passes(guess.kernel):
            why = "" if guess.kernel.method in right else asked.why_wrong(guess.kernel)
            if not why:
                return Decision(guess.kernel, asked.requested, estimate=guess)
            refused.append(why)
        usable.remove(guess.kernel.method)
    if len(refused) > 1:
        _raise_refused(refused)
    return None


def _unmeasured(asked: _Asked, choice: str) -> Decision:
    """From memory where that may answer; else the default."""
    from einbench.choose.default import defaults

    op, bound, here, requested, _, memory = asked
    if choice == policy.FROZEN:
        # of any rigor
        found = recall(op, memory.book(op.name), here, requested, RIGORS[0], frozen=True)
        if found is not None and (
            (found.checked and found.exact) or not asked.why_wrong(found.kernel)
        ):
            return Decision(found.kernel, requested, recalled=found)
    reasons = []
    for kernel in defaults(op, bound.arrays):
        if not (why := asked.why_wrong(kernel)):
            return Decision(kernel, requested, unmeasured=choice)
        reasons.append(why)
    _raise_refused(reasons)
    raise NoKernelLeft(f"{op.name}: no kernel that may be its default is right at this size")


def _raise_refused(reasons: Collection[str]) -> None:
    """Raise where all are refusals: what every kernel refuses is the caller's error."""
    if reasons and all(why.startswith(REFUSALS) for why in reasons):
        raise ValueError(min(reasons, key=len).partition(": ")[2])


def _from_memory(asked: _Asked, between: bool) -> Decision | None:
    op, _, here, requested, rigor, memory = asked
    found = recall(op, memory.book(op.name), here, requested, rigor)
    if found is None or not (between or found.exact):
        return None
    if not (found.checked or asked.passes(found.kernel)):
        return None
    timed_here = found.checked and found.exact
    if not timed_here and asked.why_wrong(found.kernel):
        return None
    return Decision(found.kernel, requested, recalled=found)


def _measure(
    asked: _Asked,
    budget_s: float | None,
    clock: Callable[[], float],
    progress: Progress,
) -> Decision:
    from einbench.choose.measuring import measure
    from einbench.choose.outcome import remembered

    op, bound, here, requested, rigor, memory = asked
    book = memory.book(op.name)
    old = hint(book, here, requested)
    passed = book.passed(here, requested.dtype)
    problem = Problem.of(op, bound.arrays, bound.options)
    measured = measure(problem, requested, passed, rigor, budget_s, clock, progress)
    # where only the first rows were measured the choice is remembered for those
    sizes = dict(requested.sizes)
    if measured.rows is not None and op.leading is not None:
        sizes[op.leading] = measured.rows
    part = requested._replace(sizes=tuple(sizes.items()))
    disturbed = 1 + max((c.disturbed for c in book.of(here) if c.signature == part), default=0)
    if not measured.disturbance.disturbs:
        disturbed = 0
    choice = remembered(here, part, rigor, measured.records, disturbed, measured.threads)
    if choice is None:
        # as it is where a kernel was chosen before
        _raise_refused({
            r.reason for r in measured.records if r.status not in ("unavailable", "skipped")
        })  # fmt: skip
        reasons = "; ".join(f"{r.kernel}: {r.reason}" for r in measured.records)
        raise NoKernelLeft(f"{op.name}: no kernel is left to choose from ({reasons})")
    # what kernels take for infinity and NaN says nothing of the numbers that others will have
    usual = all(np.isfinite(array).all() for array in bound.arrays if array.dtype.kind == "f")
    kept = [choice] if usual else []
    memory.remember(op.name, *kept, passed={(here, requested.dtype): measured.passed})
    kernel = on_threads(op[choice.kernel], choice.threads)
    return Decision(kernel, requested, measured=measured, hint=old)
