"""Every kernel of an operation on one problem: checked, timed interleaved, ranked.

    admit -> answer_exactly -> look -> time -> judge -> rank -> Record

Each stage gives values that the later ones read; of all of them a record is made at the end, for
every kernel, however far it came.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

import numpy as np

from einbench.check.judging import Verdict
from einbench.check.sized import Kept, keep, timed_case
from einbench.check.truth import Case
from einbench.check.unchanged import PrivateCopy, differing
from einbench.contexts import PROGRAM
from einbench.host import awake, background
from einbench.kernel import Kernel
from einbench.measure.admit import (
    Admission,
    Answered,
    Outcome,
    admit_all,
    answer_exactly,
    failure,
    judge,
)
from einbench.measure.beside import PRECEDING, Preceding
from einbench.measure.blocks import interleave_in_blocks
from einbench.measure.calls import bare, bound, into, or_raising, outputs_memory
from einbench.measure.candidate import Call, Clock
from einbench.measure.conditions import Conditions, Limits
from einbench.measure.disturbance import QUIET, Disturbance, moment, since
from einbench.measure.library import admit_library_kernel, as_turns
from einbench.measure.look import culprits, look
from einbench.measure.placement import randomise_placement
from einbench.measure.predict import Prediction
from einbench.measure.ranking import Ranking, Summary, rank_in_context, summarise
from einbench.measure.remote import remote
from einbench.measure.roofline import Roofline
from einbench.measure.timing import Timing
from einbench.problem import Problem
from einbench.record import Record, Status

Predictions = Mapping[str, Prediction]


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


@dataclass(frozen=True)
class _Timed:
    """The kernels that were timed, by method."""

    timing: Timing | None = None
    timing_s: float = 0.0
    #: of those timed
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    disturbance: Disturbance = QUIET
    #: of those timed that are right; summaries are of samples alone
    ranking: Ranking = field(default_factory=lambda: Ranking({}, None, ()))
    #: context -> the same of samples in it
    beside: Mapping[str, Mapping[str, Summary]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Findings:
    """All that the stages found out, each by method."""

    admissions: Mapping[str, Admission]
    answers: Mapping[str, Answered]
    timed: _Timed
    known: Predictions


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
    timed = _Timed()
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
            timed = _time_and_judge(case, private, kernels, conditions, runnable, limits, clock)
    now_known = {**known, **predicted, **expected, **_medians(problem, timed.ranking)}
    findings = _Findings(admissions, answers, timed, now_known)
    _measure_ceiling_again(problem, timed.ranking, roofline)
    records = [
        _record(problem, conditions, kernel, findings, roofline, compiled_s or {})
        for kernel in kernels.values()
    ]
    return Results(records, timed.timing_s, now_known, timed.disturbance)


def compile_s(kernel: Kernel) -> float | None:
    """Seconds of compiling in this process so far; None where the kernel is not compiled."""
    return kernel.body.compile_s


def _time_and_judge(
    case: Case,
    private: PrivateCopy,
    kernels: Mapping[str, Kernel],
    conditions: Conditions,
    expected: Predictions,
    limits: Limits,
    clock: Clock,
) -> _Timed:
    """Time these kernels, judge what the last timed call of each returned, rank the right ones."""
    began_s = clock()
    moved, before = _Moved(case.problem), moment()
    timing = _time(case, moved, kernels, conditions, expected, limits, clock)
    timing_s = clock() - began_s - timing.overhead_s
    disturbance = since(before, conditions.threads)
    if private.changed() or moved.changed():
        wrong = culprits(private, {m: kernels[m] for m in expected if not remote(kernels[m])})
        rest = {method: at for method, at in expected.items() if method not in wrong}
        again = _Timed()
        if rest and wrong:
            again = _time_and_judge(case, private, kernels, conditions, rest, limits, clock)
        return replace(again, outcomes={**again.outcomes, **wrong})
    outcomes = {method: failure(reason) for method, reason in timing.failures.items()}
    for method, last in timing.outputs.items():
        assert isinstance(last, Kept)  # noqa: S101 - what ``keep`` made of the output
        outcomes[method] = judge(case, last, kernels[method].slack)
    right = {method: s for method, s in timing.samples.items() if outcomes[method].passed}
    beside = {
        context: {method: s for method, s in samples.items() if method in right}
        for context, samples in timing.beside.items()
    }
    baseline = case.problem.operation.baseline
    # a comparison is ranked by the medians that it shows; a choice by what will be waited for
    delayed = disturbance.disturbs and conditions.bare
    ranking = rank_in_context(conditions.context, right, beside, timing.blocks, disturbed=delayed)
    ranking = replace(ranking, summaries=summarise(right, baseline, blocks=timing.blocks))
    summaries = {context: summarise(samples) for context, samples in beside.items()}
    return _Timed(timing, timing_s, outcomes, disturbance, ranking, summaries)


class _Moved:
    """The inputs at another placement, block by block, and whether a kernel has changed any."""

    def __init__(self, problem: Problem) -> None:
        self._problem = self._last = problem
        self._changed = ""

    def again(self, rng: np.random.Generator) -> Problem:
        """The inputs elsewhere; those of the block before are freed."""
        self.changed()
        placed = randomise_placement(self._problem.given, rng)
        op = self._problem.operation
        self._last = Problem.of(op, placed, self._problem.options)
        return self._last

    def changed(self) -> str:
        """The first input that was changed in any block; else empty."""
        if self._last.given[0] is not self._problem.given[0]:
            self._changed = self._changed or differing(self._problem, self._last)
        return self._changed


def _time(
    case: Case,
    moved: _Moved,
    kernels: Mapping[str, Kernel],
    conditions: Conditions,
    expected: Predictions,
    limits: Limits,
    clock: Clock,
) -> Timing:
    rng = np.random.default_rng([conditions.seed, 17])
    # one for all kernels
    memory = outputs_memory(case.problem) if conditions.reuse_outputs else ()

    def calls() -> dict[str, Call]:
        problem = case.problem
        if limits.blocks > 1:
            problem = moved.again(rng)
        make: Callable[[Kernel, Problem], Call] = bare if conditions.bare else bound
        if conditions.reuse_outputs:
            make = partial(into, memory=memory)
        return as_turns({m: or_raising(make, kernels[m], problem) for m in expected})

    with np.errstate(all="ignore"):
        return interleave_in_blocks(
            calls,
            limits.blocks,
            budget_s=limits.budget_s,
            rng=rng,
            expected_s={method: at.seconds for method, at in expected.items()},
            least_calls=limits.least_calls,
            clock=clock,
            keep=partial(keep, case),
            beside=contexts(conditions),
            context=conditions.context,
            brief=conditions.bare,
        )


def contexts(conditions: Conditions) -> Mapping[str, Preceding]:
    """Contexts beside alone: all where they are shown or ranked by, else the one of a choice.

    Calls in others would take nine parts of ten of the time that its rounds have.
    """
    if not conditions.bare or conditions.context == PROGRAM:
        return PRECEDING
    return {at: make for at, make in PRECEDING.items() if at == conditions.context}


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


def _record(
    problem: Problem,
    conditions: Conditions,
    kernel: Kernel,
    found: _Findings,
    roofline: Roofline | None,
    compiled_s: Mapping[str, float],
) -> Record:
    """All that is known of a kernel; one that is not right stays without any time."""
    method, op = kernel.method, problem.operation
    admission, answered = found.admissions[method], found.answers.get(method)
    outcome = answered.outcome if answered else admission.outcome
    outcome = found.timed.outcomes.get(method, outcome)
    body = remote(kernel)
    if body is not None and body.fate is not None and outcome.status != "unavailable":
        outcome = Outcome(cast("Status", body.fate.status), str(body.fate))
    compiling_s = compile_s(kernel)
    record = Record(
        operation=op.name,
        kernel=method,
        sizes=problem.sizes,
        leading=op.leading,
        options=problem.options,
        dtype=problem.dtype.name,
        layout=conditions.layout,
        threads=conditions.threads,
        context=conditions.context,
        status=outcome.status,
        reason=outcome.reason,
        error=outcome.error,
        limit=outcome.limit,
        peak_bytes=answered.peak_bytes if answered else None,
        compile_s=None if compiling_s is None else compiling_s - compiled_s.get(method, 0.0),
        prepare_s=kernel.body.prepare_s,
        cores=body.cores if body is not None else None,
        runtime=kernel.runtime,
        predicted_s=admission.expected.seconds if admission.expected else None,
    )
    summary = found.timed.ranking.summaries.get(method)
    if summary is None or found.timed.timing is None:
        return record
    speedup, predicted = summary.speedup, False
    if speedup is None and (baseline := found.known.get(op.baseline)):
        speedup, predicted = baseline.seconds / summary.median_s, not baseline.measured
    return replace(
        record,
        median_s=summary.median_s,
        low_s=summary.low_s,
        high_s=summary.high_s,
        samples=summary.count,
        samples_s=tuple(None if math.isnan(s) else s for s in found.timed.timing.samples[method]),
        calls_per_sample=found.timed.timing.calls_per_sample[method],
        unstable=summary.unstable,
        few_samples=summary.few,
        speedup=speedup,
        speedup_predicted=predicted,
        gflops_per_s=op.flops(problem.sizes) / summary.median_s / 1e9,
        gbytes_per_s=sum(op.traffic_bytes(problem.sizes, problem.dtype)) / summary.median_s / 1e9,
        roofline=roofline.fraction(op, problem.sizes, problem.dtype, summary.median_s)
        if roofline
        else None,
        winner=method == found.timed.ranking.winner,
        tie=method in found.timed.ranking.ties,
        **_beside(found.timed.beside, method),
    )


def _beside(found: Mapping[str, Mapping[str, Summary]], method: str) -> dict[str, Any]:
    """Medians and intervals in other contexts than alone, as fields of the record."""
    return {
        f"{context}_{name}": getattr(summaries[method], attribute)
        for context, summaries in found.items()
        if method in summaries
        for name, attribute in (("s", "median_s"), ("low_s", "low_s"), ("high_s", "high_s"))
    }
