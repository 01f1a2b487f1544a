"""A kernel that is being timed: its call, its samples so far, and how long one sample is."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import repeat

from einbench.contexts import ranked_s
from einbench.host.awake import whole
from einbench.jit.spinning import stop_spinning
from einbench.measure.turns import Turn

Call = Callable[[], object]
Clock = Callable[[], float]

#: bounds the search for a sample length where the clock does not advance
_MOST_CALLS = 1_000_000


@dataclass
class Candidate:
    """What is known of one kernel between its samples."""

    call: Call
    keep: Callable[[object], object]
    calls: int = 1
    #: the fastest call seen, or what was expected before any was
    call_s: float = math.inf
    samples_s: list[float] = field(default_factory=list)
    #: context -> seconds of single calls made in it, one a round, and the fastest of them
    beside_s: dict[str, list[float]] = field(default_factory=dict)
    fastest_s: dict[str, float] = field(default_factory=dict)
    #: what a round's calls in them took last, with what precedes them
    beside_cost_s: float = 0.0
    #: near the best: worth timing in other contexts than alone
    contends: bool = True
    output: object = None
    #: the same call, where it is timed as a turn, and what the fastest kernel takes
    turn: Turn | None = None
    like_s: float = 0.0
    #: seconds that the last sample took beyond its timed calls
    overhead_s: float = 0.0
    #: seconds of samples that were taken anew
    lost_s: float = 0.0

    def timed(self, calls: int, clock: Clock, warm: bool = True) -> float:
        """Seconds per call over that many calls; taken anew where it was stopped meanwhile."""
        began_s = clock()

        def once() -> float:
            nonlocal began_s
            self.lost_s += clock() - began_s
            began_s = clock()
            return self._timed(calls, clock, warm)

        call_s = whole(once)
        self.call_s = min(self.call_s, call_s)
        return call_s

    def _timed(self, calls: int, clock: Clock, warm: bool) -> float:
        """The same once, the collector off meanwhile."""
        if self.turn is not None:
            start_s = clock()
            call_s = self.turn.timed(calls, warm)
            self.overhead_s = max(clock() - start_s - calls * call_s, 0.0)
            return call_s
        call = self.call
        self.output = output = None  # one output at a time: freed before the next is allocated
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
        return (stop_s - start_s) / calls

    def sample(self, share_s: float, clock: Clock) -> None:
        """One more sample, after one untimed call unless a call is slow."""
        self.beside_cost_s = 0.0
        if self.turn is not None:
            self.samples_s.append(self.timed(self.calls, clock, self.call_s <= share_s))
            return
        stop_spinning()
        if self.call_s <= share_s:
            self.output = None
            self.call()
        self.samples_s.append(self.timed(self.calls, clock))

    def sample_beside(
        self, preceding: Mapping[str, Call], most_s: float, clock: Clock, *, warm: bool
    ) -> None:
        """A call in each of these contexts, unless it is long; before ``warm`` ones one untimed."""
        if not self.contends or self.call_s > most_s:
            return
        began_s = clock()
        for context, precede in preceding.items():
            took_s = self._after(context, precede, clock, warm=warm)
            times_s = self.beside_s.setdefault(context, [])
            # a kernel that was thought to be slow had rounds without
            times_s += repeat(math.nan, len(self.samples_s) - 1 - len(times_s))
            times_s.append(took_s)
            self.fastest_s[context] = min(took_s, self.fastest_s.get(context, math.inf))
        self.beside_cost_s += clock() - began_s

    def _after(self, context: str, precede: Call, clock: Clock, *, warm: bool) -> float:
        turn = self.turn
        if turn is not None:
            return whole(lambda: turn.after(context, self.like_s, warm))
        self.output = None
        if warm:
            self.call()
        precede()
        return self.timed(1, clock)

    def ranked_s(self, context: str) -> float:
        """What the fastest calls so far would rank it by."""
        return ranked_s(context, self.call_s, self.fastest_s)

    def round_s(self, share_s: float) -> float:
        """What the next round will cost."""
        alone_s = self.call_s * (self.calls + (self.call_s <= share_s))
        return alone_s + self.beside_cost_s * self.contends

    def last(self) -> object:
        """What is kept of the last output; a turn computes it now."""
        return self.output if self.turn is None else self.keep(self.turn.result())


def warmed_up(
    candidate: Candidate,
    expected_s: float | None,
    share_s: float,
    min_sample_s: float,
    clock: Clock,
) -> Candidate:
    """The candidate, which has compiled, touched its memory and chosen its calls per sample."""
    if expected_s is not None and expected_s > share_s:
        candidate.call_s = expected_s
        return candidate
    sample_s = candidate.timed(1, clock)
    if expected_s is None:
        sample_s = candidate.timed(1, clock)  # the first call may have compiled
    while sample_s < min_sample_s and candidate.calls < _MOST_CALLS:
        # a quarter more than needed: later samples may be a little faster than this one
        wanted = 1.25 * candidate.calls * min_sample_s / sample_s if sample_s > 0 else math.inf
        candidate.calls = math.ceil(min(max(wanted, 2 * candidate.calls), 10 * candidate.calls))
        sample_s = candidate.calls * candidate.timed(candidate.calls, clock)
    return candidate
