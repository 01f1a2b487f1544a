"""How long a choice measures: seconds of timing, calls of the winner, blocks, and tries."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from einbench.measure.candidate import Clock
from einbench.measure.conditions import PRUNED_RATIO, Limits
from einbench.measure.timing import OVERDRAFT

#: rigor -> seconds of timing, calls of the winner where those take longer, and blocks
BUDGETS = {"measure": (0.3, 3, 10), "patient": (5.0, 100, 40)}
#: rigor -> runs, of which the quietest counts, while other processes use the cores: otherwise what
#: was measured serves, and is measured again on a later occasion
_TRIES = {"measure": 1, "patient": 4}
#: seconds that timing may take in all, where the winner's calls are not long
_MOST_S = 0.4
#: a call as short as this is made whatever the others take
_CALL_S = 0.02


@dataclass(frozen=True)
class Effort:
    """What a rigor stands for."""

    #: seconds of timing
    budget_s: float
    #: of the winner at least, however long they take
    calls: int
    blocks: int
    #: seconds of timing in all, where calls are not long
    most_s: float
    #: runs, where others use the cores
    tries: int

    def limits(self, seconds: Sequence[float], round_s: float, share: float) -> Limits:
        """Of one run.

        Args:
            seconds: that one call of each kernel takes, as far as known.
            round_s: that a call of each in turn takes.
            share: part of the budget.
        """
        fastest_s, longest_s = min(seconds, default=0.0), max(seconds, default=0.0)
        # of long calls there are as many blocks as rounds
        given_s = share * self.budget_s
        whole_s = max(given_s, self.calls * fastest_s)
        blocks = min(self.blocks, max(1, int(whole_s / max(round_s, 1e-9))))
        # in few blocks the first rounds may take three budgets, and long calls' first is extra
        most_s = (self.most_s - round_s) / (OVERDRAFT if blocks < OVERDRAFT else 1.0)
        # first times may have been quicker than calls are now: none that is near is left out
        return Limits(
            min(given_s, max(most_s, 1e-3)),
            max(_CALL_S, PRUNED_RATIO * longest_s),
            least_calls=self.calls,
            blocks=blocks,
        )


def effort(rigor: str, budget_s: float | None, clock: Clock) -> Effort:
    """What this rigor stands for; with a budget, that one in place of the rigor's."""
    seconds, calls, blocks = BUDGETS[rigor]
    if budget_s is not None:
        return Effort(budget_s, 0, blocks, math.inf, 1)
    most_s = _MOST_S if rigor == "measure" else math.inf
    # by another clock no other process uses the cores
    tries = _TRIES[rigor] if clock is time.perf_counter else 1
    return Effort(seconds, calls, blocks, most_s, tries)
