"""Where a choice is known from: measured now, remembered, between two sizes, or a guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from einbench.choose.between import Between
from einbench.choose.environment import Machine, differences
from einbench.choose.fewer import text, threads_of
from einbench.choose.policy import FROZEN
from einbench.choose.signature import layout_name
from einbench.report.grid import listed
from einbench.units import seconds_text

if TYPE_CHECKING:
    from einbench.choose.book import Remembered
    from einbench.choose.decision import Decision
    from einbench.choose.environment import Environment
    from einbench.choose.estimate import Estimate
    from einbench.choose.outcome import Measured
    from einbench.choose.signature import Signature
    from einbench.operation import Operation
    from einbench.record import Record

#: a kernel that compiled in less was loaded, or compiled before
_TELLING_S = 1e-3
#: a mean so many times the median is that of a distribution with a tail
_TAIL_RATIO = 1.5
_NAMES = {
    "code": "the operation's code", "candidates": "the kernels there are", "cpu": "processor",
    "blas": "BLAS", "python": "Python", "numpy": "NumPy",
}  # fmt: skip


def origin_verdict(decision: Decision) -> str:
    """Which kernel, and why, where nothing was timed at this size; else empty."""
    name = decision.kernel.method
    if decision.unmeasured:
        return f"{name}, the default"
    if decision.estimate is not None:
        return f"{name}, a guess"
    if decision.recalled is not None and isinstance(decision.recalled.evidence, Between):
        around = "nearest sizes" if decision.recalled.evidence.beyond else "sizes around"
        return f"{name}, which wins or ties at the {around}"
    return ""


def origin_lines(decision: Decision) -> list[str]:
    """A sentence each on where the choice comes from, ties at other sizes, and other choices."""
    lines: list[str] = []
    if threads := threads_of(decision.kernel):
        most = decision.signature.threads.numba
        lines.append(f"{text(decision.kernel.method, threads)}: faster than on all {most}")
    if decision.measured is not None:
        lines += _measured(decision, decision.measured)
    elif decision.estimate is not None:
        lines.append(_estimated(decision.estimate, decision.signature))
    elif decision.unmeasured:
        known = "not remembered, and " if decision.unmeasured == FROZEN else ""
        lines.append(f"{known}choice {decision.unmeasured}: nothing is timed")
    elif decision.recalled is not None:
        evidence = decision.recalled.evidence
        if isinstance(evidence, Between):
            lines += _between(evidence, decision.signature)
        else:
            lines.append(f"remembered since {moment_text(evidence.date)}, rigor {evidence.rigor}")
            if evidence.disturbed:
                lines.append(
                    "measured while other processes used the cores: it will be measured again"
                )
    if decision.hint is not None:
        lines.append(_hint(decision))
    return lines


def moment_text(date: str) -> str:
    """``2026-11-22 06:16 UTC``."""
    return f"{date[:10]} {date[11:16]} UTC" if len(date) > len("2026-11-22T06:16") else date


def component_text(name: str) -> str:
    """A component of the key as people call it: ``NumPy``, ``the operation's code``."""
    return _NAMES.get(name, name)


def _measured(decision: Decision, measured: Measured) -> list[str]:
    spent = measured.spent
    compiled = {record.kernel: record.compile_s or 0.0 for record in measured.records}
    each = [f"{kernel} {seconds_text(s)}" for kernel, s in compiled.items() if s > _TELLING_S]
    shares = {
        "of timing": spent.timing_s,
        "of first calls": spent.first_s,
        "of checking at this size": spent.sized_s,
        "of checking on small draws": spent.check_s,
        f"of compiling{f' ({listed(each)})' if each else ''}": spent.compile_s,
        "of timing that was discarded": spent.discarded_s,
        "of waiting for others": spent.waiting_s,
        "of reading and writing what is remembered": spent.memory_s,
    }
    parts = [f"{seconds_text(s)} {what}" for what, s in shares.items() if s > _TELLING_S]
    lines = [f"measured now: {listed(parts)}"] if parts else ["measured now"]
    whole = dict(decision.signature.sizes).get(decision.kernel.operation.leading or "")
    if measured.rows is not None and measured.rows != whole:
        lines.append(
            f"measured on the first {measured.rows:,} of {whole:,} rows: checking and timing all "
            "of them would take more memory than there is"
        )
    seen = measured.disturbance
    if seen.disturbs:
        why = [f"other processes used {seen.other_cores:.1f} cores"] if seen.other_cores else []
        if seen.throttled:
            why.append(f"the container's quota was used up {seen.throttled} times")
        lines.append(
            f"disturbed: {' and '.join(why)}; kernels are compared by their undelayed samples, and "
            "measured again on a later occasion"
        )
    return [*lines, *tails(measured.records)]


def tails(records: Sequence[Record]) -> list[str]:
    """Kernels with samples far above the median, in a sentence; nothing where none has any."""
    said = []
    for record in records:
        times = [s for s in record.samples_s if s is not None]
        if record.median_s and times:
            mean_s = sum(times) / len(times)
            if mean_s > _TAIL_RATIO * record.median_s:
                said.append(
                    f"{record.kernel} {seconds_text(mean_s)} in the mean and "
                    f"{seconds_text(record.median_s)} in the median"
                )
    return [f"some calls took far longer than most: {listed(said)}"] if said else []


def _estimated(estimate: Estimate, requested: Signature) -> str:
    if not estimate.evidence:
        return "nothing was timed and nothing is remembered: the last kernel registered"
    near = estimate.evidence[0]
    there = near.signature
    kind = {
        there.dtype: there.dtype != requested.dtype,
        f"{layout_name(there.layout)} order": there.layout != requested.layout,
        f"threads {there.threads.blas}": there.threads != requested.threads,
        f"context {there.context}": there.context != requested.context,
        "other options": there.options != requested.options,
    }
    other = "".join(f", {what}" for what, differs in kind.items() if differs)
    under = _under(near.environment, estimate.kernel.operation)
    count = len(estimate.evidence)
    timings = f"{count} remembered timings, the nearest" if count > 1 else "one remembered timing"
    return (
        f"nothing was timed; scaled by the roofline from {timings} at {_place(near, requested)}"
        f"{other}{under and ', under '}{under}"
    )


def _between(evidence: Between, requested: Signature) -> list[str]:
    lower, upper = evidence.lower, evidence.upper
    where = "just beyond" if evidence.beyond else "between"
    lines = [
        f"{where} {_place(lower, requested)} and {_place(upper, requested)}; "
        "nothing was timed at this size"
    ]
    lines += [
        f"a tie at {_size_text(choice.signature, requested)}: {listed(choice.tie)}"
        for choice in (lower, upper)
        if len(choice.tie) > 1
    ]
    return lines


def _place(choice: Remembered, requested: Signature) -> str:
    return f"{_size_text(choice.signature, requested)} (measured {choice.date[:10]})"


def _size_text(signature: Signature, requested: Signature) -> str:
    """Where it differs from what was requested: ``batch 128``."""
    wanted = dict(requested.sizes)
    other = [f"{axis} {size:,}" for axis, size in signature.sizes if wanted.get(axis) != size]
    return ", ".join(other) or "this size"


def _hint(decision: Decision) -> str:
    old = decision.hint
    assert old is not None  # noqa: S101 - as the caller has seen
    under = _under(old.environment, decision.kernel.operation)
    same = " too" if old.kernel == decision.kernel.method else ""
    return f"under {under}: {old.kernel}{same} ({old.date[:10]}); not used"


def _under(old: Environment, op: Operation) -> str:
    """What is another now, as it was: ``NumPy 2.3.0 and other kernels``; empty where nothing is."""
    from einbench.choose.environment import environment

    changed = differences(old, environment(op))
    return listed([_before(old, name) for name in changed]) if changed else ""


def _before(environment: Environment, name: str) -> str:
    """A component as it was: ``NumPy 2.3.0``."""
    if name not in Machine._fields:
        return {"code": "other code of the operation", "candidates": "other kernels"}[name]
    facts: Mapping[str, Any] = environment.machine._asdict()
    value = facts[name] or "unknown"
    if name in ("numpy", "numba"):
        return f"{component_text(name)} {value}"
    return str(value) if facts[name] else f"an unknown {component_text(name)}"
