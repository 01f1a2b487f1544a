"""One call of each kernel on a private copy of the timed inputs, hostile rows among them.

It is made before any call is timed. Judged are the hostile rows and those beside them, or the first
and the last rows as problems of their own where the whole has no truth; that the inputs are, bit
for bit, what they were; and that the output is memory of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from einbench.check import contract
from einbench.check.hostile_rows import hostile_rows
from einbench.check.sized import judge_output, part_cases
from einbench.check.truth import Case, as_tuple
from einbench.check.unchanged import PrivateCopy
from einbench.kernel import Kernel
from einbench.measure.admit import CHANGED, CHANGES, Outcome, failure
from einbench.measure.calls import bound
from einbench.measure.where import remote
from einbench.problem import Problem
from einbench.units import one_line


def look(
    private: PrivateCopy, kernels: Iterable[Kernel], timed: Case, seed: int
) -> dict[str, Outcome]:
    """By method, of those that are wrong: the reason. Kernels in workers are not looked at.

    ``timed`` is the case that timed calls are judged by: parts are judged where it has no truth.
    """
    here = [kernel for kernel in kernels if not remote(kernel)]
    found: dict[str, Outcome] = {}
    if not here:
        return found
    for part in part_cases(timed):
        found |= _looked_at(private, here, part)
    left = [kernel for kernel in here if kernel.method not in found]
    with hostile_rows(private, seed) as case:
        found |= _looked_at(private, left, case, "wrong on hostile rows among the real ones")
    return found


def _looked_at(
    private: PrivateCopy, kernels: Sequence[Kernel], case: Case | None, exposes: str = ""
) -> dict[str, Outcome]:
    """Of these, those that are wrong.

    Inputs are compared after all calls, and where they were changed after each kernel's.
    """
    results = {kernel.method: _judged(kernel, case, private, exposes) for kernel in kernels}
    if private.changed():
        results = {kernel.method: judged(kernel, case, private, exposes) for kernel in kernels}
        if not any(results.values()):  # it does so once
            results = dict.fromkeys(results, Outcome("rejected", CHANGED))
    return {method: wrong for method, wrong in results.items() if wrong}


def judged(
    kernel: Kernel, case: Case | None, private: PrivateCopy, exposes: str = ""
) -> Outcome | None:
    """What is wrong with one call's result, and with what it left of its inputs; or None.

    Args:
        kernel: to be called.
        case: with a problem of the private copy; None judges the form of the result alone.
        private: the copy that it is given.
        exposes: begins the reason where the values are wrong.
    """
    found = _judged(kernel, case, private, exposes)
    if (changed := private.changed()) and (found is None or found.status != "failed"):
        found = replace(found or Outcome(), status="rejected", reason=CHANGES.format(changed))
    return found


def _judged(
    kernel: Kernel, case: Case | None, private: PrivateCopy, exposes: str
) -> Outcome | None:
    problem: Problem = private.problem if case is None else case.problem
    try:
        with np.errstate(all="ignore"):
            result = bound(kernel, problem)()
    except (Exception, SystemExit) as raised:
        return failure(one_line(raised))
    reason = contract.form(problem, result)
    units, limit = np.inf, 0.0
    if not reason:
        outputs = as_tuple(problem.operation, result)
        reason = contract.memory(problem.operation, outputs, problem.arrays, [])
    if not reason and case is not None:
        units, reason = judge_output(case, result, kernel.slack)
        limit = kernel.slack * case.truth.limit
        reason = f"{exposes}: {reason}" if reason and exposes else reason
    return Outcome("rejected", reason, units, limit) if reason else None


def culprits(private: PrivateCopy, kernels: Mapping[str, Kernel]) -> dict[str, Outcome]:
    """Of kernels of which one changed its inputs while they were timed: which, by calling each.

    All of them where it cannot be told: none is believed then.
    """
    found: dict[str, Outcome] = {}
    for method, kernel in kernels.items():
        call = bound(kernel, private.problem)
        for _ in range(3):
            with np.errstate(all="ignore"):
                call()
            if changed := private.changed():
                found[method] = Outcome("rejected", CHANGES.format(changed))
                break
    return found or dict.fromkeys(kernels, Outcome("rejected", CHANGED))
