"""First times of all kernels: only those near the fastest are checked, and timed well.

They are taken before any kernel is checked, so a kernel is given private copies of the inputs, and
a first time says nothing of whether it is right.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from einbench.check import room
from einbench.check.unchanged import PrivateCopy
from einbench.kernel import Kernel
from einbench.measure.calls import bare, bound
from einbench.measure.candidate import Clock
from einbench.measure.conditions import PRUNED_RATIO
from einbench.measure.predict import Prediction, predict
from einbench.units import ratio_text, seconds_text

#: a call that is expected to be as short is made at the full size, and again if it is shorter
_CALL_S, _SHORT_S = 0.02, 0.002
#: seconds of a call that may have waited for a core: as others' time slices last
_MOST_WAITED_S = 0.1
#: so often, and a kernel is not left out before its time has been taken as often again
_CALLS, _MORE_CALLS = 3, 4
#: at most so many times as long takes a call that waited for a core
_DELAYED = 100
#: of calls too long to be made here, what takes so many times as long as the fastest is left out:
#: checking and timing one takes five calls and the truth of large arrays, and where they are long
#: neither threads nor caches change their order
_LONG_RATIO = 2.5


class First(NamedTuple):
    """What is known of kernels before any is checked, each by method."""

    times: Mapping[str, Prediction]
    #: why a kernel is not called at all
    left_out: Mapping[str, str]
    #: that raised, or changed their inputs: the check says why
    odd: tuple[str, ...]

    def near(self, excluded: Iterable[str] = ()) -> list[str]:
        """Those that may be the fastest, and those of which it is not known."""
        times = {m: at.seconds for m, at in self.times.items() if m not in excluded}
        limit_s = _far_s(min(times.values(), default=0.0))
        near = [method for method, seconds in times.items() if seconds <= limit_s]
        return [*near, *(method for method in self.odd if method not in excluded)]

    def why_far(self, method: str, excluded: Iterable[str]) -> str:
        """Why one that is not near is left out."""
        if method in self.left_out:
            return self.left_out[method]
        at, rest = self.times[method], set(self.times) - set(excluded)
        best_s = min(self.times[m].seconds for m in rest)
        where = "" if at.measured else f", from batch {at.measured_batch:,}"
        where = where if at.part == 1.0 else ", from a smaller one"
        return (
            f"about {seconds_text(at.seconds)} at this size{where}, "
            f"{ratio_text(at.seconds / best_s)} as long as the fastest: not checked"
        )


def first_times(
    private: PrivateCopy,
    kernels: Sequence[Kernel],
    clock: Clock,
    report: Callable[[str], None],
) -> First:
    """The least of a few calls of each, at this size or at fewer rows where that takes long.

    Those registered last are called first: they are there because they are faster, and what is far
    from them is soon known to be. Inputs are compared after all calls, and where they were changed
    all are called again and compared after each kernel.
    """
    found, _ = _called(private, kernels, clock, report, compare=False)
    if private.changed():
        found, told = _called(private, kernels, clock, report, compare=True)
        if not told:  # it does so once: the check says which
            odd = tuple(k.method for k in kernels if k.method not in found.left_out)
            found = found._replace(times={}, odd=odd)
    return found


def _called(
    private: PrivateCopy,
    kernels: Sequence[Kernel],
    clock: Clock,
    report: Callable[[str], None],
    *,
    compare: bool,
) -> tuple[First, bool]:
    """First times; and whether some kernel changed its inputs, where they are compared."""
    problem = private.problem
    times: dict[str, Prediction] = {}
    left_out: dict[str, str] = {}
    odd: list[str] = []
    fastest_s, told = math.inf, False
    for kernel in reversed(kernels):
        report(kernel.method)
        if why := room.too_much(kernel, problem):
            left_out[kernel.method] = why
            continue
        limit_s = min(_CALL_S, max(_SHORT_S, _far_s(fastest_s)))
        try:
            # what is doubtful is called again below
            found = predict(kernel, problem, limit_s, clock=clock, calls=1)
            if found.seconds <= limit_s:
                at_size = Prediction(problem.rows, problem.rows, found.seconds)
                found = _least(bare(kernel, problem), at_size, 1, 0.0, clock)
                if found.seconds <= _SHORT_S:
                    found = _least(bare(kernel, problem), found, _CALLS - 1, 0.0, clock)
            times[kernel.method] = found
            fastest_s = min(fastest_s, found.seconds)
        except (Exception, SystemExit):  # what it raises is said where it is checked
            odd.append(kernel.method)
        if compare and private.changed():
            told = True
            times.pop(kernel.method, None)
            odd.append(kernel.method)
    enough_s = _far_s(min((at.seconds for at in times.values()), default=0.0))
    for kernel in kernels:
        seen = times.get(kernel.method)
        # one call while BLAS waited for a core may take a hundred times what others do
        doubtful = seen is not None and enough_s < seen.seconds < _DELAYED * enough_s
        if seen is not None and doubtful and seen.part == 1.0:
            part = problem
            if part.batch is not None:
                part = part.first_rows(seen.measured_batch)
            times[kernel.method] = _least(bound(kernel, part), seen, _MORE_CALLS, enough_s, clock)
            if compare:
                private.changed()
    in_order = {k.method: times[k.method] for k in kernels if k.method in times}
    return First(in_order, left_out, tuple(k.method for k in kernels if k.method in odd)), told


def _far_s(fastest_s: float) -> float:
    """Seconds of a call beyond which a kernel is not near the fastest."""
    return (_LONG_RATIO if fastest_s > _CALL_S else PRUNED_RATIO) * fastest_s


def _least(
    call: Callable[[], object], seen: Prediction, calls: int, enough_s: float, clock: Clock
) -> Prediction:
    """The least of what was seen and of more calls, which end where that is enough, or long.

    A call that waited for a core longer than it had one says little of how long it is.
    """
    spent_s = 0.0
    for _ in range(calls):
        with np.errstate(all="ignore"):
            began_s, used_s = clock(), time.process_time()
            call()
            took_s, used_s = clock() - began_s, time.process_time() - used_s
        seen = replace(seen, measured_s=min(seen.measured_s, took_s))
        waited = clock is time.perf_counter and used_s < took_s / 2 < _MOST_WAITED_S
        spent_s += 0.0 if waited else took_s
        if seen.seconds <= enough_s or spent_s > _CALL_S:
            break
    return seen
