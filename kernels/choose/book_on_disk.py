"""The form on disk of what is remembered of one operation.

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
from typing import Any

from einbench.choose.book import RIGORS, Book, Passed, Remembered, Spread, Time
from einbench.choose.environment import Environment, Machine, Threads
from einbench.choose.signature import Signature
from einbench.contexts import ALONE, check_context
from einbench.host.documents import Damaged, Unreadable

SCHEMA = "einbench.wisdom/1"
_FAMILY, _VERSION = "einbench.wisdom/", 1
#: operations have the first two, einsum expressions all
DTYPES = frozenset({
    "float32", "float64", "complex64", "complex128", "bool",
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
})  # fmt: skip


class NewerSchema(Unreadable):
    """A later einbench wrote it."""


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
