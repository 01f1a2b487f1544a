"""A choice made by measuring: checked, timed on the caller's own arrays, ranked."""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from einbench.check.judging import Verdict
from einbench.check.layouts import read_only
from einbench.check.verdicts import check_small
from einbench.choose.book import Remembered, Time
from einbench.choose.environment import Environment, Threads
from einbench.choose.signature import Signature, layout_name
from einbench.kernel import Kernel
from einbench.measure.calls import bound
from einbench.measure.conditions import PRUNED_RATIO, Conditions, Limits
from einbench.measure.disturbance import disturbs, moment, other_cores
from einbench.measure.predict import Prediction, predict
from einbench.measure.run import Predictions, Results, compile_s, run
from einbench.measure.timing import Clock
from einbench.operation import Operation
from einbench.problem import Problem
from einbench.record import Record

#: rigor -> seconds of measuring, calls of the winner where those take longer, and blocks
BUDGETS = {"measure": (0.5, 10, 10), "patient": (5.0, 100, 40)}
#: a call as short as this is made whatever the others take
_CALL_S = 0.02
#: while other processes use the cores it is measured again, after a pause, if it is short
_TRIES, _PAUSE_S, _LONG_S = 4, 0.5, 2.0
#: before a kernel is pruned its time is taken as often again
_MORE_CALLS = 4


@dataclass(frozen=True)
class Measured:
    """The outcome for every kernel, and how long measuring took."""

    #: one for each kernel of the operation
    records: list[Record]
    #: method -> error in units of rounding, of those that passed the check on small draws
    passed: dict[str, float]
    #: seconds of compiling, of checking, and of timing
    compile_s: float
    check_s: float
    timing_s: float
    #: cores that other processes used while it was timed
    other_cores: float = 0.0


def measure(
    problem: Problem,
    requested: Signature,
    passed: Mapping[str, float],
    rigor: str,
    budget_s: float | None = None,
    clock: Clock = time.perf_counter,
) -> Measured:
    """Check every kernel that takes NumPy arrays, time those that pass in turns, rank them.

    Args:
        problem: with the inputs of the call, which are only read.
        requested: what the choice is for.
        passed: kernels that passed the check here before: they are not checked again on small
            draws, but at this size and on what they return when timed.
        rigor: ``measure`` or ``patient``.
        budget_s: seconds of timing in place of what rigor says.
        clock: the only source of time, in seconds.
    """
    problem = problem.holding({name: read_only(a) for name, a in problem.arrays.items()})
    op = problem.operation
    compiled_s = _compiled_s(op)
    began_s = clock()
    verdicts = _verdicts(op, problem.dtype, passed)
    conditions = Conditions(layout_name(requested.layout), requested.threads.blas, bare=True)
    seconds, calls, blocks = BUDGETS[rigor]
    if budget_s is not None:
        seconds, calls = budget_s, 0

    def once() -> Results:
        known, call_s = _foreseen(problem, verdicts, clock)
        limits = Limits(seconds, call_s, least_calls=calls, blocks=blocks)
        return _run(problem, conditions, verdicts, known, limits, clock, compiled_s)

    tries = _TRIES if budget_s is None and clock is time.perf_counter else 1
    measured, others = _quietest(once, requested.threads, tries)
    spent_s = sum(record.compile_s or 0.0 for record in measured.records)
    return Measured(
        measured.records,
        {v.method: v.error for v in verdicts.values() if v.passed},
        spent_s,
        max(0.0, clock() - began_s - measured.timing_s - spent_s),
        measured.timing_s,
        others,
    )


def _run(
    problem: Problem,
    conditions: Conditions,
    verdicts: Mapping[str, Verdict],
    known: Predictions,
    limits: Limits,
    clock: Clock,
    compiled_s: Mapping[str, float],
) -> Results:
    again = partial(
        run, problem, conditions, verdicts, roofline=None, clock=clock, compiled_s=compiled_s,
        kernels={k.method: k for k in problem.operation if k.here},
    )  # fmt: skip
    found = again(known=known, limits=limits)
    left = [found.known[r.kernel].seconds for r in found.records
            if r.status == "skipped" and r.kernel in found.known]  # fmt: skip
    if left and not any(r.winner for r in found.records):
        # what was predicted to be fastest failed at this size: the others are not pruned then
        limits = replace(limits, call_s=max(limits.call_s, PRUNED_RATIO * min(left)))
        found = again(known=found.known, limits=limits)
    return found


def _quietest(once: Callable[[], Results], threads: Threads, tries: int) -> tuple[Results, float]:
    """The run in which others used least of the cores, and how many; one run where none do.

    A choice is remembered for long, and should not be made in a second in which the threads of
    BLAS waited for a core.
    """
    quietest: tuple[Results, float] | None = None
    for number in range(tries):
        if number:
            time.sleep(_PAUSE_S)
        before = moment()
        measured = once()
        others = other_cores(before, moment())
        if quietest is None or others < quietest[1]:
            quietest = measured, others
        if not disturbs(others, max(threads)) or measured.timing_s > _LONG_S:
            break
    assert quietest is not None  # noqa: S101 - there is one try at least
    return quietest


def check_one(kernel: Kernel, dtype: str) -> Verdict:
    """The verdict on one kernel, on small hostile draws."""
    (verdict,) = check_small(kernel.operation, [kernel], np.dtype(dtype), seed=0)
    return verdict


def remembered(
    environment: Environment, requested: Signature, rigor: str, records: Sequence[Record]
) -> Remembered | None:
    """What is worth remembering of these records; None where no kernel won."""
    winner = next((r.kernel for r in records if r.winner), None)
    if winner is None:
        return None
    times = {r.kernel: time for r in records if (time := _time(r)) is not None}
    return Remembered(
        environment,
        requested,
        rigor,
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}",
        winner,
        tuple(r.kernel for r in records if r.tie) or (winner,),
        times,
        {r.kernel: f"{r.status}: {r.reason}"[:300] for r in records if r.status != "ok"},
    )


def _time(record: Record) -> Time | None:
    median_s, low_s, high_s = record.median_s, record.low_s, record.high_s
    if not median_s or low_s is None or high_s is None:
        return None
    low_s, high_s = min(low_s, median_s), max(high_s, median_s)
    return Time(median_s, low_s, high_s, record.samples, record.error or 0.0)


def _compiled_s(op: Operation) -> dict[str, float]:
    """Seconds that each kernel has spent compiling in this process so far."""
    return {kernel.method: compile_s(kernel) or 0.0 for kernel in op}


def _verdicts(
    op: Operation, dtype: np.dtype[Any], passed: Mapping[str, float]
) -> dict[str, Verdict]:
    here = [kernel for kernel in op if kernel.here]
    fresh = [kernel for kernel in here if kernel.method not in passed]
    judged = {v.method: v for v in check_small(op, fresh, dtype, seed=0)} if fresh else {}
    return {
        k.method: judged.get(k.method)
        or Verdict(k, True, passed[k.method], float("nan"), "", dtype=dtype.name)
        for k in here
    }


def _foreseen(
    problem: Problem, verdicts: Mapping[str, Verdict], clock: Clock
) -> tuple[dict[str, Prediction], float]:
    """What calls will take, and the limit beyond which a kernel is pruned at this size."""
    known: dict[str, Prediction] = {}
    for kernel in problem.operation:
        verdict = verdicts.get(kernel.method)
        if kernel.available and verdict is not None and verdict.passed:
            # whatever a kernel raises is its result where it is admitted
            with contextlib.suppress(Exception):
                known[kernel.method] = predict(kernel, problem, _CALL_S, clock=clock)
    fastest_s = min((p.seconds for p in known.values()), default=0.0)
    call_s = max(_CALL_S, PRUNED_RATIO * fastest_s)
    for method, seen in known.items():
        if seen.seconds > call_s:
            kernel = problem.operation[method]
            known[method] = _fastest_of_few(kernel, seen, problem, call_s, clock)
    return known, call_s


def _fastest_of_few(
    kernel: Kernel, seen: Prediction, problem: Problem, call_s: float, clock: Clock
) -> Prediction:
    """The least of a few calls: one while BLAS waited for a core may take a hundred times that."""
    part = problem if problem.batch is None else problem.first_rows(seen.measured_batch)
    call, least_s = bound(kernel, part), seen.measured_s
    for _ in range(_MORE_CALLS):
        with np.errstate(all="ignore"):
            began_s = clock()
            call()
            least_s = min(least_s, clock() - began_s)
        if Prediction(seen.batch, seen.measured_batch, least_s).seconds <= call_s:
            break
    return Prediction(seen.batch, seen.measured_batch, least_s)
