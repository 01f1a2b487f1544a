"""A tuned cell as plain data: what `einbench tune --json` writes and other machines send home."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from einbench.choose.tune import Tuned


def row(tuned: Tuned) -> dict[str, Any]:
    """One cell."""
    from einbench.choose.fewer import threads_of

    problem, decision = tuned.problem, tuned.decision
    kernel, tie, median_s = won(tuned)
    return {
        "operation": problem.operation.name,
        "sizes": dict(problem.sizes),
        "batch": problem.batch,
        "dtype": problem.dtype.name,
        "threads": decision and decision.signature.threads._asdict(),
        "kernel": kernel,
        "on_threads": decision and (threads_of(decision.kernel) or None),
        "tie": list(tie),
        "median_s": median_s,
        "origin": tuned.origin,
        "reason": tuned.reason,
    }


def won(tuned: Tuned) -> tuple[str | None, tuple[str, ...], float | None]:
    """The kernel, all that tie with it, and seconds per call; None where no kernel was left."""
    from einbench.choose.evidence import records

    if tuned.decision is None:
        return None, (), None
    rows = {each.kernel: each for each in records(tuned.decision)}
    kernel = tuned.decision.kernel.method
    tie = tuple(name for name, each in rows.items() if each.tie) or (kernel,)
    return kernel, tie, rows[kernel].median_s
