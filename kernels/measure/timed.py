"""Kernels timed in turns, what they returned judged, and those that are right ranked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from einbench.check.sized import Kept, keep
from einbench.check.truth import Case
from einbench.check.unchanged import PrivateCopy, differing
from einbench.contexts import PROGRAM
from einbench.kernel import Kernel
from einbench.measure.admit import Outcome, failure, judge
from einbench.measure.beside import PRECEDING, Preceding
from einbench.measure.blocks import interleave_in_blocks
from einbench.measure.calls import bare, bound, into, or_raising, outputs_memory
from einbench.measure.candidate import Call, Clock
from einbench.measure.conditions import Conditions, Limits
from einbench.measure.disturbance import QUIET, Disturbance, moment, since
from einbench.measure.library import as_turns
from einbench.measure.look import culprits
from einbench.measure.placement import randomise_placement
from einbench.measure.predict import Predictions
from einbench.measure.ranking import Ranking, Summary, rank_in_context, summarise
from einbench.measure.remote import remote
from einbench.measure.timing import Timing
from einbench.problem import Problem


@dataclass(frozen=True)
class Timed:
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


def time_and_judge(
    case: Case,
    private: PrivateCopy,
    kernels: Mapping[str, Kernel],
    conditions: Conditions,
    expected: Predictions,
    limits: Limits,
    clock: Clock,
) -> Timed:
    """Time these kernels, judge what the last timed call of each returned, rank the right ones."""
    began_s = clock()
    moved, before = _Moved(case.problem), moment()
    timing = _time(case, moved, kernels, conditions, expected, limits, clock)
    timing_s = clock() - began_s - timing.overhead_s
    disturbance = since(before, conditions.threads)
    if private.changed() or moved.changed():
        wrong = culprits(private, {m: kernels[m] for m in expected if not remote(kernels[m])})
        rest = {method: at for method, at in expected.items() if method not in wrong}
        again = Timed()
        if rest and wrong:
            again = time_and_judge(case, private, kernels, conditions, rest, limits, clock)
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
    return Timed(timing, timing_s, outcomes, disturbance, ranking, summaries)


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
