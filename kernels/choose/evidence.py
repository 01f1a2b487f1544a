"""The evidence of a decision, as the records that everything else in the suite reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from einbench.choose.between import Between
from einbench.choose.book import Remembered
from einbench.choose.decision import Decision
from einbench.choose.signature import layout_name
from einbench.contexts import BESIDE
from einbench.kernel import Kernel
from einbench.record import FEWEST_SAMPLES, STATUSES, UNSTABLE_WIDTH, Record


def records(decision: Decision) -> list[Record]:
    """A record for every kernel of the operation that programs can call here, simplest first.

    Where a choice was measured they are the measurement's. From memory they have what was
    remembered; where times were interpolated or estimated they are in ``predicted_s``, and
    ``median_s`` is None.
    """
    if decision.measured is not None:
        return decision.measured.records
    return [_record(decision, kernel) for kernel in decision.kernel.operation if kernel.here]


def _record(decision: Decision, kernel: Kernel) -> Record:
    record = _filled(decision, kernel)
    if kernel.reason:
        reason = kernel.reason
        return replace(record, status="unavailable", reason=reason, winner=False, tie=False)
    return record


def _filled(decision: Decision, kernel: Kernel) -> Record:
    record = _unmeasured(decision, kernel)
    if decision.estimate is not None:
        return _predicted(record, decision.estimate.predicted_s, "nothing is known of it")
    if decision.recalled is None:
        if record.winner:
            return record
        return replace(record, status="skipped", reason=f"choice {decision.unmeasured}: not timed")
    evidence = decision.recalled.evidence
    if isinstance(evidence, Between):
        return _predicted(record, evidence.predicted_s, "not measured at both sizes around")
    return _remembered(record, evidence, kernel)


def _unmeasured(decision: Decision, kernel: Kernel) -> Record:
    requested = decision.signature
    return Record(
        operation=kernel.operation.name,
        kernel=kernel.method,
        sizes=dict(requested.sizes),
        leading=kernel.operation.leading,
        options=dict(requested.options),
        dtype=requested.dtype,
        layout=layout_name(requested.layout),
        threads=requested.threads.blas,
        context=requested.context,
        status="ok",
        winner=kernel.method == decision.kernel.method,
    )


def _predicted(record: Record, predicted_s: Mapping[str, float], otherwise: str) -> Record:
    if record.kernel not in predicted_s:
        return replace(record, status="skipped", reason=otherwise)
    return replace(record, predicted_s=predicted_s[record.kernel])


def _remembered(record: Record, choice: Remembered, kernel: Kernel) -> Record:
    time = choice.times.get(kernel.method)
    if time is None:
        return _left_out(record, choice.left_out.get(kernel.method, ""))
    baseline = choice.times.get(kernel.operation.baseline)
    beside = {
        f"{context}_{name.replace('median_', '')}": value
        for context in BESIDE
        if (spread := getattr(time, context)) is not None
        for name, value in spread._asdict().items()
    }
    return replace(
        record,
        median_s=time.median_s,
        low_s=time.low_s,
        high_s=time.high_s,
        samples=time.samples,
        error=time.error,
        **beside,
        tie=len(choice.tie) > 1 and kernel.method in choice.tie,
        few_samples=time.samples < FEWEST_SAMPLES,
        unstable=time.high_s - time.low_s > UNSTABLE_WIDTH * time.median_s,
        speedup=None if baseline is None else baseline.median_s / time.median_s,
    )


def _left_out(record: Record, why: str) -> Record:
    """As it was remembered, ``rejected: wrong at ...``."""
    found, _, reason = why.partition(": ")
    for status in STATUSES:
        if status == found:
            return replace(record, status=status, reason=reason)
    return replace(
        record, status="skipped", reason=why or "it was not there when this was measured"
    )
