"""One kernel judged on probes: a verdict, with the reason that names what is wrong."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.check import contract
from einbench.check.diagnosis import describe
from einbench.check.error import error
from einbench.check.layouts import as_layout
from einbench.check.probe import Probe
from einbench.check.state import other_numbers, restored, surroundings
from einbench.check.truth import (
    Truth,
    as_tuple,
    exact_truth,
    finite_only,
    first_rows,
    truth,
    truth_limit,
)  # fmt: skip
from einbench.kernel import Kernel
from einbench.operation import Operation
from einbench.problem import Problem
from einbench.units import one_line

Array = npt.NDArray[Any]

#: seconds that a kernel's calls at many sizes may take: interpreted loops are asked at fewer
SWEEP_S = 0.06
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

    def __str__(self) -> str:
        name = f"{self.kernel.operation.name}[{self.method}]"
        if self.passed:
            return f"{name}: passed, error {self.error:.3g} of {self.limit:.3g} units of rounding"
        return f"{name}: {self.reason}"


@dataclass(frozen=True)
class Posed:
    """A probe as a case: its inputs laid out, and the truth; None where it must be refused."""

    probe: Probe
    problem: Problem
    truth: Truth | None

    @cached_property
    def pristine(self) -> dict[str, bytes]:
        """Its inputs as every kernel must find and leave them."""
        return {name: contract.bits(array) for name, array in self.problem.arrays.items()}

    @cached_property
    def other_truths(self) -> list[Truth]:
        """What other numbers in the same arrays give: the same for every kernel."""
        found = []
        with restored(self.problem.arrays):
            for change in other_numbers(self.problem, self.probe.others):
                change()
                found.append(truth(self.problem, tied=self.probe.judged == "tied"))
        return found

    def restore(self) -> None:
        """Put the inputs back that a kernel wrote to: the others must not find them so."""
        for name, array in self.problem.arrays.items():
            if array.flags.writeable and contract.bits(array) != self.pristine[name]:
                array[...] = np.frombuffer(self.pristine[name], array.dtype).reshape(array.shape)

    @property
    def limit(self) -> float:
        """Most units of rounding that a right kernel is off."""
        return self.truth.limit if self.truth is not None else 0.0


def pose_all(op: Operation, probes: Iterable[Probe], dtype: np.dtype[Any]) -> list[Posed]:
    """Every probe as a case; the truth of rows of a larger draw is computed once for all."""
    wholes: dict[int, Posed] = {}
    # the caller's error state may be to raise where a hostile draw overflows
    with np.errstate(all="ignore"):
        return [pose(op, probe, dtype, wholes) for probe in probes]


def pose(
    op: Operation, probe: Probe, dtype: np.dtype[Any], wholes: dict[int, Posed] | None = None
) -> Posed:
    """Lay a probe's inputs out and compute what they should give.

    Args:
        op: the operation.
        probe: what to ask.
        dtype: of floating inputs.
        wholes: larger draws that were posed before, by the id of their inputs.
    """
    arrays = {
        name: as_layout(
            array, probe.layout if isinstance(probe.layout, str) else probe.layout[name]
        )
        for name, array in probe.inputs.items()
    }
    bound = op.bind(**arrays, **probe.options)
    problem = Problem.of(op, bound.arrays, bound.options)
    if probe.judged == "refuse":
        return Posed(probe, problem, None)
    if probe.judged == "exact":
        return Posed(probe, problem, exact_truth(problem))
    if probe.whole is not None:
        known = {} if wholes is None else wholes
        key = id(probe.whole.inputs)
        whole = known[key] if key in known else known.setdefault(key, pose(op, probe.whole, dtype))
        assert whole.truth is not None  # noqa: S101 - rows of a draw that is answered
        return Posed(probe, problem, first_rows(whole.truth, op, problem.rows))
    expected = truth(problem, tied=probe.judged in ("tied", "mixed"))
    if probe.judged == "mixed":
        expected = replace(expected, limit=max(expected.limit, truth_limit(problem)))
    if probe.judged in ("nonfinite", "mixed"):
        expected = finite_only(expected, problem.given)
    return Posed(probe, problem, expected)


def judge(kernel: Kernel, posed: Iterable[Posed]) -> Verdict:
    """The first probe a kernel fails on, or the one it came closest to failing on."""
    posed = list(posed)
    dtype = posed[0].problem.dtype.name if posed else ""
    if kernel.reason:
        why = f"unavailable: {kernel.reason}"
        return Verdict(kernel, False, np.nan, np.nan, why, dtype=dtype)
    closest = Verdict(kernel, True, 0.0, 0.0, "", dtype=dtype)
    swept_s = 0.0
    for probe in posed:
        if probe.probe.sweep and swept_s > SWEEP_S:
            continue
        start_s = time.perf_counter()
        verdict = _verdict(kernel, probe)
        if probe.probe.sweep:
            swept_s += time.perf_counter() - start_s
        if not verdict.passed:
            return verdict
        if closeness(verdict) > closeness(closest) or closest.limit == 0:
            closest = verdict
    return closest


def closeness(verdict: Verdict) -> float:
    """error / limit: how near a kernel came to being rejected."""
    return verdict.error / verdict.limit if verdict.limit else 0.0


def _verdict(kernel: Kernel, posed: Posed) -> Verdict:
    """Run a kernel on one probe and judge everything about its answer."""
    problem = posed.problem
    asked = _refusal if posed.truth is None else _fault
    units, reason = asked(kernel, posed)
    if reason:
        posed.restore()
        if posed.probe.exposes:
            reason = f"{posed.probe.exposes}: {reason}"
    rows = problem.batch or 0
    return Verdict(kernel, not reason, units, posed.limit, reason, rows, problem.dtype.name)


def _refusal(kernel: Kernel, posed: Posed) -> tuple[float, str]:
    try:
        kernel.function(*posed.problem.given, **posed.problem.options)
    except (ValueError, IndexError):
        return 0.0, ""
    except (Exception, SystemExit) as problem:
        return np.inf, f"raises {type(problem).__name__}, expected ValueError"
    return np.inf, "no error was raised"


def _fault(kernel: Kernel, posed: Posed) -> tuple[float, str]:
    """Error in units of rounding, and the first clause of the contract that is broken."""
    problem, expected = posed.problem, posed.truth
    assert expected is not None  # noqa: S101 - only refusals have no truth
    op, arrays = problem.operation, problem.arrays
    before = posed.pristine

    took_s = [0.0]

    def call() -> Any:
        start_s = time.perf_counter()
        with np.errstate(all="ignore"):
            result = kernel.function(*problem.given, **problem.options)
        took_s.append(time.perf_counter() - start_s)
        return result

    try:
        with warnings.catch_warnings():
            if problem.batch == 0:
                warnings.simplefilter("error", RuntimeWarning)
            result = call()
    except RuntimeWarning as raised:
        return np.inf, f"warns: {raised}"
    except (Exception, SystemExit) as raised:
        return np.inf, f"raises {one_line(raised)}"
    if reason := contract.form(problem, result):
        return np.inf, reason
    outputs = as_tuple(op, result)
    if reason := contract.changed(arrays, before) or contract.memory(op, outputs, arrays, []):
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

    try:
        reason = (
            contract.repeats(op, call, outputs, arrays, posed.probe.again, slow)
            or ("" if slow() else surroundings(op, call, outputs))
            or _into(kernel, posed, outputs, memory)
            or contract.changed(arrays, before)
            or _on_other_numbers(kernel, posed, call, memory, 1 if slow() else posed.probe.others)
        )
    except (Exception, SystemExit) as raised:
        reason = f"a second call raises {one_line(raised)}"
    return found.units, reason


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
    kernel: Kernel, posed: Posed, call: Callable[[], Any], memory: tuple[Array, ...], times: int
) -> str:
    """Call once more after the numbers in every array have changed, as training does."""
    problem = posed.problem
    op, arrays = problem.operation, problem.arrays
    with restored(arrays):
        changes = other_numbers(problem, times)
        for change, expected in zip(changes, posed.other_truths, strict=False):
            change()
            outputs = as_tuple(op, call())
            if not error(outputs, expected).units <= expected.limit:
                return "returns an earlier result for arrays that hold other numbers by now"
            if reason := _into(kernel, posed, outputs, memory):
                return f"{reason}, for arrays that hold other numbers by now"
    return ""
