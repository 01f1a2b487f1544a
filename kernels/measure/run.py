"""Every kernel of an operation on one problem: checked, timed interleaved, ranked.

    admit -> answer_exactly -> look -> time -> judge -> rank -> Record

Each stage gives values that the later ones read; of all of them a record is made at the end, for
every kernel, however far it came.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from einbench.check.judging import Verdict
from einbench.check.sized import timed_case
from einbench.check.unchanged import PrivateCopy
from einbench.host import awake, background
from einbench.kernel import Kernel
from einbench.measure.admit import admit_all, answer_exactly
from einbench.measure.candidate import Clock
from einbench.measure.conditions import Conditions, Limits
from einbench.measure.disturbance import QUIET, Disturbance
from einbench.measure.library import admit_library_kernel
from einbench.measure.look import look
from einbench.measure.predict import Prediction, Predictions
from einbench.measure.ranking import Ranking
from einbench.measure.recorded import Findings, record_of
from einbench.measure.roofline import Roofline
from einbench.measure.timed import Timed, time_and_judge
from einbench.problem import Problem
from einbench.record import Record


@dataclass(frozen=True)
class Results:
    """The outcomes of all kernels of a problem."""

    #: one for each kernel of the operation
    records: list[Record]
    #: seconds of timing
    timing_s: float
    #: method -> what calls take, for the next larger batch
    known: Predictions
    #: what kept kernels from the cores while they were timed
    disturbance: Disturbance = QUIET


@awake.watched()
def run(
    problem: Problem,
    conditions: Conditions,
    verdicts: Mapping[str, Verdict],
    known: Predictions,
    roofline: Roofline | None,
    limits: Limits,
    clock: Clock = time.perf_counter,
    compiled_s: Mapping[str, float] | None = None,
    kernels: Mapping[str, Kernel] | None = None,
    report: Callable[[str], None] = lambda label: None,
    spare: list[PrivateCopy] | None = None,
) -> Results:
    """A record for every kernel, whatever its outcome.

    Args:
        problem: with its inputs.
        conditions: how kernels are called.
        verdicts: of the check on small draws, by method.
        known: what calls took at smaller batches, by method.
        roofline: None leaves the fraction of the roofline out of the records.
        limits: what it may cost.
        clock: the only source of time, in seconds.
        compiled_s: seconds of compiling that were spent before, by method, and do not count.
        kernels: by method, where not the operation's own: some that run in workers, too. One
            without a verdict is a library's, and is judged on the timed inputs.
        report: called with what is being done.
        spare: a private copy of these inputs that is taken from it and used, if there is one.
    """
    background.wait()
    kernels = problem.operation.kernels if kernels is None else kernels
    own = {m: k for m, k in kernels.items() if m in verdicts or k.reason}
    report("whole numbers at this size")
    private = spare.pop() if spare else PrivateCopy(problem)
    admissions = admit_all(private, own, verdicts, known, limits, clock)
    del private  # the exact inputs take its place
    predicted = {method: a.expected for method, a in admissions.items() if a.expected}
    passed = {method: at for method, at in predicted.items() if admissions[method].outcome.passed}
    answers = answer_exactly(problem, kernels, conditions, passed, limits, clock)
    expected = {method: answered.expected for method, answered in answers.items()}
    runnable = {method: expected[method] for method, a in answers.items() if a.outcome.passed}
    libraries = [kernel for method, kernel in kernels.items() if method not in own]
    timed = Timed()
    if runnable or libraries:
        report("hostile rows at this size")
        private = PrivateCopy(problem)
        count = len(runnable) + len(libraries)
        case = timed_case(private.problem, conditions.seed, kernels=count)
        looked_at = [kernels[method] for method in runnable]
        for method, wrong in look(private, looked_at, case, conditions.seed).items():
            answers[method] = replace(answers[method], outcome=wrong)
            del runnable[method]
        for kernel in libraries:
            admission = admissions[kernel.method] = admit_library_kernel(kernel, case, limits)
            if admission.expected:
                expected[kernel.method] = admission.expected
                if admission.outcome.passed:
                    runnable[kernel.method] = admission.expected
        if runnable:
            report("timing")
            timed = time_and_judge(case, private, kernels, conditions, runnable, limits, clock)
    now_known = {**known, **predicted, **expected, **_medians(problem, timed.ranking)}
    findings = Findings(admissions, answers, timed, now_known)
    _measure_ceiling_again(problem, timed.ranking, roofline)
    records = [
        record_of(problem, conditions, kernel, findings, roofline, compiled_s or {})
        for kernel in kernels.values()
    ]
    return Results(records, timed.timing_s, now_known, timed.disturbance)


def _medians(problem: Problem, ranking: Ranking) -> dict[str, Prediction]:
    return {
        method: Prediction(problem.rows, problem.rows, summary.median_s)
        for method, summary in ranking.summaries.items()
    }


def _measure_ceiling_again(problem: Problem, ranking: Ranking, roofline: Roofline | None) -> None:
    """Measure the ceilings again where a kernel seems to exceed them, before records use them."""
    fastest_s = min((s.median_s for s in ranking.summaries.values()), default=None)
    if fastest_s and roofline is not None:
        roofline.fraction(problem.operation, problem.sizes, problem.dtype, fastest_s)
