"""One kernel judged on probes: a verdict, with the reason that names what is wrong."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from einbench.blame import is_unknown, said_of
from einbench.check import contract
from einbench.check.diagnosis import describe
from einbench.check.error import error
from einbench.check.patience import SERIES_S, Patience
from einbench.check.posed import Posed
from einbench.check.state import restored, surroundings
from einbench.check.truth import Truth, as_tuple
from einbench.kernel import Kernel
from einbench.names import shortened

Array = npt.NDArray[Any]

#: of so many draws the inputs are looked at once more when all have been asked
_LATER = 40
#: a kernel whose call takes longer is called again once, where others are several times
_SLOW_CALL_S = 0.01


@dataclass(frozen=True)
class Verdict:
    """Whether a kernel is right, how wrong it may be, how wrong it is, and why it failed."""

    kernel: Kernel
    passed: bool
    #: in units of rounding: of the probe that came closest to its limit, or failed
    error: float
    limit: float
    reason: str
    #: largest batch it was checked at, and in what precision
    batch: int = 0
    dtype: str = ""

    @property
    def method(self) -> str:
        """Name of the kernel."""
        return self.kernel.method

    @property
    def status(self) -> Literal["passed", "rejected", "unavailable", "unchecked"]:
        """Unchecked: memory, time, the disk or a compiler left it unknown whether it is right."""
        if self.passed:
            return "passed"
        if is_unknown(self.reason):
            return "unchecked"
        return "rejected" if self.kernel.available else "unavailable"

    def __repr__(self) -> str:
        return f"<Verdict {shortened(str(self), 200)}>"

    def __str__(self) -> str:
        name = f"{self.kernel.operation.name}[{self.method}]"
        if self.passed:
            return f"{name}: passed, error {self.error:.3g} of {self.limit:.3g} units of rounding"
        return f"{name}: {self.reason}"


def judge(kernel: Kernel, posed: Iterable[Posed], series_s: float = SERIES_S) -> Verdict:
    """The first probe a kernel fails on, or the one it came closest to failing on.

    A kernel whose calls at one series of sizes have taken `series_s` is not asked the rest of it.
    """
    posed = list(posed)
    dtype = posed[0].problem.dtype.name if posed else ""
    if kernel.reason:
        why = f"unavailable: {kernel.reason}"
        return Verdict(kernel, False, np.nan, np.nan, why, dtype=dtype)
    closest = Verdict(kernel, True, 0.0, 0.0, "", dtype=dtype)
    patience = Patience(series_s)
    for probe in posed:
        if not patience.allows(probe):
            continue
        verdict = _verdict(kernel, probe, dtype, patience)
        if not verdict.passed:
            return verdict
        if closeness(verdict) > closeness(closest) or closest.limit == 0:
            closest = verdict
    for probe in posed[:_LATER]:
        if reason := contract.changed(probe.problem.arrays, probe.pristine):
            probe.restore()
            return replace(closest, passed=False, reason=f"{reason} of an earlier call")
    return closest


def closeness(verdict: Verdict) -> float:
    """error / limit: how near a kernel came to being rejected."""
    return verdict.error / verdict.limit if verdict.limit else 0.0


def _verdict(kernel: Kernel, posed: Posed, dtype: str, patience: Patience) -> Verdict:
    """Run a kernel on one probe and judge everything about its answer."""
    problem = posed.problem
    if posed.truth is None:
        units, reason = _refusal(kernel, posed)
    else:
        units, reason = _fault(kernel, posed, posed.truth, patience)
    if reason:
        posed.restore()
        if posed.probe.exposes and not is_unknown(reason):
            reason = f"{posed.probe.exposes}: {reason}"
    rows = problem.batch or 0
    return Verdict(kernel, not reason, units, posed.limit, reason, rows, dtype)


def _refusal(kernel: Kernel, posed: Posed) -> tuple[float, str]:
    try:
        kernel.function(*posed.problem.given, **posed.problem.options)
    except (ValueError, IndexError):
        return 0.0, ""
    except (Exception, SystemExit) as problem:
        return np.inf, f"{said_of(problem, 'raises ')}, expected ValueError"
    return np.inf, "no error was raised"


def _fault(kernel: Kernel, posed: Posed, expected: Truth, patience: Patience) -> tuple[float, str]:
    """Error in units of rounding, and the first clause of the contract that is broken."""
    problem = posed.problem
    op, arrays = problem.operation, problem.arrays
    before, writeable = posed.pristine, posed.writeable

    took_s = [0.0]

    def plain(*given: Array) -> Any:
        return kernel.function(*given, **problem.options)

    def call() -> Any:
        start_s = time.process_time()
        with np.errstate(all="ignore"), patience.spent(posed):
            result = plain(*problem.given)
        took_s.append(time.process_time() - start_s)
        return result

    try:
        result = _without_warning(call) if problem.batch == 0 else call()
    except RuntimeWarning as raised:
        return np.inf, f"warns: {raised}"
    except (Exception, SystemExit) as raised:
        return np.inf, said_of(raised, "raises ")
    if reason := contract.form(problem, result):
        return np.inf, reason
    outputs = as_tuple(op, result)
    if reason := (
        contract.changed(arrays, before)
        or contract.locked(arrays, writeable)
        or contract.memory(op, outputs, arrays, [])
    ):
        return np.inf, reason
    found = error(outputs, expected)
    if not found.units <= expected.limit:
        return found.units, describe(op, outputs, expected, found)
    if not posed.probe.again:
        return found.units, ""
    memory = contract.memory_for(outputs)

    def slow() -> bool:
        # not the first call, which may have compiled
        return took_s[-1] > _SLOW_CALL_S

    def around() -> bool:
        return bool(posed.probe.others) and not slow()

    def enough() -> bool:
        return slow() or sum(took_s[2:]) > _SLOW_CALL_S / 5

    try:
        reason = (
            contract.repeats(op, call, outputs, arrays, posed.probe.again, enough)
            or (surroundings(problem, plain, outputs, posed.elsewhere[1].given) if around() else "")
            or _into(kernel, posed, outputs, memory)
            or contract.changed(arrays, before)
            or _on_other_numbers(
                kernel, posed, call, outputs, memory, 1 if slow() else posed.probe.others
            )
        )
    except (Exception, SystemExit) as raised:
        reason = said_of(raised, "a second call raises ")
    return found.units, reason


def _without_warning(call: Callable[[], Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        return call()


def _into(
    kernel: Kernel, posed: Posed, outputs: tuple[Array, ...], memory: tuple[Array, ...]
) -> str:
    """Whether a kernel that takes memory for its result writes the same there."""
    if not kernel.takes_out:
        return ""

    def write(out: Any) -> None:
        with np.errstate(all="ignore"):
            kernel.into(posed.problem.given, posed.problem.options, out)

    return contract.into(kernel.operation, write, outputs, memory)


def _on_other_numbers(
    kernel: Kernel, posed: Posed, call: Callable[[], Any], first: tuple[Array, ...],
    memory: tuple[Array, ...], times: int,
) -> str:  # fmt: skip
    """Call once more after the numbers in every array have changed, as training does."""
    problem = posed.problem
    op, arrays = problem.operation, problem.arrays
    earlier = [first]
    with restored(arrays):
        changes = posed.other_numbers(times)
        for change, expected in zip(changes, posed.other_truths, strict=False):
            change()
            outputs = as_tuple(op, call())
            found = error(outputs, expected)
            if not found.units <= expected.limit:
                if _alike(outputs, earlier):
                    return "returns an earlier result for arrays that hold other numbers by now"
                said = describe(op, outputs, expected, found)
                return f"wrong where arrays hold other numbers by now: {said}"
            earlier.append(outputs)
            if reason := _into(kernel, posed, outputs, memory):
                return f"{reason}, for arrays that hold other numbers by now"
    return ""


def _alike(outputs: Sequence[Array], earlier: Sequence[Sequence[Array]]) -> bool:
    """Whether they are, bit for bit, those of any earlier call."""
    found = list(map(contract.bits, outputs))
    return any(found == list(map(contract.bits, before)) for before in earlier)
