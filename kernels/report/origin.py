"""Where a choice is known from: measured now, remembered, between two sizes, or a guess."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from einbench.choose.between import Between
from einbench.choose.environment import Machine, differences
from einbench.choose.signature import layout_name
from einbench.report.grid import listed
from einbench.units import seconds_text

if TYPE_CHECKING:
    from einbench.choose.book import Remembered
    from einbench.choose.deciding import Decision
    from einbench.choose.environment import Environment
    from einbench.choose.estimate import Estimate
    from einbench.choose.measuring import Measured
    from einbench.choose.signature import Signature
    from einbench.operation import Operation

#: a kernel that compiled in less was loaded, or compiled before
_TELLING_S = 1e-3
_NAMES = {
    "code": "the operation's code", "candidates": "the kernels there are", "cpu": "processor",
    "blas": "BLAS", "python": "Python", "numpy": "NumPy",
}  # fmt: skip


def origin_verdict(decision: Decision) -> str:
    """Which kernel, and why, where nothing was timed at this size; else empty."""
    name = decision.kernel.method
    if decision.estimate is not None:
        return f"{name}, a guess"
    if decision.recalled is not None and isinstance(decision.recalled.evidence, Between):
        return f"{name}, which wins or ties at the sizes around"
    return ""


def origin_lines(decision: Decision) -> list[str]:
    """A sentence each on where the choice comes from, ties at other sizes, and other choices."""
    lines: list[str] = []
    if decision.measured is not None:
        lines.append(_measured(decision.measured))
    elif decision.estimate is not None:
        lines.append(_estimated(decision.estimate, decision.signature))
    elif decision.recalled is not None:
        evidence = decision.recalled.evidence
        if isinstance(evidence, Between):
            lines += _between(evidence, decision.signature)
        else:
            lines.append(f"remembered since {moment_text(evidence.date)}, rigor {evidence.rigor}")
    if decision.hint is not None:
        lines.append(_hint(decision))
    return lines


def moment_text(date: str) -> str:
    """``2026-11-22 06:16 UTC``."""
    return f"{date[:10]} {date[11:16]} UTC" if len(date) > len("2026-11-22T06:16") else date


def component_text(name: str) -> str:
    """A component of the key as people call it: ``NumPy``, ``the operation's code``."""
    return _NAMES.get(name, name)


def _measured(measured: Measured) -> str:
    spent = {record.kernel: record.compile_s or 0.0 for record in measured.records}
    each = [f"{kernel} {seconds_text(s)}" for kernel, s in spent.items() if s > _TELLING_S]
    parts = [f"{seconds_text(measured.timing_s)} of timing"]
    parts.append(f"{seconds_text(measured.check_s)} of checking")
    if each:
        parts.append(f"{seconds_text(measured.compile_s)} of compiling ({', '.join(each)})")
    return f"measured now: {listed(parts)}"


def _estimated(estimate: Estimate, requested: Signature) -> str:
    if not estimate.evidence:
        return "nothing was timed and nothing is remembered: the last kernel registered"
    near = estimate.evidence[0]
    there = near.signature
    kind = {
        there.dtype: there.dtype != requested.dtype,
        f"{layout_name(there.layout)} order": there.layout != requested.layout,
        f"threads {there.threads.blas}": there.threads != requested.threads,
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
    lines = [
        f"between {_place(lower, requested)} and {_place(upper, requested)}; "
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
