"""Which kernels may be timed on a problem: the checks before timing.

A kernel is admitted if it can run here, passed the check, needs no more memory and time than is
allowed, and is right on integers of this very size, for which every order of summation is exact.
It is called with private copies of the inputs (`einbench.check.unchanged`) and never the caller's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from einbench.blame import is_unknown, said_of
from einbench.check import room
from einbench.check.judging import Verdict
from einbench.check.sized import Kept, exact_case, judge_kept, keep
from einbench.check.truth import Case, Truth
from einbench.check.unchanged import PrivateCopy
from einbench.host import awake
from einbench.kernel import Kernel
from einbench.measure.calls import bound, collecting
from einbench.measure.candidate import Clock
from einbench.measure.conditions import Conditions, Limits
from einbench.measure.memory import peak_extra_bytes
from einbench.measure.predict import Prediction, predict
from einbench.measure.where import remote
from einbench.problem import Problem
from einbench.record import Status
from einbench.units import seconds_text

#: tracing allocations makes interpreted loops several times slower: slower calls than this are
#: measured by resident memory alone, which is enough for the sizes that take so long
_TRACED_CALL_S = 0.02
#: where no exact probe is due, memory is not worth a call slower than this
_EXTRA_CALL_S = 0.1
#: of larger problems, temporaries are measured at a part of about so many bytes first
_LARGE_BYTES, _PART_BYTES = 256 << 20, 4 << 20
#: reasons: of a kernel that was found to change its inputs, and of all where that cannot be told
CHANGES = "changes its input {} at the timed size"
CHANGED = "inputs were changed while this and other kernels were called at the timed size"


@dataclass(frozen=True)
class Outcome:
    """A stage's result for a kernel: passed, or why not; its error if known."""

    status: Status = "ok"
    reason: str = ""
    #: in units of rounding
    error: float | None = None
    limit: float | None = None

    @property
    def passed(self) -> bool:
        """Whether the kernel goes on to the next stage."""
        return self.status == "ok"


@dataclass(frozen=True)
class Admission:
    """Outcome and predicted time before the exact probe; without a prediction if not admitted."""

    outcome: Outcome
    expected: Prediction | None = None


@dataclass(frozen=True)
class Answered:
    """Outcome, time and memory after the exact probe."""

    outcome: Outcome
    #: best estimate of a call's time at this size
    expected: Prediction
    #: temporaries of a call
    peak_bytes: int | None = None


def admit_all(
    private: PrivateCopy,
    kernels: Mapping[str, Kernel],
    verdicts: Mapping[str, Verdict],
    known: Mapping[str, Prediction],
    limits: Limits,
    clock: Clock,
) -> dict[str, Admission]:
    """By method, of each kernel: whether it may run, and what a call takes.

    Inputs are compared after all calls, and where they were changed after each kernel's.
    """

    def each() -> Iterator[tuple[str, Admission]]:
        for method, kernel in kernels.items():
            yield (
                method,
                _admit(private, kernel, verdicts.get(method), known.get(method), limits, clock),
            )

    found = dict(each())
    if private.changed():
        wrong = {}
        for method, admission in each():
            found[method] = admission
            if (changed := private.changed()) and admission.outcome.status != "failed":
                wrong[method] = Outcome("rejected", CHANGES.format(changed))
        if not wrong:
            wrong = {m: Outcome("rejected", CHANGED) for m, a in found.items() if a.expected}
        found |= {method: Admission(outcome) for method, outcome in wrong.items()}
    return found


def _admit(
    private: PrivateCopy,
    kernel: Kernel,
    verdict: Verdict | None,
    known: Prediction | None,
    limits: Limits,
    clock: Clock,
) -> Admission:
    """Refuse a kernel that cannot run, is wrong, needs too much memory, or takes too long."""
    if kernel.reason or verdict is None:
        return Admission(Outcome("unavailable", kernel.reason))
    if not verdict.passed:
        if verdict.status == "unchecked":
            return Admission(Outcome("unchecked", verdict.reason))
        return Admission(Outcome("rejected", verdict.reason, verdict.error, verdict.limit))
    problem = private.problem
    if reason := room.too_much(kernel, problem, limits.memory_bytes):
        return Admission(Outcome("skipped", reason))
    try:
        if reason := undeclared(kernel, problem, limits.memory_bytes):
            return Admission(Outcome("skipped", reason))
        expected = awake.whole(lambda: predict(kernel, problem, limits.call_s, known, clock))
    except (Exception, SystemExit) as raised:  # whatever a kernel raises is its result
        return Admission(failure(said_of(raised)))
    if expected.seconds <= limits.call_s:
        return Admission(Outcome(), expected)
    reason = (
        f"about {seconds_text(expected.seconds)} at this size "
        f"({seconds_text(expected.measured_s)} at batch {expected.measured_batch:,})"
    )
    return Admission(Outcome("skipped", reason), expected)


def undeclared(kernel: Kernel, problem: Problem, most_bytes: int | None = None) -> str:
    """Why temporaries that a kernel does not declare would be too large; empty where they fit.

    They are measured at a few rows of a large problem, and taken to grow with the rows.
    """
    both = problem.input_bytes + problem.output_bytes
    if both < _LARGE_BYTES or problem.batch is None or kernel.extra_elements or remote(kernel):
        return ""
    rows = max(1, problem.rows * _PART_BYTES // both)
    call = bound(kernel, problem.first_rows(rows))
    with np.errstate(all="ignore"):
        call()  # the first call may compile
        extra = peak_extra_bytes(call) or 0
    # what a call takes whatever its rows is no more than this
    grows = max(extra - _PART_BYTES // 4, 0)
    return room.too_large(grows * problem.rows // rows, problem, most_bytes)


def answer_exactly(
    problem: Problem,
    kernels: Mapping[str, Kernel],
    conditions: Conditions,
    admitted: Mapping[str, Prediction],
    limits: Limits,
    clock: Clock,
) -> dict[str, Answered]:
    """The exact probe at the timed size, in the same call that memory is measured in.

    Args:
        problem: with its inputs.
        kernels: by method.
        conditions: how kernels are called.
        admitted: what a call of each kernel is expected to take, by method.
        limits: a kernel whose call takes longer is skipped after all.
        clock: the only source of time, in seconds.
    """
    if not admitted:
        return {}
    op, seed = problem.operation, conditions.seed
    case = exact_case(op, problem.dtype, problem.sizes, conditions.layout, seed)
    private = PrivateCopy(problem) if case is None else None
    nothing = Truth((), (), problem.dtype, np.inf)
    found = {}
    for method, expected in admitted.items():
        given = case or Case(private.problem if private else problem, nothing)
        answered = _answered(kernels[method], given, expected, limits, clock)
        if private is not None and (changed := private.changed()):
            wrong = Outcome("rejected", CHANGES.format(changed))
            answered = replace(answered, outcome=wrong)
        found[method] = answered
    return found


def _answered(
    kernel: Kernel,
    case: Case,
    expected: Prediction,
    limits: Limits,
    clock: Clock,
) -> Answered:
    made: list[object] = []
    peak_bytes, slow = None, Outcome()
    try:
        # before timing: a kernel may prepare for the problem, and may fail in that
        call = collecting(kernel, case.problem, made)
        began_s = clock()
        with np.errstate(all="ignore"):
            if remote(kernel):
                call()  # memory of another process is not measured
            elif case.truth.exact or expected.seconds <= _EXTRA_CALL_S:
                traced = expected.seconds <= _TRACED_CALL_S
                peak_bytes = peak_extra_bytes(call, traced=traced)
            took_s = clock() - began_s
            if took_s > limits.call_s and took_s > 5 * expected.seconds:
                # the prediction was too low, or tracing slowed the call: time it without tracing
                made.clear()
                began_s = clock()
                call()
                took_s = clock() - began_s
                if took_s > limits.call_s:
                    expected = Prediction(expected.batch, expected.batch, took_s)
                    slow = Outcome("skipped", f"about {seconds_text(took_s)} at this size")
    except (Exception, SystemExit) as raised:
        return Answered(failure(said_of(raised)), expected, peak_bytes)
    judged = judge(case, keep(case, made.pop())) if case.truth.exact else Outcome()
    return Answered(slow if judged.passed else judged, expected, peak_bytes)


def judge(case: Case, kept: Kept, slack: float = 1.0) -> Outcome:
    """Right or wrong; an exact answer that is right says nothing of the error of others."""
    units, reason = judge_kept(case, kept, slack)
    if case.truth.exact and not reason:
        return Outcome()
    return Outcome("rejected" if reason else "ok", reason, units, slack * case.truth.limit)


def failure(reason: str) -> Outcome:
    """Of a kernel that raised; inputs are read-only: one that raises at that writes to them."""
    if is_unknown(reason):
        return Outcome("unchecked", reason)
    if "read-only" in reason:
        return Outcome("rejected", f"changes its inputs at the timed size: {reason}")
    return Outcome("failed", reason)
