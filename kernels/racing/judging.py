"""One raced function judged by the reference, by those clauses that hold for any function."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.blame import is_unknown, said_of
from einbench.check import contract
from einbench.check.diagnosis import describe
from einbench.check.error import error
from einbench.racing import results
from einbench.racing.arguments import Arguments
from einbench.racing.posed import Posed
from einbench.record import Status

Array = npt.NDArray[Any]

#: of so many further calls, results are compared bit by bit
_AGAIN = 3
#: a call that takes longer is made once more only
_SLOW_CALL_S = 0.2
#: so many calls more are looked at, and so many seconds of them
_LATER, _LATER_S = 150, 0.1


@dataclass(frozen=True)
class Finding:
    """Whether a function is right; in units of rounding how far off, and why not."""

    status: Status = "ok"
    reason: str = ""
    units: float | None = None
    #: seconds of a call after the first
    call_s: float = 0.0


def judge(function: Callable[..., Any], posed: Posed) -> Finding:
    """The first clause that a function breaks, or its error."""
    given = posed.arguments.copied()
    try:
        result = given.call(function)
    except (Exception, SystemExit) as raised:
        return _raised(said_of(raised, "raises "))
    found, reason = _looked_at(result, posed)
    if reason:
        return Finding("rejected", reason)
    if reason := _changed(given, posed):
        return Finding("rejected", reason)
    outputs = tuple(found.values())
    inputs = _arrays_of(given, posed)
    if posed.new_memory and (reason := contract.memory(posed.outputs, outputs, inputs, [])):
        return Finding("rejected", reason)
    units, reason = judge_result(found, posed)
    if reason:
        return Finding("rejected", reason, units)
    took_s = [0.0]

    def call() -> Any:
        start_s = time.perf_counter()
        again = given.call(function)
        took_s.append(time.perf_counter() - start_s)
        parts, strange = results.arrays(again)
        if strange or results.form(parts, posed.parts):
            raise ValueError(f"a second call returns {strange or results.form(parts, posed.parts)}")
        return tuple(parts.values()) if len(parts) > 1 else next(iter(parts.values()))

    try:
        reason = (
            _repeats(call, outputs, inputs, posed, lambda: took_s[-1] > _SLOW_CALL_S)
            or _changed(given, posed)
            or _later(partial(given.call, function), outputs, posed)
            or _changed(given, posed)
            or _earlier(function, outputs, posed)
        )
    except (Exception, SystemExit) as raised:
        return _raised(said_of(raised, "a second call raises "))
    if reason:
        return Finding("rejected", reason, units)
    return Finding("ok", "", units, took_s[-1])


def judge_result(found: Mapping[str, Array], posed: Posed) -> tuple[float, str]:
    """The error in units of rounding, and what is wrong where that is too much."""
    outputs = posed.units(found)
    off = error(outputs, posed.truth)
    if off.units <= posed.truth.limit:
        return off.units, ""
    return off.units, describe(posed.outputs, outputs, posed.truth, off)


def _looked_at(result: Any, posed: Posed) -> tuple[dict[str, Array], str]:
    found, strange = results.arrays(result)
    if strange:
        return found, f"returns {strange}, expected NumPy arrays or numbers"
    return found, results.form(found, posed.parts)


def _raised(reason: str) -> Finding:
    return Finding("unchecked" if is_unknown(reason) else "failed", reason)


def _changed(given: Arguments, posed: Posed) -> str:
    changed = given.changed(posed.arguments, posed.called)
    return f"changes its input {changed}" if changed else ""


def _arrays_of(given: Arguments, posed: Posed) -> dict[str, Array]:
    pairs = zip(posed.names, given.values(), strict=True)
    return {name: value for name, value in pairs if isinstance(value, np.ndarray)}


def _repeats(
    call: Callable[[], Any], outputs: tuple[Array, ...], inputs: dict[str, Array], posed: Posed,
    enough: Callable[[], bool],
) -> str:  # fmt: skip
    """The same bits again, in new memory where results are new memory."""
    if posed.new_memory:
        return contract.repeats(posed.outputs, call, outputs, inputs, _AGAIN, enough)
    before = [contract.bits(output) for output in outputs]
    again = call()
    later = again if isinstance(again, tuple) else (again,)
    if [contract.bits(output) for output in later] != before:
        return "a second call gives another result for the same inputs"
    return ""


def _later(call: Callable[[], Any], outputs: tuple[Array, ...], posed: Posed) -> str:
    """Whether a later call gives something that is wrong: last bits may be others by then."""
    before = [contract.bits(output) for output in outputs]
    began_s = time.perf_counter()
    for _ in range(_LATER):
        if time.perf_counter() - began_s > _LATER_S:
            break
        parts, strange = results.arrays(call())
        reason = strange or results.form(parts, posed.parts)
        if not reason and [contract.bits(part) for part in parts.values()] != before:
            reason = judge_result(parts, posed)[1]
        if reason:
            return f"right at first, but in a later call: {reason}"
    return ""


def _earlier(function: Callable[..., Any], outputs: tuple[Array, ...], posed: Posed) -> str:
    """Whether it returns the same where the reference returns something else."""
    if not posed.told_apart:
        return ""
    try:
        parts, strange = results.arrays(posed.others.copied().call(function))
    except (Exception, SystemExit):
        return ""  # other numbers need not be valid
    if strange or results.form(parts, posed.parts):
        return ""
    same = [contract.bits(a) for a in parts.values()] == [contract.bits(a) for a in outputs]
    return "returns the same for other numbers, where the reference does not" if same else ""
