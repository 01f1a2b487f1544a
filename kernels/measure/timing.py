"""sample = (clock after - clock before) / calls, kernels interleaved in random order each round.

Drift of a noisy machine then affects all kernels of a round alike, so ratios are formed within a
round: times taken minutes apart do not compare.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import repeat

import numpy as np

from einbench.blame import said_of
from einbench.contexts import AFTER_BLAS, ALONE
from einbench.host.awake import watched
from einbench.measure.beside import Preceding
from einbench.measure.candidate import Call, Candidate, Clock, warmed_up
from einbench.measure.turns import Turn

#: rounds of every kernel before a slow one is dropped
FIRST_ROUNDS = 3
#: rounds of kernels that are not dropped even where the budget is spent, up to OVERDRAFT budgets
LEAST_ROUNDS = 7
OVERDRAFT = 3.0
#: with more samples the interval is narrower than the variation between processes
MOST_ROUNDS = 300
#: a kernel whose fastest call takes so many times the best's is dropped
LOSING_RATIO = 2.0
#: a call that another process delayed may take as much longer: no kernel is dropped by one or two
SLICE_S = 0.03
#: fifty times the coarsest resolution of a performance counter (1 us)
MIN_SAMPLE_S = 50e-6


@dataclass(frozen=True)
class Timing:
    """Raw samples of one cell; a kernel that raised is only in ``failures``."""

    #: seconds per call, one entry a round, NaN where the kernel was not timed
    samples: Mapping[str, tuple[float, ...]]
    #: calls in one sample, chosen in the warm-up
    calls_per_sample: Mapping[str, int]
    #: what is kept of what the last timed call returned, to be checked again
    outputs: Mapping[str, object]
    #: what a kernel raised, as ``"ValueError: message"``
    failures: Mapping[str, str]
    rounds: int
    #: rounds of each block, where they were taken in several
    blocks: tuple[int, ...] = ()
    #: seconds outside the timed calls of turns, in worker processes and here: not in the budget
    overhead_s: float = 0.0
    #: context -> as ``samples``, of kernels that were timed in it
    beside: Mapping[str, Mapping[str, tuple[float, ...]]] = field(default_factory=dict)


@watched()
def interleave(
    calls: Mapping[str, Call],
    *,
    budget_s: float,
    rng: np.random.Generator,
    expected_s: Mapping[str, float] | None = None,
    clock: Clock = time.perf_counter,
    min_sample_s: float = MIN_SAMPLE_S,
    most_rounds: int = MOST_ROUNDS,
    least_calls: int = 0,
    least_rounds: int = LEAST_ROUNDS,
    keep: Callable[[object], object] = lambda output: output,
    beside: Mapping[str, Preceding] | None = None,
    context: str = ALONE,
) -> Timing:
    """Time the calls against each other, in rounds, each in a fresh random order.

    Before a sample the idle threads of other kernels are stopped and the kernel is called once
    untimed; the sample repeats the call as often as the warm-up found necessary to last
    ``min_sample_s``. How many rounds a kernel gets:

    - A call is *slow* where it takes more than its share, ``budget_s / (2 max(3, kernels))``.
      Slow calls get no untimed call, and no warm-up where ``expected_s`` says they are slow.
    - Rounds 1 to 3: all. After them a kernel whose fastest call is beyond twice the best's
      is dropped, but only after round 7 where its seven rounds cost no more than two shares; a
      slow kernel is dropped after its first sample if that is beyond what a time slice of another
      process adds (30 ms).
    - Rounds 4 to 7: kernels not dropped, while three budgets last (slow ones from their second
      sample on). From round 8: while the budget lasts, at most ``most_rounds``.
    - The first sample of a slow call does not count against the budget, or one slow loop would
      leave the others without samples.
    - A call that is a `Turn` is timed in its own process; until round 7 only its timed calls count
      against the budget.
    - With ``beside``, a single call of the kernel in each of these contexts follows its sample in
      every round, those after BLAS when all have had theirs, unless the kernel is slow and beyond
      twice the best's time alone, and from round 4 on of kernels within twice the best's time in
      ``context`` only. What precedes such a call is not timed, and counts against the budget. What
      precedes that of a `Turn` is called in its process.

    So every kernel has at least one sample, one that is not slow three, and no cell takes longer
    than the warm-up, three budgets and one slow call each. The budget begins after the warm-up,
    because a first call may compile. Freeing an output is timed only where a sample is several
    calls.

    Args:
        calls: name -> call without arguments, in order of registration.
        budget_s: seconds for the cell.
        rng: decides the order within each round.
        expected_s: seconds per call where known already, from the check or a smaller size.
        clock: the only source of time, in seconds.
        min_sample_s: a shorter sample would measure the clock.
        most_rounds: end here, whatever is left of the budget.
        least_calls: the budget is at least as long as so many calls of the fastest.
        least_rounds: in place of the 7 above, and of the 3 where it is less.
        keep: what to keep of an output, called when the clock has stopped; all of it by default.
        beside: context -> what is made of the fastest kernel's seconds, and precedes every call
            there, or None where calls would not notice; see `einbench.measure.beside`.
        context: in which fastest calls are compared where a kernel may be dropped.

    Returns:
        A `Timing`. A kernel that raises is dropped, and its exception is in ``failures``.

    Raises:
        ValueError: the budget is not a positive number of seconds.
    """
    if not budget_s > 0:
        raise ValueError(f"budget_s={budget_s!r}: expected more than 0 seconds")
    expected_s = expected_s or {}
    share_s = budget_s / (2 * max(3, len(calls)))
    candidates: dict[str, Candidate] = {}
    failures: dict[str, str] = {}

    for name, call in calls.items():
        try:
            candidates[name] = warmed_up(
                Candidate(call, keep, turn=call if isinstance(call, Turn) else None),
                expected_s.get(name),
                share_s,
                min_sample_s,
                clock,
            )
        except (Exception, SystemExit) as problem:
            failures[name] = said_of(problem)

    best_s = min((candidate.call_s for candidate in candidates.values()), default=0.0)
    asked_s, budget_s = budget_s, max(budget_s, least_calls * best_s)
    share_s = budget_s / (2 * max(3, len(calls)))
    preceding = _preceding(beside or {}, candidates, best_s)
    start_s = clock()
    free_s = all_overhead_s = 0.0
    rounds = 0
    active = list(candidates)
    while active and rounds < most_rounds:
        free = {name for name in active if not rounds and candidates[name].call_s > share_s}
        for name, contexts in _steps(active, preceding, rng):
            if (candidate := candidates.get(name)) is None:
                continue
            awake, called_s = AFTER_BLAS in contexts, clock()
            candidate.lost_s = 0.0
            try:
                if not awake:
                    candidate.sample(share_s, clock)
                    all_overhead_s += candidate.overhead_s
                most_s = max(share_s, LOSING_RATIO * best_s)
                warm = awake and candidate.call_s <= share_s
                candidate.sample_beside(contexts, most_s, clock, warm=warm)
            except (Exception, SystemExit) as problem:
                failures[name] = said_of(problem)
                del candidates[name]
            overhead_s = candidate.overhead_s if rounds < least_rounds and not awake else 0.0
            free_s += (clock() - called_s) if name in free else overhead_s + candidate.lost_s
        rounds += 1
        active = [name for name in active if name in candidates]
        # calls may be shorter than was foreseen
        best_s = min((candidate.call_s for candidate in candidates.values()), default=0.0)
        budget_s = max(asked_s, least_calls * best_s)
        share_s = budget_s / (2 * max(3, len(calls)))
        if rounds <= least_rounds:
            active = _remaining(candidates, active, rounds, least_rounds, share_s, context)
        limit_s = budget_s * (OVERDRAFT if rounds < least_rounds else 1.0)
        ahead_s = (
            clock() - start_s - free_s + sum(candidates[name].round_s(share_s) for name in active)
        )
        if ahead_s > limit_s:
            # no kernel is dropped in the first rounds but for slow calls
            guaranteed = rounds < min(FIRST_ROUNDS, least_rounds)
            active = [name for name in active if guaranteed and candidates[name].call_s <= share_s]

    outputs = _outputs(candidates, failures)
    return Timing(
        samples={
            name: _whole(candidate.samples_s, rounds) for name, candidate in candidates.items()
        },
        calls_per_sample={name: candidate.calls for name, candidate in candidates.items()},
        outputs=outputs,
        failures=failures,
        rounds=rounds,
        overhead_s=all_overhead_s,
        beside={
            context: {
                name: _whole(candidate.beside_s[context], rounds)
                for name, candidate in candidates.items()
                if context in candidate.beside_s
            }
            for context in preceding
        },
    )


def _outputs(candidates: dict[str, Candidate], failures: dict[str, str]) -> dict[str, object]:
    """What is kept of the last outputs; a kernel that raises now is moved to the failures."""
    outputs: dict[str, object] = {}
    for name, candidate in list(candidates.items()):
        try:
            outputs[name] = candidate.last()
        except (Exception, SystemExit) as problem:
            failures[name] = said_of(problem)
            del candidates[name]
    return outputs


def _preceding(
    beside: Mapping[str, Preceding], candidates: Mapping[str, Candidate], best_s: float
) -> dict[str, Call]:
    """What to call before a call in each context; a turn calls it where it is timed."""
    for candidate in candidates.values():
        candidate.like_s = best_s
    return {at: made for at, make in beside.items() if (made := make(best_s)) is not None}


def _steps(
    names: list[str], preceding: Mapping[str, Call], rng: np.random.Generator
) -> Iterator[tuple[str, Mapping[str, Call]]]:
    """Of a round: each kernel alone and where BLAS sleeps; then each where BLAS is awake.

    Starting BLAS's threads takes as long as many calls, or a time slice where others use the cores:
    they are started once a round.
    """
    quiet = {context: call for context, call in preceding.items() if context != AFTER_BLAS}
    for place in rng.permutation(len(names)):
        yield names[place], quiet
    if AFTER_BLAS in preceding:
        for place in rng.permutation(len(names)):
            yield names[place], {AFTER_BLAS: preceding[AFTER_BLAS]}


def _whole(samples_s: list[float], rounds: int) -> tuple[float, ...]:
    return (*samples_s, *repeat(math.nan, rounds - len(samples_s)))


def _remaining(
    candidates: Mapping[str, Candidate],
    active: list[str],
    rounds: int,
    least_rounds: int,
    share_s: float,
    context: str,
) -> list[str]:
    """Active kernels within LOSING_RATIO of the best, or with few or cheap rounds so far.

    Fastest calls are compared, not medians: threads that wait for each other can disturb three
    successive samples of the fastest kernel.
    """
    best_s = min((candidate.call_s for candidate in candidates.values()), default=0.0)
    ranked = {n: each.ranked_s(context) for n, each in candidates.items() if each.fastest_s}
    best_ranked_s = min(ranked.values(), default=0.0)

    def stays(name: str) -> bool:
        candidate = candidates[name]
        # of one that was timed alone only, times alone are compared
        candidate.contends = (
            ranked[name] <= LOSING_RATIO * best_ranked_s
            if name in ranked
            else candidate.call_s <= LOSING_RATIO * best_s
        )
        if candidate.contends:
            return True
        early = rounds < min(FIRST_ROUNDS, least_rounds)
        candidate.contends = early
        if early and (candidate.call_s <= share_s or candidate.call_s - best_s < SLICE_S):
            return True
        cheap = least_rounds * candidate.round_s(share_s) <= 2 * share_s
        return rounds < least_rounds and cheap

    return [name for name in active if stays(name)]
