"""A choice made by measuring: checked, timed on the caller's own arrays, ranked."""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from einbench.arguments import Array, Bound
from einbench.check.check import check_small
from einbench.check.judging import Verdict
from einbench.check.layouts import read_only
from einbench.choose.book import Remembered, Time
from einbench.choose.environment import Environment, Threads
from einbench.choose.signature import Signature, floating_dtype, layout_name
from einbench.kernel import Kernel
from einbench.measure.cell import Cell, Limits, run_cell
from einbench.measure.disturbance import disturbs, moment, other_cores
from einbench.measure.predict import Prediction, predict
from einbench.measure.timing import Clock
from einbench.measure.workload import first_rows
from einbench.operation import Operation

#: rigor -> seconds of measuring, calls of the winner where those take longer, and blocks
BUDGETS = {"measure": (0.5, 10, 10), "patient": (5.0, 100, 40)}
#: a kernel beyond this many times what the fastest is expected to take is not called at the size
_HOPELESS = 4.0
#: but a call as short as this is made whatever the others take
_CALL_S = 0.02
#: while others have the cores it is measured again, after a pause, where it does not take long
_TRIES, _PAUSE_S, _LONG_S = 4, 0.5, 2.0
#: before one is called hopeless its time is taken as often again
_MORE_CALLS = 4
_MEMORY_BYTES = 1_000_000_000


@dataclass(frozen=True)
class Measured:
    """What became of every kernel, and how long it took to know."""

    #: one for each kernel of the operation
    records: list[dict[str, Any]]
    #: method -> error in units of rounding, of those that passed the check on small draws
    passed: dict[str, float]
    #: seconds of compiling, of checking, and of timing
    compile_s: float
    check_s: float
    timing_s: float
    #: cores that others had while it was timed
    other_cores: float = 0.0


def measure(
    op: Operation,
    bound: Bound,
    asked: Signature,
    passed: Mapping[str, float],
    rigor: str,
    budget_s: float | None = None,
    clock: Clock = time.perf_counter,
) -> Measured:
    """Check every kernel, time those that pass, interleaved, and rank them.

    Args:
        op: the operation.
        bound: arrays and options of the call; the arrays are only read.
        asked: what the choice is for.
        passed: kernels that passed the check here before: they are not checked again on small
            draws, but at this size and on what they return when timed.
        rigor: ``measure`` or ``patient``.
        budget_s: seconds of timing in place of what rigor says.
        clock: the only source of time, in seconds.
    """
    named = dict(zip(op.inputs, map(read_only, bound.arrays), strict=True))
    dtype = np.dtype(floating_dtype(op, named))
    compiled_s = _compile_s(op)
    began_s = clock()
    verdicts = _verdicts(op, dtype, passed)
    cell = Cell(
        op, named, bound.options, bound.sizes, dtype, layout_name(asked.layout),
        asked.threads.blas, seed=0, bare=True,
    )  # fmt: skip
    seconds, calls, blocks = BUDGETS[rigor]
    if budget_s is not None:
        seconds, calls = budget_s, 0

    def run() -> tuple[list[dict[str, Any]], float]:
        known, call_s = _foreseen(op, named, bound, verdicts, clock)
        limits = Limits(seconds, call_s, _MEMORY_BYTES, least_calls=calls, blocks=blocks)
        return _run(cell, verdicts, known, limits, clock)

    tries = _TRIES if budget_s is None and clock is time.perf_counter else 1
    records, timing_s, others = _quietest(run, asked.threads, tries)
    compiling_s = {method: s - compiled_s[method] for method, s in _compile_s(op).items()}
    for record in records:
        if record["kernel"] in compiling_s:
            record["compile_s"] = compiling_s[record["kernel"]]
    spent_s = sum(compiling_s.values())
    return Measured(
        records,
        {v.method: v.error for v in verdicts.values() if v.passed},
        spent_s,
        max(0.0, clock() - began_s - timing_s - spent_s),
        timing_s,
        others,
    )


def _run(
    cell: Cell,
    verdicts: Mapping[str, Verdict],
    known: dict[str, Prediction],
    limits: Limits,
    clock: Clock,
) -> tuple[list[dict[str, Any]], float]:
    records, timing_s = run_cell(cell, verdicts, known, None, limits, clock)
    left = [known[r["kernel"]].seconds for r in records
            if r["status"] == "skipped" and r["kernel"] in known]  # fmt: skip
    if left and not any(r["winner"] for r in records):
        # what was foreseen to be fastest failed at this size: the others are not hopeless then
        limits = replace(limits, call_s=max(limits.call_s, _HOPELESS * min(left)))
        records, timing_s = run_cell(cell, verdicts, known, None, limits, clock)
    return records, timing_s


def _quietest(
    run: Callable[[], tuple[list[dict[str, Any]], float]], threads: Threads, tries: int
) -> tuple[list[dict[str, Any]], float, float]:
    """The run in which others had least of the cores; once, where nobody disturbed it.

    A choice is remembered for long, and should not be made in a second in which the threads of
    BLAS waited for a core.
    """
    quietest: tuple[list[dict[str, Any]], float, float] | None = None
    for number in range(tries):
        if number:
            time.sleep(_PAUSE_S)
        before = moment()
        records, timing_s = run()
        others = other_cores(before, moment())
        if quietest is None or others < quietest[2]:
            quietest = records, timing_s, others
        if not disturbs(others, max(threads)) or timing_s > _LONG_S:
            break
    assert quietest is not None  # noqa: S101 - there is one try at least
    return quietest


def check_one(kernel: Kernel, dtype: str) -> Verdict:
    """The verdict on one kernel, on small hostile draws."""
    (verdict,) = check_small(kernel.operation, [kernel], np.dtype(dtype), seed=0)
    return verdict


def remembered(
    environment: Environment, asked: Signature, rigor: str, records: list[dict[str, Any]]
) -> Remembered | None:
    """What is worth remembering of these records; None where no kernel won."""
    winner = next((r["kernel"] for r in records if r["winner"]), None)
    if winner is None:
        return None
    timed = [r for r in records if r["status"] == "ok" and r["median_s"]]
    return Remembered(
        environment,
        asked,
        rigor,
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}",
        winner,
        tuple(r["kernel"] for r in timed if r["tie"]) or (winner,),
        {r["kernel"]: _time(r) for r in timed},
        {
            r["kernel"]: f"{r['status']}: {r['reason']}"[:300]
            for r in records
            if r["status"] != "ok"
        },
    )


def _time(record: Mapping[str, Any]) -> Time:
    median_s = record["median_s"]
    return Time(
        median_s,
        min(record["low_s"], median_s),
        max(record["high_s"], median_s),
        record["samples"],
        float(record["error"] or 0.0),
    )


def _compile_s(op: Operation) -> dict[str, float]:
    """Seconds that each compiled kernel has spent compiling in this process so far."""
    seconds = ((k.method, getattr(k.function, "compile_s", None)) for k in op)
    return {method: s for method, s in seconds if s is not None}


def _verdicts(
    op: Operation, dtype: np.dtype[Any], passed: Mapping[str, float]
) -> dict[str, Verdict]:
    fresh = [kernel for kernel in op if kernel.method not in passed]
    judged = {v.method: v for v in check_small(op, fresh, dtype, seed=0)} if fresh else {}
    return {
        k.method: judged.get(k.method)
        or Verdict(k, True, passed[k.method], float("nan"), "", dtype=dtype.name)
        for k in op
    }


def _foreseen(
    op: Operation,
    named: Mapping[str, Array],
    bound: Bound,
    verdicts: Mapping[str, Verdict],
    clock: Clock,
) -> tuple[dict[str, Prediction], float]:
    """What calls will take, and from what on a kernel is hopeless at this size."""
    known: dict[str, Prediction] = {}
    batch = bound.sizes.get(op.leading or "", 1)
    for kernel in op:
        if kernel.available and verdicts[kernel.method].passed:
            # whatever a kernel raises is told where it is admitted
            with contextlib.suppress(Exception):
                known[kernel.method] = predict(
                    kernel, named, bound.options, batch, _CALL_S, clock=clock
                )
    fastest_s = min((p.seconds for p in known.values()), default=0.0)
    call_s = max(_CALL_S, _HOPELESS * fastest_s)
    for method, seen in known.items():
        if seen.seconds > call_s:
            known[method] = _another_chance(op[method], seen, named, bound, call_s, clock)
    return known, call_s


def _another_chance(
    kernel: Kernel,
    seen: Prediction,
    named: Mapping[str, Array],
    bound: Bound,
    call_s: float,
    clock: Clock,
) -> Prediction:
    """The least of a few calls: one while BLAS waited for a core may take a hundred times that."""
    rows = first_rows(kernel.operation, named, seen.measured_batch)
    least_s = seen.measured_s
    for _ in range(_MORE_CALLS):
        with np.errstate(all="ignore"):
            began_s = clock()
            kernel.function(*rows, **bound.options)
            least_s = min(least_s, clock() - began_s)
        if Prediction(seen.batch, seen.measured_batch, least_s).seconds <= call_s:
            break
    return Prediction(seen.batch, seen.measured_batch, least_s)
