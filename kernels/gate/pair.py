"""One fresh launch of each commit, taking turns: round by round, base and head or head and base.

Medians of the same code differ by 7 to 33 % between processes on a busy machine, so what one
pair of processes says about a kernel is one observation, however many samples they took.
Within a pair the turns are milliseconds apart: what slows the machine slows both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from einbench.gate.partner import CellError, Partner

#: a sample lasts this long at least: long against the clock, short against a time slice of
#: whatever else runs, so that most samples are not disturbed at all
SAMPLE_S = 5e-4
#: turns of each side per cell and pair, as many as fit into SHARE_S between these
FEWEST_ROUNDS = 5
MOST_ROUNDS = 20
SHARE_S = 0.05
#: a call this slow has one turn: more would take an hour to show that it is slow
_SLOW_CALL_S = 1.0
_UNSTEADY = "other bits than its first call gave for the same inputs"


@dataclass(frozen=True)
class Compared:
    """One kernel of both commits at one size, by names: either commit may lack it."""

    operation: str
    kernel: str
    batch: int | None
    dtype: str

    @property
    def name(self) -> str:
        """``softmax_vjp[einsum] batch 128``."""
        at = "" if self.batch is None else f" batch {self.batch:,}"
        return f"{self.operation}[{self.kernel}]{at}"

    def request(self) -> dict[str, Any]:
        """The fields of a request to a launch."""
        return {**asdict(self), "batch": self.batch or 0}


@dataclass(frozen=True)
class Schedule:
    """How a cell is sampled on either side, as base's speed suggests."""

    calls: int
    rounds: int

    @classmethod
    def of(cls, call_s: float) -> Schedule:
        """For calls of that many seconds."""
        calls = max(1, math.ceil(SAMPLE_S / max(call_s, 1e-9)))
        rounds = SHARE_S / (calls * max(call_s, 1e-9))
        return cls(calls, int(min(max(rounds, FEWEST_ROUNDS), MOST_ROUNDS)))


#: makes a fresh process of a side
Start = Callable[[], Partner]


def measure_pair(
    starts: Sequence[Start],
    cells: Sequence[tuple[Compared, Schedule]],
    rng: np.random.Generator,
    report: Callable[[int], None] = lambda done: None,
) -> list[dict[str, Any]]:
    """Seconds per call of every cell, ``{"base_s": [a round, ...], "head_s": [...]}`` each.

    Args:
        starts: how to launch base and head.
        cells: what to measure, and how to sample it on either side.
        rng: decides the order of cells and of turns.
        report: called with the number of cells done.

    Returns:
        A record a cell, in the order of ``cells``; ``problem`` says what a kernel raised.

    Raises:
        LaunchError: a process did not start, died or hung.
    """
    records: list[dict[str, Any]] = [{} for _ in cells]
    with ExitStack() as stack:
        # the side that starts first allocates first: that is randomised too
        order = [int(side) for side in rng.permutation(2)]
        started = {side: stack.enter_context(starts[side]()) for side in order}
        partners = [started[0], started[1]]
        for done, place in enumerate(rng.permutation(len(cells))):
            cell, schedule = cells[place]
            records[place] = {**asdict(cell), **_measure(partners, cell, schedule, rng)}
            report(done + 1)
    return records


def _measure(
    partners: Sequence[Partner], cell: Compared, schedule: Schedule, rng: np.random.Generator
) -> dict[str, Any]:
    names = ("base_s", "head_s")
    times_s: dict[str, Any] = {name: [] for name in names}
    side = "base"
    try:
        slowest_s = 0.0
        # the side that touches its memory first may get the better pages
        for turn in map(int, rng.permutation(2)):
            side = partners[turn].side
            ready = partners[turn].ask("ready", **cell.request())
            slowest_s = max(slowest_s, ready["call_s"])
        slow = slowest_s > _SLOW_CALL_S
        for number in range(1 if slow else schedule.rounds):
            for turn in map(int, rng.permutation(2)):
                side = partners[turn].side
                sampled = partners[turn].ask(
                    "sample", calls=1 if slow else schedule.calls, turn=number
                )
                times_s[names[turn]].append(sampled["call_s"])
        for partner in partners:
            side = partner.side
            if not partner.ask("same")["same"]:
                return {"problem": _UNSTEADY, "side": side, "wrong": True}
    except CellError as problem:
        return {"problem": str(problem), "side": side}
    return times_s
