"""A kernel that was not timed at a size is looked at there once, before it is served.

One call on a private copy of the arrays, hostile rows among them, is judged by the reference: on
those rows and the last one, or on all where rows depend on each other and that takes little memory
and time. Where it takes more the first rows and the last ones are judged, as problems of their own,
and no call is made at the whole size before the program's. Of large inputs a look stands for all sizes
down to a quarter: ever new ones would cost as much as the calls.
"""

from __future__ import annotations

from einbench.check.hostile_rows import hostile_rows
from einbench.check.room import fitting_rows
from einbench.check.sized import part_cases, timed_case
from einbench.check.unchanged import PrivateCopy
from einbench.kernel import Kernel
from einbench.measure.look import judged
from einbench.problem import Problem

#: operations of a truth that a program waits for: about a third of a second
_MOST_FLOPS = 3e9


def why_wrong(kernel: Kernel, problem: Problem) -> str:
    """What is wrong with its result at this size; empty where nothing is."""
    rows = fitting_rows(problem)
    private = PrivateCopy(problem if rows == problem.rows else problem.first_rows(rows))
    try:
        with hostile_rows(private, seed=0) as case:
            if case is not None:
                wrong = judged(kernel, case, private)
                return wrong.reason if wrong else ""
        timed = timed_case(private.problem, seed=0, most_flops=_MOST_FLOPS)
        for case in [timed] if timed.truth.outputs else part_cases(timed, _MOST_FLOPS):
            if wrong := judged(kernel, case, private):
                return wrong.reason
    except ValueError:  # the reference refuses the arrays, and the kernel says better why
        if wrong := judged(kernel, None, private):
            return wrong.reason
        raise
    return ""
