"""Records of kernels that a choice did not time, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import cast

from einbench.check.judging import Verdict
from einbench.choose.apart import Apart
from einbench.choose.candidates import First
from einbench.kernel import Kernel
from einbench.measure.conditions import Conditions
from einbench.problem import Problem
from einbench.record import Record, Status


def not_timed(
    kernel: Kernel,
    problem: Problem,
    conditions: Conditions,
    first: First,
    *,
    excluded: Iterable[str],
    verdict: Verdict | None,
    apart: Apart | None,
    compile_s: float | None,
) -> Record:
    """Of a kernel that is unavailable, wrong on small draws, or far from the fastest."""
    record = Record(
        operation=problem.operation.name,
        kernel=kernel.method,
        sizes=problem.sizes,
        leading=problem.operation.leading,
        options=problem.options,
        dtype=problem.dtype.name,
        layout=conditions.layout,
        threads=conditions.threads,
        context=conditions.context,
        status="skipped",
        compile_s=compile_s,
        runtime=kernel.runtime,
    )
    if kernel.reason:
        return replace(record, status="unavailable", reason=kernel.reason)
    if verdict is not None and not verdict.passed:
        status = "unchecked" if verdict.status == "unchecked" else "rejected"
        return replace(
            record, status=cast("Status", apart.status if apart and apart.status else status),
            reason=verdict.reason, error=verdict.error, limit=verdict.limit,
        )  # fmt: skip
    seen = first.times.get(kernel.method)
    return replace(
        record,
        reason=first.why_far(kernel.method, excluded),
        predicted_s=None if seen is None else seen.seconds,
    )
