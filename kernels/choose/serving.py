"""The first call of a decision: where the kernel raises by now, the next best one serves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TypeVar

from einbench.choose import policy
from einbench.choose.decision import Decision
from einbench.choose.looked_at import passes
from einbench.host.warned import warn_once
from einbench.kernel import Kernel
from einbench.units import one_line

_Result = TypeVar("_Result")
#: how kernels refuse arguments: what two of them refuse is the caller's error
_REFUSALS = (ValueError, IndexError)


def serve(decision: Decision, first: Callable[[Kernel], _Result]) -> tuple[Kernel, _Result]:
    """The kernel that serves from now on, and what ``first`` gave for it.

    Raises:
        Exception: what the chosen kernel raised, where the arguments are at fault or no other
            kernel serves.
    """
    chosen = decision.kernel
    try:
        return chosen, first(chosen)
    except Exception as raised:
        failed = raised
    for kernel in _next_best(decision):
        try:
            found = first(kernel)
        except Exception as raised:
            if isinstance(raised, _REFUSALS) and isinstance(failed, _REFUSALS):
                break
            continue
        warn_once(
            f"{chosen!r} raises",
            f"einbench: {chosen.operation.name}[{chosen.method}] was {decision.origin} as the "
            f"fastest and raises {one_line(failed)}; it is left out, and {kernel.method} serves",
        )
        return kernel, found
    raise failed


def _next_best(decision: Decision) -> Iterator[Kernel]:
    """Those that pass the check, the fastest first by what the decision knows, then the others."""
    from einbench.choose.evidence import records

    op, chosen = decision.kernel.operation, decision.kernel
    write = not decision.unmeasured and policy.now().choice == policy.ON
    known = [r.median_s or r.predicted_s or math.inf for r in records(decision)]
    methods = [r.kernel for r in records(decision)]
    # of what nothing is known the last registered first: it is there because it is faster
    for place in sorted(range(len(known)), key=lambda n: (known[n], -n)):
        method = methods[place]
        kernel = op[method]
        if (
            method != chosen.method
            and kernel.available
            and passes(kernel, decision.signature, write=write)
        ):
            yield kernel
