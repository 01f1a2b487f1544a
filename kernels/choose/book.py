"""What is remembered of one operation: choices, and kernels that passed the check."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from einbench.choose.environment import Environment
from einbench.choose.signature import Signature
from einbench.contexts import AFTER_BLAS, AFTER_PAUSE, ranked_s

#: least thorough first: a choice serves requests up to its own
RIGORS = ("estimate", "measure", "patient")
#: seconds for which a choice made once in disturbance answers, and times four for each more time
_DISTURBED_S, _MOST_DISTURBED = 60.0, 6
#: what an operation keeps at most: as many are read in three milliseconds
MOST_CHOICES = 256


class Spread(NamedTuple):
    """A median and its interval."""

    median_s: float
    low_s: float
    high_s: float


class Time(NamedTuple):
    """What was measured of one candidate; in other contexts than alone None where it was not."""

    median_s: float
    low_s: float
    high_s: float
    samples: int
    #: in units of rounding, at the timed size
    error: float
    after_blas: Spread | None = None
    after_pause: Spread | None = None

    def ranked_s(self, context: str) -> float:
        """What it is ranked by in a context."""
        beside = {AFTER_BLAS: self.after_blas, AFTER_PAUSE: self.after_pause}
        return ranked_s(context, self.median_s, {c: s.median_s for c, s in beside.items() if s})


class Remembered(NamedTuple):
    """One choice: what for, where, how thoroughly, and the outcome of every candidate."""

    environment: Environment
    signature: Signature
    rigor: str
    #: ISO 8601, in UTC
    date: str
    kernel: str
    #: the winner and all that tie with it, simplest first; only the winner where none does
    tie: tuple[str, ...]
    times: Mapping[str, Time]
    #: method -> ``status: reason``
    left_out: Mapping[str, str]
    #: on how many occasions in a row it was made while other processes used the cores
    disturbed: int = 0
    #: that calls of the kernel have, fewer than the signature's; 0: all of them
    threads: int = 0

    def due(self, now: datetime.datetime) -> bool:
        """Whether it is to be measured again: a minute after it was disturbed, then four, ..."""
        if not self.disturbed:
            return False
        made = datetime.datetime.fromisoformat(self.date)
        wait_s = _DISTURBED_S * 4 ** (min(self.disturbed, _MOST_DISTURBED) - 1)
        return abs((now - made).total_seconds()) >= wait_s

    @property
    def complete(self) -> bool:
        """Whether every kernel could be checked when it was made."""
        return not any(why.startswith("unchecked") for why in self.left_out.values())

    def is_for(self, other: Remembered) -> bool:
        """Whether both answer the same question."""
        return self.signature == other.signature and self.environment == other.environment


class Passed(NamedTuple):
    """Kernels that passed the check, with the code and libraries of one environment."""

    environment: Environment
    dtype: str
    #: method -> error in units of rounding
    errors: Mapping[str, float]


class Book(NamedTuple):
    """Everything that is remembered of one operation, oldest first."""

    choices: tuple[Remembered, ...] = ()
    checks: tuple[Passed, ...] = ()

    def of(self, environment: Environment) -> Iterator[Remembered]:
        """Choices made where everything was as it is now."""
        return (choice for choice in self.choices if choice.environment == environment)

    def passed(self, environment: Environment, dtype: str) -> dict[str, float]:
        """Kernels that passed the check here, with their errors."""
        found: dict[str, float] = {}
        for check in self.checks:
            if check.dtype == dtype and check.environment == environment:
                found.update(check.errors)
        return found

    def with_choice(self, choice: Remembered) -> Book:
        """One more, in place of one for the same; the oldest is dropped where there are too many.

        Choices of other environments are hints at best and are dropped first.
        """
        kept = [*(old for old in self.choices if not old.is_for(choice)), choice]
        while len(kept) > MOST_CHOICES:
            foreign = (n for n, old in enumerate(kept) if old.environment != choice.environment)
            del kept[next(foreign, 0)]
        return self._replace(choices=tuple(kept))

    def with_passed(
        self, environment: Environment, dtype: str, errors: Mapping[str, float]
    ) -> Book:
        """More kernels that passed."""
        known = self.passed(environment, dtype)
        if all(method in known for method in errors):
            return self
        rest = [c for c in self.checks if (c.dtype, c.environment) != (dtype, environment)]
        return self._replace(checks=(*rest, Passed(environment, dtype, {**known, **errors})))

    def merged(self, other: Book, *, made_now: bool = False) -> Book:
        """Both together; of two choices for the same the newer stays.

        A choice made now is newer, whatever date the other has.
        """
        book = self
        for check in other.checks:
            book = book.with_passed(check.environment, check.dtype, check.errors)
        for choice in other.choices:
            if made_now or not any(
                old.is_for(choice) and old.date > choice.date for old in book.choices
            ):
                book = book.with_choice(choice)
        return book
