"""One cell: every kernel of an operation at one size, checked, timed interleaved, ranked.

The cell's rows are records (dicts): see ``RECORD_FIELDS``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from einbench.check.judging import Verdict
from einbench.check.sized import Kept, exact_case, judge_kept, keep, timed_case
from einbench.check.truth import Case
from einbench.kernel import Array, Kernel
from einbench.measure.blocks import interleave_in_blocks
from einbench.measure.calls import bare, bound, kept
from einbench.measure.memory import available_bytes, peak_extra_bytes
from einbench.measure.placement import randomise_placement
from einbench.measure.predict import Prediction, predict
from einbench.measure.ranking import Summary, rank
from einbench.measure.roofline import Roofline
from einbench.measure.timing import Call, Clock, Timing, told
from einbench.operation import Operation
from einbench.problem import Problem
from einbench.units import bytes_text, seconds_text

RECORD_FIELDS = (
    "operation", "kernel", "sizes", "options", "dtype", "layout", "threads", "status", "reason",
    "median_s", "low_s", "high_s", "samples", "samples_s", "calls_per_sample", "unstable",
    "few_samples", "speedup", "speedup_predicted", "error", "limit", "gflops_per_s",
    "gbytes_per_s", "roofline", "peak_bytes", "compile_s", "predicted_s", "winner", "tie",
)  # fmt: skip

#: tracing allocations makes interpreted loops several times slower: slower calls than this are
#: measured by resident memory alone, which is enough for the sizes that take so long
_TRACED_CALL_S = 0.02
#: where no exact probe is due, memory is not worth a call slower than this
_EXTRA_CALL_S = 0.1


@dataclass(frozen=True)
class Cell:
    """What is compared: an operation at one size, with the inputs it is timed on."""

    operation: Operation
    arrays: Mapping[str, Array]
    options: dict[str, str]
    sizes: dict[str, int]
    dtype: np.dtype[Any]
    layout: str
    threads: int
    seed: int
    #: kernels are called as `einbench.auto` calls them, with nothing between
    bare: bool = False


@dataclass(frozen=True)
class Limits:
    """What a cell may cost: seconds in all, seconds a call, bytes of declared temporaries."""

    budget_s: float
    call_s: float
    memory_bytes: int
    #: or so many calls of the fastest, where they take longer than ``budget_s``
    least_calls: int = 0
    #: the arrays lie elsewhere in each block of rounds
    blocks: int = 1


def run_cell(
    cell: Cell,
    verdicts: Mapping[str, Verdict],
    known: dict[str, Prediction],
    roofline: Roofline | None,
    limits: Limits,
    clock: Clock = time.perf_counter,
) -> tuple[list[dict[str, Any]], float]:
    """A record for every kernel of the operation, whatever became of it; seconds of timing.

    ``known`` holds what calls took at smaller batches, and is brought up to date. Without a
    roofline rows say nothing of what the machine could do at best.
    """
    op = cell.operation
    rows = {method: _blank(cell, kernel) for method, kernel in op.kernels.items()}
    runnable = {}
    for kernel in op:
        row = rows[kernel.method]
        _admit(cell, kernel, verdicts[kernel.method], known, limits, row, clock)
        if row["status"] == "ok":
            runnable[kernel.method] = kernel
    _ask_exactly(cell, runnable, known, limits, rows, clock)
    runnable = {method: k for method, k in runnable.items() if rows[method]["status"] == "ok"}
    timing_s = 0.0
    if runnable:
        problem = Problem.of(op, tuple(cell.arrays.values()), cell.options)
        question = timed_case(problem, cell.seed)
        began_s = clock()
        timing = _time(cell, question, runnable, known, limits, clock)
        timing_s = clock() - began_s
        _judge_timed(question, timing, rows)
        _rank(cell, timing, rows, known, roofline)
    return list(rows.values()), timing_s


def _blank(cell: Cell, kernel: Kernel) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(RECORD_FIELDS)
    row.update(
        operation=cell.operation.name, kernel=kernel.method, sizes=cell.sizes,
        options=cell.options, dtype=cell.dtype.name, layout=cell.layout, threads=cell.threads,
        status="ok", reason="", winner=False, tie=False, unstable=False, few_samples=False,
        speedup_predicted=False, samples=0, samples_s=[],
    )  # fmt: skip
    row["compile_s"] = getattr(kernel.function, "compile_s", None)
    return row


def _admit(
    cell: Cell,
    kernel: Kernel,
    verdict: Verdict,
    known: dict[str, Prediction],
    limits: Limits,
    row: dict[str, Any],
    clock: Clock,
) -> None:
    """Refuse a kernel that cannot run, is wrong, needs too much memory, or takes too long."""
    if kernel.reason:
        row.update(status="unavailable", reason=kernel.reason)
        return
    if not verdict.passed:
        row.update(status="rejected", reason=verdict.reason)
        row.update(error=verdict.error, limit=verdict.limit)
        return
    needed = kernel.temporary_bytes(cell.sizes, cell.dtype)
    most = min(limits.memory_bytes, available_bytes() // 2)
    if needed > most:
        row.update(
            status="skipped",
            reason=f"needs {bytes_text(needed)} of temporaries, more than {bytes_text(most)}",
        )
        return
    batch = cell.sizes.get("batch", 1)
    try:
        expected = predict(
            kernel, cell.arrays, cell.options, batch, limits.call_s, known.get(kernel.method), clock
        )
    except (Exception, SystemExit) as problem:  # whatever a kernel raises is its result
        row.update(_failure(told(problem)))
        return
    known[kernel.method] = expected
    row["predicted_s"] = expected.seconds
    if expected.seconds > limits.call_s:
        row.update(
            status="skipped",
            reason=f"about {seconds_text(expected.seconds)} at this size "
            f"({seconds_text(expected.measured_s)} at batch {expected.measured_batch:,})",
        )


def _failure(reason: str) -> dict[str, Any]:
    """Timed inputs are read-only: a kernel that raises at that writes to its inputs."""
    if "read-only" in reason:
        return {"status": "rejected", "reason": f"changes its inputs at the timed size: {reason}"}
    return {"status": "failed", "reason": reason}


def _ask_exactly(
    cell: Cell,
    runnable: Mapping[str, Kernel],
    known: dict[str, Prediction],
    limits: Limits,
    rows: Mapping[str, dict[str, Any]],
    clock: Clock,
) -> None:
    """The exact probe at the timed size, in the same call that memory is measured in."""
    if not runnable:
        return
    question = exact_case(cell.operation, cell.dtype, cell.sizes, cell.layout, cell.seed)
    arrays = question.problem.given if question else tuple(cell.arrays.values())
    options = question.problem.options if question else cell.options
    for method, kernel in runnable.items():
        made: list[object] = []
        call = kept(kernel, arrays, options, made)
        began_s = clock()
        try:
            with np.errstate(all="ignore"):
                if question or known[method].seconds <= _EXTRA_CALL_S:
                    rows[method]["peak_bytes"] = peak_extra_bytes(
                        call, traced=known[method].seconds <= _TRACED_CALL_S
                    )
                took_s = clock() - began_s
                if took_s > limits.call_s and took_s > 5 * known[method].seconds:
                    # small batches did not show how it grows, or tracing slowed it: ask without
                    began_s = clock()
                    call()
                    took_s = clock() - began_s
                    if took_s > limits.call_s:
                        batch = known[method].batch
                        known[method] = Prediction(batch, batch, took_s)
                        reason = f"about {seconds_text(took_s)} at this size"
                        rows[method].update(status="skipped", reason=reason)
        except (Exception, SystemExit) as problem:
            rows[method].update(_failure(told(problem)))
            continue
        if question:
            _judge(question, keep(question, made.pop()), rows[method])


def _time(
    cell: Cell,
    question: Case,
    runnable: Mapping[str, Kernel],
    known: Mapping[str, Prediction],
    limits: Limits,
    clock: Clock,
) -> Timing:
    given = tuple(cell.arrays.values())
    rng = np.random.default_rng([cell.seed, 17])

    def calls() -> dict[str, Call]:
        arrays = randomise_placement(given, rng) if limits.blocks > 1 else given
        make = bare if cell.bare else bound
        return {method: make(kernel, arrays, cell.options) for method, kernel in runnable.items()}

    with np.errstate(all="ignore"):
        return interleave_in_blocks(
            calls,
            limits.blocks,
            budget_s=limits.budget_s,
            rng=rng,
            expected_s={method: known[method].seconds for method in runnable},
            least_calls=limits.least_calls,
            clock=clock,
            keep=partial(keep, question),
        )


def _judge_timed(question: Case, timing: Timing, rows: Mapping[str, dict[str, Any]]) -> None:
    """Judge what the last timed call of every kernel returned."""
    for method, reason in timing.failures.items():
        rows[method].update(_failure(reason))
    for method, last in timing.outputs.items():
        assert isinstance(last, Kept)  # noqa: S101 - what ``keep`` made of the output
        _judge(question, last, rows[method])


def _judge(question: Case, given: Kept, row: dict[str, Any]) -> None:
    units, reason = judge_kept(question, given)
    if not question.truth.exact or reason:
        row.update(error=units, limit=question.truth.limit)
    if reason:
        row.update(status="rejected", reason=reason)


def _rank(
    cell: Cell,
    timing: Timing,
    rows: Mapping[str, dict[str, Any]],
    known: dict[str, Prediction],
    roofline: Roofline | None,
) -> None:
    """Fill in times of kernels that passed; those that did not stay without any."""
    op = cell.operation
    passed = {m: times for m, times in timing.samples.items() if rows[m]["status"] == "ok"}
    ranking = rank(passed, op.baseline, blocks=timing.blocks)
    batch = cell.sizes.get("batch", 1)
    fastest_s = min((s.median_s for s in ranking.summaries.values()), default=None)
    if fastest_s and roofline is not None:
        # a time below the roof has the roof measured again: before any row is held against it
        roofline.fraction(op, cell.sizes, cell.dtype, fastest_s)
    for method, summary in ranking.summaries.items():
        known[method] = Prediction(batch, batch, summary.median_s)
        row = rows[method]
        row.update(_times(summary), winner=method == ranking.winner, tie=method in ranking.ties)
        row["samples_s"] = [None if math.isnan(s) else s for s in timing.samples[method]]
        row["calls_per_sample"] = timing.calls_per_sample[method]
        row.update(_rates(cell, summary.median_s, roofline))
        row["compile_s"] = getattr(op[method].function, "compile_s", None)
        if row["speedup"] is None and op.baseline in known:
            row["speedup"] = known[op.baseline].seconds / summary.median_s
            row["speedup_predicted"] = not known[op.baseline].measured


def _times(summary: Summary) -> dict[str, Any]:
    return {
        "median_s": summary.median_s,
        "low_s": summary.low_s,
        "high_s": summary.high_s,
        "samples": summary.count,
        "unstable": summary.unstable,
        "few_samples": summary.few,
        "speedup": summary.speedup,
    }


def _rates(cell: Cell, median_s: float, roofline: Roofline | None) -> dict[str, Any]:
    flops = cell.operation.flops(cell.sizes)
    moved = sum(cell.operation.traffic_bytes(cell.sizes, cell.dtype))
    return {
        "gflops_per_s": flops / median_s / 1e9,
        "gbytes_per_s": moved / median_s / 1e9,
        "roofline": roofline
        and roofline.fraction(cell.operation, cell.sizes, cell.dtype, median_s),
    }
