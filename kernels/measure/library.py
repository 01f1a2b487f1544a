"""A library's kernels on a problem: checked on the timed inputs, before timing and after.

The small hostile draws test the contract of the suite's own kernels, which a library does not
promise: it is checked on the timed inputs only, with `Kernel.slack` times the operation's limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from einbench.blame import said_of
from einbench.check import room
from einbench.check.sized import keep
from einbench.check.truth import Case
from einbench.einsum.expression import text_of
from einbench.kernel import Kernel
from einbench.measure.admit import Admission, Outcome, failure, judge
from einbench.measure.calls import Call
from einbench.measure.conditions import Limits
from einbench.measure.predict import Prediction
from einbench.measure.remote import remote
from einbench.measure.turns import LocalTurn, Turn
from einbench.units import seconds_text


def admit_library_kernel(kernel: Kernel, case: Case, limits: Limits) -> Admission:
    """Prepare it, judge its first result, and time one call."""
    body = remote(kernel)
    assert body is not None  # noqa: S101 - a library runs nowhere else
    problem = case.problem
    bound = body.bound(problem.given, problem.options)
    if reason := room.too_much(kernel, problem, limits.memory_bytes):
        return Admission(Outcome("skipped", reason))
    try:
        result = bound.result()
    except (Exception, SystemExit) as raised:
        return Admission(_refusal(kernel, raised))
    try:
        outcome = judge(case, keep(case, result), kernel.slack)
        if not outcome.passed:
            return Admission(outcome)
        expected = Prediction(problem.rows, problem.rows, bound.timed(1, warm=False))
    except (Exception, SystemExit) as raised:
        return Admission(failure(said_of(raised)))
    if expected.seconds > limits.call_s:
        reason = f"about {seconds_text(expected.seconds)} at this size"
        outcome = Outcome("skipped", reason, outcome.error, outcome.limit)
    return Admission(outcome, expected)


def _refusal(kernel: Kernel, raised: BaseException) -> Outcome:
    """Of a first call: libraries need not accept all expressions that NumPy does."""
    outcome = failure(said_of(raised))
    if outcome.status == "failed" and text_of(kernel.operation):
        body = remote(kernel)
        if body is not None and body.fate is None:
            return replace(outcome, status="refuses")
    return outcome


def as_turns(calls: Mapping[str, Call]) -> dict[str, Call]:
    """Where one kernel is timed in a worker, all calls as turns, so that all are timed alike."""
    if not any(isinstance(call, Turn) for call in calls.values()):
        return dict(calls)
    return {n: call if isinstance(call, Turn) else LocalTurn(call) for n, call in calls.items()}
