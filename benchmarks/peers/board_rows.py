"""What is found of one way of a library in one cell."""

from __future__ import annotations

import math
import statistics
from dataclasses import asdict, dataclass, field
from typing import Any

#: from good to bad; a library that has no such operation cannot express it
OK, SKIPPED, NOT_EXPRESSED = "ok", "skipped", "cannot express"
UNAVAILABLE, FAILED, REFUSED = "unavailable", "failed", "refused"

#: a group of calls is long enough for the clock
_GROUP_S = 50e-6
_MOST_GROUPS = 2000
#: before the clock of a turn: caches are the others' by then, and threads asleep
_UNTIMED_S = 0.0015
#: a call this slow needs no other before it but once
SLOW_S = 0.2


@dataclass
class Row:
    """A library's way, or a library without any for this operation."""

    library: str
    way: str = ""
    status: str = OK
    reason: str = ""
    #: units of rounding, the greater of before and after the rounds
    error: float | None = None
    limit: float | None = None
    #: making it and calling it once, with all that is compiled
    first_call_s: float | None = None
    #: the fastest of a few calls before the rounds
    screened_s: float | None = None
    #: whether it had turns
    kept: bool = False
    #: the median call of every turn, round by round
    turns_s: list[float] = field(default_factory=list)
    #: processor time between two turns of its own: above zero it disturbed the others
    idle_s: list[float] = field(default_factory=list)

    def fault(self, status: str, reason: str) -> None:
        """It counts no more; the first reason is kept."""
        if self.status == OK:
            self.status, self.reason, self.kept = status, reason, False

    def plan(self, turn_s: float, first_round: bool) -> dict[str, int]:
        """Calls of a turn."""
        call_s = self.screened_s or _GROUP_S
        if call_s > SLOW_S:
            return {"untimed": int(first_round), "groups": 1, "calls": 1}
        calls = math.ceil(_GROUP_S / call_s)
        groups = min(max(int(turn_s / (calls * call_s)), 1), _MOST_GROUPS)
        return {"untimed": math.ceil(_UNTIMED_S / call_s), "groups": groups, "calls": calls}

    def record(self) -> dict[str, Any]:
        """Ready for JSON; times of what was not right are no times of the operation."""
        row = asdict(self)
        idle_s = row.pop("idle_s")
        if self.status != OK:
            row["turns_s"] = []
        row["median_s"] = statistics.median(row["turns_s"]) if row["turns_s"] else None
        row["idle_s"] = statistics.median(idle_s) if idle_s else None
        if self.error is not None and not math.isfinite(self.error):
            row["error"] = None  # infinity is not in JSON
        return row
