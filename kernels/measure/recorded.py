"""The record of a kernel, from all that was found out of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from einbench.kernel import Kernel
from einbench.measure.admit import Admission, Answered, Outcome
from einbench.measure.conditions import Conditions
from einbench.measure.predict import Predictions
from einbench.measure.ranking import Summary
from einbench.measure.remote import remote
from einbench.measure.roofline import Roofline
from einbench.measure.timed import Timed
from einbench.problem import Problem
from einbench.record import Record, Status


@dataclass(frozen=True)
class Findings:
    """All that the stages found out, each by method."""

    admissions: Mapping[str, Admission]
    answers: Mapping[str, Answered]
    timed: Timed
    known: Predictions


def compile_s(kernel: Kernel) -> float | None:
    """Seconds of compiling in this process so far; None where the kernel is not compiled."""
    return kernel.body.compile_s


def record_of(
    problem: Problem,
    conditions: Conditions,
    kernel: Kernel,
    found: Findings,
    roofline: Roofline | None,
    compiled_s: Mapping[str, float],
) -> Record:
    """All that is known of a kernel; one that is not right stays without any time."""
    method, op = kernel.method, problem.operation
    admission, answered = found.admissions[method], found.answers.get(method)
    outcome = answered.outcome if answered else admission.outcome
    outcome = found.timed.outcomes.get(method, outcome)
    body = remote(kernel)
    if body is not None and body.fate is not None and outcome.status != "unavailable":
        outcome = Outcome(cast("Status", body.fate.status), str(body.fate))
    compiling_s = compile_s(kernel)
    record = Record(
        operation=op.name,
        kernel=method,
        sizes=problem.sizes,
        leading=op.leading,
        options=problem.options,
        dtype=problem.dtype.name,
        layout=conditions.layout,
        threads=conditions.threads,
        context=conditions.context,
        status=outcome.status,
        reason=outcome.reason,
        error=outcome.error,
        limit=outcome.limit,
        peak_bytes=answered.peak_bytes if answered else None,
        compile_s=None if compiling_s is None else compiling_s - compiled_s.get(method, 0.0),
        prepare_s=kernel.body.prepare_s,
        cores=body.cores if body is not None else None,
        runtime=kernel.runtime,
        predicted_s=admission.expected.seconds if admission.expected else None,
    )
    summary = found.timed.ranking.summaries.get(method)
    if summary is None or found.timed.timing is None:
        return record
    speedup, predicted = summary.speedup, False
    if speedup is None and (baseline := found.known.get(op.baseline)):
        speedup, predicted = baseline.seconds / summary.median_s, not baseline.measured
    return replace(
        record,
        median_s=summary.median_s,
        low_s=summary.low_s,
        high_s=summary.high_s,
        samples=summary.count,
        samples_s=tuple(None if math.isnan(s) else s for s in found.timed.timing.samples[method]),
        calls_per_sample=found.timed.timing.calls_per_sample[method],
        unstable=summary.unstable,
        few_samples=summary.few,
        speedup=speedup,
        speedup_predicted=predicted,
        gflops_per_s=op.flops(problem.sizes) / summary.median_s / 1e9,
        gbytes_per_s=sum(op.traffic_bytes(problem.sizes, problem.dtype)) / summary.median_s / 1e9,
        roofline=roofline.fraction(op, problem.sizes, problem.dtype, summary.median_s)
        if roofline
        else None,
        winner=method == found.timed.ranking.winner,
        tie=method in found.timed.ranking.ties,
        **_beside(found.timed.beside, method),
    )


def _beside(found: Mapping[str, Mapping[str, Summary]], method: str) -> dict[str, Any]:
    """Medians and intervals in other contexts than alone, as fields of the record."""
    return {
        f"{context}_{name}": getattr(summaries[method], attribute)
        for context, summaries in found.items()
        if method in summaries
        for name, attribute in (("s", "median_s"), ("low_s", "low_s"), ("high_s", "high_s"))
    }
