"""What a decision stands on, as the records that everything else in the suite reads."""

from __future__ import annotations

from typing import Any

from einbench.choose.between import Between
from einbench.choose.book import Remembered, Time
from einbench.choose.deciding import Decision
from einbench.choose.signature import layout_name
from einbench.kernel import Kernel
from einbench.measure.cell import RECORD_FIELDS
from einbench.measure.ranking import FEWEST_SAMPLES, UNSTABLE_WIDTH


def records(decision: Decision) -> list[dict[str, Any]]:
    """A record for every kernel of the operation, simplest first.

    Where a choice was measured they are the measurement's. From memory they have what was
    remembered; where times were interpolated or estimated they are in ``predicted_s``, and
    ``median_s`` is None.
    """
    if decision.measured is not None:
        return decision.measured.records
    return [_record(decision, kernel) for kernel in decision.kernel.operation]


def _record(decision: Decision, kernel: Kernel) -> dict[str, Any]:
    asked = decision.signature
    row: dict[str, Any] = dict.fromkeys(RECORD_FIELDS)
    row.update(
        operation=kernel.operation.name, kernel=kernel.method, sizes=dict(asked.sizes),
        options=dict(asked.options), dtype=asked.dtype,
        layout=layout_name(asked.layout), threads=asked.threads.blas,
        status="ok", reason="", winner=kernel.method == decision.kernel.method, tie=False,
        unstable=False, few_samples=False, speedup_predicted=False, samples=0, samples_s=[],
    )  # fmt: skip
    if decision.estimate is not None:
        _fill(row, decision.estimate.predicted_s, "nothing is known of it")
    elif decision.recalled is not None:
        evidence = decision.recalled.evidence
        if isinstance(evidence, Between):
            _fill(row, evidence.predicted_s, "not measured at both sizes around")
        else:
            _fill_remembered(row, evidence, kernel)
    if kernel.reason:
        row.update(status="unavailable", reason=kernel.reason, winner=False, tie=False)
    return row


def _fill(row: dict[str, Any], predicted_s: dict[str, float], otherwise: str) -> None:
    row["predicted_s"] = predicted_s.get(row["kernel"])
    if row["predicted_s"] is None:
        row.update(status="skipped", reason=otherwise)


def _fill_remembered(row: dict[str, Any], choice: Remembered, kernel: Kernel) -> None:
    time = choice.times.get(kernel.method)
    if time is None:
        status, _, reason = choice.left_out.get(kernel.method, "skipped: ").partition(": ")
        row.update(status=status, reason=reason or "it was not there when this was measured")
        return
    row.update(time._asdict(), tie=len(choice.tie) > 1 and kernel.method in choice.tie)
    row["few_samples"] = time.samples < FEWEST_SAMPLES
    row["unstable"] = time.high_s - time.low_s > UNSTABLE_WIDTH * time.median_s
    baseline = choice.times.get(kernel.operation.baseline)
    row["speedup"] = _ratio(baseline, time)


def _ratio(baseline: Time | None, time: Time) -> float | None:
    return None if baseline is None else baseline.median_s / time.median_s
