"""What is remembered of one operation, and its form on disk.

    {"schema": "einbench.wisdom/1", "operation": "softmax_vjp",
     "machine": [{"cpu": ..., "blas": ..., "code": ..., "candidates": {...}}, ...],
     "checks": [{"machine": 0, "dtype": "float32", "passed": {"loop": 0.4, ...}}, ...],
     "choices": [{"machine": 0, "sizes": {"batch": 128, ...}, ..., "kernel": "numba",
                  "tie": ["numba", ...],
                  "context": "program",
                  "times": {"numba": [median_s, low_s, high_s, samples, error,
                                      [median_s, low_s, high_s], [median_s, ...]], ...},
                  "left_out": {"loop": "skipped: about 40 s at this size", ...}}, ...]}

The last two of a time are those after a product of BLAS and after a pause, or null. An einbench
that timed kernels alone wrote neither these nor a context, and chose in the context ``alone``.

A choice made while other processes used the cores has ``"disturbed": 1``, or more after as many
such occasions: it is measured again on a later one (`Remembered.due`).

One whose kernel is fastest on fewer threads than it may have has ``"on_threads"``, their number.

Errors are in units of rounding. What does not have exactly this form is damaged, and nothing of
it is used.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from einbench.choose.environment import Environment, Machine, Threads
from einbench.choose.signature import Signature
from einbench.contexts import AFTER_BLAS, AFTER_PAUSE, ALONE, check_context, ranked_s
from einbench.host.documents import Damaged, Unreadable

SCHEMA = "einbench.wisdom/1"
_FAMILY, _VERSION = "einbench.wisdom/", 1
#: least thorough first: a choice serves requests up to its own
RIGORS = ("estimate", "measure", "patient")
#: operations have the first two, einsum expressions all
DTYPES = frozenset({
    "float32", "float64", "complex64", "complex128", "bool",
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
})  # fmt: skip
#: seconds for which a choice made once in disturbance answers, and times four for each more time
_DISTURBED_S, _MOST_DISTURBED = 60.0, 6
#: what an operation keeps at most: as many are read in three milliseconds
MOST_CHOICES = 256


class NewerSchema(Unreadable):
    """A later einbench wrote it."""


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


def document(operation: str, book: Book) -> dict[str, Any]:
    """The book as it lies on disk; checks that serve no choice there are left out."""
    # the newest check is of the environment at hand, whose first choice may not be made yet
    served = {choice.environment for choice in book.choices}
    checks = [c for c in book.checks if c.environment in served or c is book.checks[-1]]
    machines = list(
        dict.fromkeys([*(c.environment for c in book.choices), *(c.environment for c in checks)])
    )
    number = {environment: n for n, environment in enumerate(machines)}
    return {
        "schema": SCHEMA,
        "operation": operation,
        "machine": [_plain_environment(environment) for environment in machines],
        "checks": [
            {"machine": number[c.environment], "dtype": c.dtype, "passed": dict(c.errors)}
            for c in checks
        ],
        "choices": [
            {
                "machine": number[choice.environment],
                **_plain_signature(choice.signature),
                "rigor": choice.rigor,
                "date": choice.date,
                "kernel": choice.kernel,
                "tie": list(choice.tie),
                "times": {method: _plain_time(time) for method, time in choice.times.items()},
                "left_out": dict(choice.left_out),
                **({"disturbed": choice.disturbed} if choice.disturbed else {}),
                **({"on_threads": choice.threads} if choice.threads else {}),
            }
            for choice in book.choices
        ],
    }


def _plain_time(time: Time) -> list[Any]:
    beside = [time.after_blas, time.after_pause]
    return [*time[:5], *(beside if any(beside) else [])]


def _plain_environment(environment: Environment) -> dict[str, Any]:
    return {
        **environment.machine._asdict(),
        "code": environment.code,
        "candidates": dict(environment.candidates),
    }


def _plain_signature(signature: Signature) -> dict[str, Any]:
    return {
        **signature._asdict(),
        "sizes": dict(signature.sizes),
        "options": dict(signature.options),
        "threads": list(signature.threads),
    }


def book(found: Any, operation: str | None = None) -> Book:
    """The book that a document holds, of this operation where one is named.

    Raises:
        NewerSchema: of a later einbench.
        Damaged: of any other form than this one's.
    """
    check_schema(found)
    try:
        if operation is not None and found["operation"] != operation:
            raise Damaged(f"of operation {str(found['operation'])[:40]!r}")
        machines = [_environment(machine) for machine in _of(list, found["machine"])]
        return Book(
            checks=tuple(_passed(check, machines) for check in _of(list, found["checks"])),
            choices=tuple(_remembered(item, machines) for item in _of(list, found["choices"])),
        )
    except RecursionError:
        raise Damaged("nested too deeply") from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as problem:
        raise Damaged(f"not wisdom: {type(problem).__name__} {str(problem)[:80]}") from None


def check_schema(found: Any) -> None:
    """Raise where a document is of another schema than this einbench writes.

    Raises:
        NewerSchema: of a later einbench.
        Damaged: of none at all.
    """
    schema = found.get("schema") if isinstance(found, dict) else None
    if schema == SCHEMA:
        return
    if isinstance(schema, str) and schema.startswith(_FAMILY):
        number = schema.removeprefix(_FAMILY)
        if number.isascii() and number.isdigit() and len(number) < 9 and int(number) > _VERSION:
            raise NewerSchema(f"{schema}: a newer einbench wrote it")
    raise Damaged("no wisdom of einbench's")


def _environment(found: Any) -> Environment:
    candidates = _of(dict, found["candidates"])
    return Environment(
        _of(str, found["code"]),
        tuple((method, _of(str, digest)) for method, digest in candidates.items()),
        Machine(*(_of((str, type(None)), found[name]) for name in Machine._fields)),
    )


def _passed(found: Any, machines: list[Environment]) -> Passed:
    errors = {method: _number(error) for method, error in found["passed"].items()}
    if not all(0 <= error < math.inf for error in errors.values()):
        raise ValueError("an error that is no number")
    return Passed(machines[_index(found["machine"])], _dtype(found["dtype"]), errors)


def _remembered(found: Any, machines: list[Environment]) -> Remembered:
    times = {method: _time(time) for method, time in found["times"].items()}
    left_out = {method: _of(str, why) for method, why in found["left_out"].items()}
    tie = tuple(_of(list, found["tie"]))
    kernel = found["kernel"]
    if kernel not in tie or not times.keys() >= set(tie):
        raise ValueError(f"{kernel!r} did not win")
    rigor = found["rigor"]
    if rigor not in RIGORS[1:]:
        raise ValueError(f"rigor {rigor!r}")
    return Remembered(
        machines[_index(found["machine"])],
        _signature(found),
        rigor,
        _date(found["date"]),
        kernel,
        tie,
        times,
        left_out,
        _index(found.get("disturbed", 0)),
        _index(found.get("on_threads", 0)),
    )


def _signature(found: Any) -> Signature:
    blas, numba = map(_index, found["threads"])
    return Signature(
        tuple((axis, _index(size)) for axis, size in found["sizes"].items()),
        tuple((option, _of(str, value)) for option, value in found["options"].items()),
        _dtype(found["dtype"]),
        _of(str, found["integers"]),
        _of(str, found["layout"]),
        Threads(blas, numba),
        check_context(_of(str, found.get("context", ALONE))),
    )


def _time(found: Any) -> Time:
    alone, samples, error, beside = _spread(found[:3]), found[3], _number(found[4]), found[5:]
    if len(beside) not in (0, 2) or not 0 <= error < math.inf:
        raise ValueError(f"no times: {found!r}")
    return Time(
        *alone, _index(samples), error, *(None if one is None else _spread(one) for one in beside)
    )


def _spread(found: Any) -> Spread:
    median_s, low_s, high_s = map(_number, found)
    if not 0 < low_s <= median_s <= high_s < math.inf:
        raise ValueError(f"no times: {found!r}")
    return Spread(median_s, low_s, high_s)


def _of(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{str(value)[:40]!r}")
    return value


def _number(value: Any) -> float:
    """An OverflowError where a whole number is too large for one."""
    if type(value) not in (int, float):
        raise TypeError(f"{str(value)[:40]!r} is no number")
    return float(value)


def _date(value: Any) -> str:
    if len(_of(str, value)) != len("2026-01-02T03:04:05Z"):
        raise ValueError(f"{value[:40]!r} is no date")
    datetime.datetime.fromisoformat(value)
    return str(value)


def _index(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**62:
        raise TypeError(f"{str(value)[:40]!r} is no whole number")
    return value


def _dtype(value: Any) -> str:
    if value not in DTYPES:
        raise ValueError(f"dtype {str(value)[:40]!r}")
    return str(value)
