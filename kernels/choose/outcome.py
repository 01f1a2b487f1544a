"""What measuring a choice came to: records, where its seconds went, what is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from einbench.choose.book import Remembered, Spread, Time
from einbench.choose.environment import Environment
from einbench.choose.signature import Signature
from einbench.measure.disturbance import QUIET, Disturbance
from einbench.moment import now
from einbench.record import Record


@dataclass
class Spent:
    """Seconds of a choice, by what they were spent on; together they are all of it."""

    #: first calls
    first_s: float = 0.0
    #: the check at this size, and ranking
    sized_s: float = 0.0
    #: compiling, wherever it happened
    compile_s: float = 0.0
    #: the check on small draws
    check_s: float = 0.0
    #: timing whose samples the ranks are made from
    timing_s: float = 0.0
    #: timing that was discarded: other processes used the cores, or a kernel failed
    discarded_s: float = 0.0
    #: for other threads and processes of this package, or until others might be done
    waiting_s: float = 0.0
    #: reading and writing what is remembered
    memory_s: float = 0.0

    @property
    def whole_s(self) -> float:
        """All of it."""
        return sum(getattr(self, each.name) for each in fields(self))


@dataclass(frozen=True)
class Measured:
    """The outcome for every kernel, and how long measuring took."""

    #: one for each kernel of the operation
    records: list[Record]
    #: method -> error in units of rounding, of those that passed the check on small draws
    passed: dict[str, float]
    spent: Spent = field(default_factory=Spent)
    #: what kept kernels from the cores while they were timed
    disturbance: Disturbance = QUIET
    #: what was timed: the problem, or as many of its first rows as memory allowed
    rows: int | None = None
    #: that calls of the winner have; 0: all
    threads: int = 0


def remembered(
    environment: Environment,
    requested: Signature,
    rigor: str,
    records: Sequence[Record],
    disturbed: int = 0,
    threads: int = 0,
) -> Remembered | None:
    """What is worth remembering of these records; None where no kernel won.

    Args:
        environment: where it was made.
        requested: what for.
        rigor: how thoroughly.
        records: of every kernel.
        disturbed: on how many occasions in a row it was made while others used the cores.
        threads: that calls of the winner have; 0: all.
    """
    winner = next((r.kernel for r in records if r.winner), None)
    if winner is None:
        return None
    times = {r.kernel: time for r in records if (time := _time(r)) is not None}
    return Remembered(
        environment,
        requested,
        rigor,
        now(),
        winner,
        tuple(r.kernel for r in records if r.tie) or (winner,),
        times,
        {r.kernel: f"{r.status}: {r.reason}"[:300] for r in records if r.status != "ok"},
        disturbed,
        threads,
    )


def _time(record: Record) -> Time | None:
    alone = _spread(record.median_s, record.low_s, record.high_s)
    return alone and Time(
        *alone, record.samples, record.error or 0.0,
        _spread(record.after_blas_s, record.after_blas_low_s, record.after_blas_high_s),
        _spread(record.after_pause_s, record.after_pause_low_s, record.after_pause_high_s),
    )  # fmt: skip


def _spread(median_s: float | None, low_s: float | None, high_s: float | None) -> Spread | None:
    if not median_s or low_s is None or high_s is None:
        return None
    return Spread(median_s, min(low_s, median_s), max(high_s, median_s))
