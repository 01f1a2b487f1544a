"""sample = (clock after - clock before) / calls, kernels interleaved in random order each round.

Drift of a noisy machine then hits all kernels of a round alike, and ratios formed within a
round are fair where times taken minutes apart are not.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import repeat

import numpy as np

from einbench.jit.spinning import stop_spinning
from einbench.measure.turns import Turn
from einbench.units import one_line

Call = Callable[[], object]
Clock = Callable[[], float]

#: every kernel takes part in this many rounds before a slow one may leave
FIRST_ROUNDS = 3
#: contenders get this many rounds even where the budget is spent, up to OVERDRAFT budgets
LEAST_ROUNDS = 7
OVERDRAFT = 3.0
#: more samples than this narrow an interval less than the next process shifts it
MOST_ROUNDS = 300
#: a fastest call beyond this many times the best's is out of the race
LOSING_RATIO = 2.0
#: fifty times the coarsest resolution of a performance counter (1 us)
MIN_SAMPLE_S = 50e-6
#: ends the search for a sample length where a clock stands still
_MOST_CALLS = 1_000_000


@dataclass(frozen=True)
class Timing:
    """Raw samples of one cell. A kernel that failed is in ``failures`` and nowhere else."""

    #: seconds per call, one entry a round, NaN where the kernel took no part
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
    #: seconds that the budget did not pay for: of calls that are timed elsewhere
    beside_s: float = 0.0


@dataclass
class _Entrant:
    """A kernel in the race: how it is called and what it has shown so far."""

    call: Call
    keep: Callable[[object], object]
    calls: int = 1
    #: the fastest call seen, or what was expected before any was
    call_s: float = math.inf
    samples_s: list[float] = field(default_factory=list)
    output: object = None
    #: the same call, where it is timed elsewhere
    turn: Turn | None = None
    #: seconds that the last sample took beside its calls: nobody's time
    beside_s: float = 0.0

    def timed(self, calls: int, clock: Clock, warm: bool = True) -> float:
        """Seconds per call over that many calls, the collector off meanwhile."""
        if self.turn is not None:
            start_s = clock()
            call_s = self.turn.timed(calls, warm)
            self.call_s = min(self.call_s, call_s)
            self.beside_s = max(clock() - start_s - calls * call_s, 0.0)
            return call_s
        call = self.call
        self.output = output = None  # one output at a time: released before the next is made
        collecting = gc.isenabled()
        gc.disable()
        try:
            start_s = clock()
            for _ in repeat(None, calls):
                output = None
                output = call()
            stop_s = clock()
        finally:
            if collecting:
                gc.enable()
        self.output = self.keep(output)
        call_s = (stop_s - start_s) / calls
        self.call_s = min(self.call_s, call_s)
        return call_s

    def sample(self, share_s: float, clock: Clock) -> None:
        """One more sample, after one untimed call unless a call is slow."""
        if self.turn is not None:
            self.samples_s.append(self.timed(self.calls, clock, self.call_s <= share_s))
            return
        stop_spinning()
        if self.call_s <= share_s:
            self.output = None
            self.call()
        self.samples_s.append(self.timed(self.calls, clock))

    def round_s(self, share_s: float) -> float:
        """What the next round will cost."""
        return self.call_s * (self.calls + (self.call_s <= share_s))

    def last(self) -> object:
        """What is kept of the last output; of a call that is timed elsewhere it comes now."""
        return self.output if self.turn is None else self.keep(self.turn.result())


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
) -> Timing:
    """Time the calls against each other, in rounds, each in a fresh random order.

    A sample finds no thread spinning that another kernel left behind, follows one untimed call of
    the same kernel, and repeats the call as often as the warm-up found necessary to last
    ``min_sample_s``. Who takes part how long:

    - A call is *slow* where it takes more than its share, ``budget_s / (2 max(3, kernels))``.
      Slow calls get no untimed call, and no warm-up where ``expected_s`` says they are slow.
    - Rounds 1 to 3: all. After them a kernel whose fastest call is beyond twice the best's
      retires, but only after round 7 where its seven rounds cost no more than two shares; a slow
      kernel       retires after its first sample.
    - Rounds 4 to 7: the contenders, while three budgets last (slow ones from their second
      sample on). From round 8: while the budget lasts, at most ``most_rounds``.
    - The first sample of a slow call costs the budget nothing, or one slow loop would
      leave the contenders without samples.
    - A call that is a `Turn` is timed where it is made; until round 7 the budget pays for its calls
      and not for what comes before and after them.

    So every kernel has one sample at least, one that is not slow three, and no cell takes
    longer than the warm-up, three budgets and one slow call each. The budget begins after the
    warm-up, because a first call may compile. Releasing an output falls between samples where
    a sample is one call, and into the sample where it is several.

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

    Returns:
        A `Timing`. What a call raises makes its kernel leave and is in ``failures``.

    Raises:
        ValueError: the budget is not a positive number of seconds.
    """
    if not budget_s > 0:
        raise ValueError(f"budget_s={budget_s!r}: expected more than 0 seconds")
    expected_s = expected_s or {}
    share_s = budget_s / (2 * max(3, len(calls)))
    entrants: dict[str, _Entrant] = {}
    failures: dict[str, str] = {}

    for name, call in calls.items():
        try:
            entrants[name] = _warmed_up(
                _Entrant(call, keep, turn=call if isinstance(call, Turn) else None),
                expected_s.get(name),
                share_s,
                min_sample_s,
                clock,
            )
        except (Exception, SystemExit) as problem:
            failures[name] = one_line(problem)

    best_s = min((entrant.call_s for entrant in entrants.values()), default=0.0)
    asked_s, budget_s = budget_s, max(budget_s, least_calls * best_s)
    share_s = budget_s / (2 * max(3, len(calls)))
    start_s = clock()
    free_s = all_beside_s = 0.0
    rounds = 0
    racing = list(entrants)
    while racing and rounds < most_rounds:
        for place in rng.permutation(len(racing)):
            name = racing[place]
            entrant = entrants[name]
            called_s, free = clock(), not rounds and entrant.call_s > share_s
            try:
                entrant.sample(share_s, clock)
            except (Exception, SystemExit) as problem:
                failures[name] = one_line(problem)
                del entrants[name]
            beside_s = entrant.beside_s if rounds < least_rounds else 0.0
            free_s += (clock() - called_s) if free else beside_s
            all_beside_s += entrant.beside_s
        rounds += 1
        racing = [name for name in racing if name in entrants]
        # calls may be shorter than was foreseen
        best_s = min((entrant.call_s for entrant in entrants.values()), default=0.0)
        budget_s = max(asked_s, least_calls * best_s)
        share_s = budget_s / (2 * max(3, len(calls)))
        if rounds <= least_rounds:
            racing = _contenders(entrants, racing, rounds, least_rounds, share_s)
        limit_s = budget_s * (OVERDRAFT if rounds < least_rounds else 1.0)
        ahead_s = (
            clock() - start_s - free_s + sum(entrants[name].round_s(share_s) for name in racing)
        )
        if ahead_s > limit_s:
            # all take part in the first rounds, but for slow calls
            sure = rounds < min(FIRST_ROUNDS, least_rounds)
            racing = [name for name in racing if sure and entrants[name].call_s <= share_s]

    outputs: dict[str, object] = {}
    for name, entrant in list(entrants.items()):
        try:
            outputs[name] = entrant.last()
        except (Exception, SystemExit) as problem:
            failures[name] = one_line(problem)
            del entrants[name]
    return Timing(
        samples={
            name: (*entrant.samples_s, *repeat(math.nan, rounds - len(entrant.samples_s)))
            for name, entrant in entrants.items()
        },
        calls_per_sample={name: entrant.calls for name, entrant in entrants.items()},
        outputs=outputs,
        failures=failures,
        rounds=rounds,
        beside_s=all_beside_s,
    )


def _warmed_up(
    entrant: _Entrant, expected_s: float | None, share_s: float, min_sample_s: float, clock: Clock
) -> _Entrant:
    """An entrant that has compiled, touched its memory and chosen its calls per sample."""
    if expected_s is not None and expected_s > share_s:
        entrant.call_s = expected_s
        return entrant
    sample_s = entrant.timed(1, clock)
    if expected_s is None:
        sample_s = entrant.timed(1, clock)  # the first call may have compiled
    while sample_s < min_sample_s and entrant.calls < _MOST_CALLS:
        # a quarter more than needed: later samples may be a little faster than this one
        wanted = 1.25 * entrant.calls * min_sample_s / sample_s if sample_s > 0 else math.inf
        entrant.calls = math.ceil(min(max(wanted, 2 * entrant.calls), 10 * entrant.calls))
        sample_s = entrant.calls * entrant.timed(entrant.calls, clock)
    return entrant


def _contenders(
    entrants: Mapping[str, _Entrant],
    racing: list[str],
    rounds: int,
    least_rounds: int,
    share_s: float,
) -> list[str]:
    """Those of the race that are not clear losers, and those too new or too cheap to leave.

    Fastest calls are compared, not medians: threads that wait for each other can spoil three
    samples in a row of what is the fastest kernel.
    """
    best_s = min((entrant.call_s for entrant in entrants.values()), default=0.0)

    def stays(entrant: _Entrant) -> bool:
        if entrant.call_s <= LOSING_RATIO * best_s:
            return True
        if rounds < min(FIRST_ROUNDS, least_rounds) and entrant.call_s <= share_s:
            return True
        cheap = least_rounds * entrant.round_s(share_s) <= 2 * share_s
        return rounds < least_rounds and cheap

    return [name for name in racing if stays(entrants[name])]
