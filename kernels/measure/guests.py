"""A library's kernels on a problem: judged on the timed inputs before anything is timed, and after.

The small hostile draws are a contract of the suite's own kernels. A library has made none: it is
held against what it is timed on, and is allowed `Kernel.slack` times the operation's limit.
"""

from __future__ import annotations

from collections.abc import Mapping

from einbench.check.sized import keep
from einbench.check.truth import Case
from einbench.kernel import Kernel
from einbench.measure.admit import Admission, Outcome, failure, judge
from einbench.measure.calls import Call
from einbench.measure.predict import Prediction
from einbench.measure.remote import remote
from einbench.measure.turns import LocalTurn, Turn
from einbench.units import one_line, seconds_text


def admit_guest(kernel: Kernel, case: Case, limit_s: float) -> Admission:
    """Prepare it, judge its first result, and see how long a call takes."""
    body = remote(kernel)
    assert body is not None  # noqa: S101 - a library runs nowhere else
    problem = case.problem
    bound = body.bound(problem.given, problem.options)
    try:
        outcome = judge(case, keep(case, bound.result()), kernel.slack)
        if not outcome.passed:
            return Admission(outcome)
        expected = Prediction(problem.rows, problem.rows, bound.timed(1, warm=False))
    except (Exception, SystemExit) as raised:
        return Admission(failure(one_line(raised)))
    if expected.seconds > limit_s:
        reason = f"about {seconds_text(expected.seconds)} at this size"
        outcome = Outcome("skipped", reason, outcome.error, outcome.limit)
    return Admission(outcome, expected)


def as_turns(calls: Mapping[str, Call]) -> dict[str, Call]:
    """Where one is timed in a worker, all are timed in turns like its."""
    if not any(isinstance(call, Turn) for call in calls.values()):
        return dict(calls)
    return {n: call if isinstance(call, Turn) else LocalTurn(call) for n, call in calls.items()}
