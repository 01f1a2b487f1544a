"""A choice made by measuring: first times, the check of what is near the fastest, times, ranks.

    check_apart -> first_times -> check_small -> run -> Measured

Where a kernel near the fastest turns out to be wrong, or fails at this size, the ones near the
fastest of the others are next.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from einbench.check.judging import Verdict
from einbench.check.layouts import read_only
from einbench.check.room import fitting_rows, needed_bytes
from einbench.check.unchanged import PrivateCopy
from einbench.check.verdicts import check_small
from einbench.choose.apart import Apart, check_apart
from einbench.choose.beside import missing
from einbench.choose.candidates import First, first_times
from einbench.choose.effort import effort
from einbench.choose.fewer import SHORT_S, fewer, on_threads, text
from einbench.choose.outcome import Measured, Spent
from einbench.choose.signature import Signature, layout_name
from einbench.choose.telling import Progress
from einbench.choose.untimed import not_timed
from einbench.host import background
from einbench.host.memory import available_bytes
from einbench.kernel import Kernel
from einbench.measure.beside import round_s
from einbench.measure.candidate import Clock
from einbench.measure.conditions import Conditions
from einbench.measure.disturbance import QUIET
from einbench.measure.predict import Predictions
from einbench.measure.recorded import compile_s
from einbench.measure.run import Results, run
from einbench.measure.timed import contexts
from einbench.operation import Operation
from einbench.plugins import of_plugin
from einbench.problem import Problem
from einbench.record import Record
from einbench.units import bytes_text

#: parts of the progress that first calls are, where some kernel is to be compiled and where none is
_COMPILING, _CALLING = 0.8, 0.2
#: part of the budget that the winner is timed for on fewer threads
_FEWER = 0.3
#: between tries, in seconds, and a run that is not made again
_PAUSE_S, _LONG_S = 0.5, 2.0


def measure(
    problem: Problem,
    requested: Signature,
    passed: Mapping[str, float],
    rigor: str,
    budget_s: float | None = None,
    clock: Clock = time.perf_counter,
    progress: Progress | None = None,
) -> Measured:
    """Check the kernels that may be fastest, time those that pass in turns, rank them.

    Kernels are called with private copies of the inputs. Where those, an output and what judging
    takes do not fit into memory, the first rows are measured.

    Args:
        problem: with the inputs of the call, which are only read.
        requested: what the choice is for.
        passed: kernels that passed the check here before: they are not checked again on small
            draws, but at this size and on what they return when timed.
        rigor: ``measure`` or ``patient``.
        budget_s: seconds of timing in place of what rigor says.
        clock: the only source of time, in seconds.
        progress: called with the part done and what is being done.

    Raises:
        ValueError: not even one row's inputs, output and check fit into the memory that is left.
    """
    arrived_s, progress = clock(), progress or (lambda part, label: None)
    progress(0.0, "waiting for kernels that are compiled beside")
    background.wait()
    waited_s = clock() - arrived_s
    problem = problem.holding({name: read_only(a) for name, a in problem.arrays.items()})
    problem = _that_fits(problem)
    work = _Work(problem, requested, passed, rigor, budget_s, clock, progress)
    began_s, compiled_s = clock(), sum(_compiled_s(problem.operation).values())
    work.measure()
    spent = work.spent
    spent.compile_s = sum(_compiled_s(problem.operation).values()) - compiled_s
    spent.sized_s = max(0.0, clock() - began_s - spent.whole_s)
    spent.waiting_s += waited_s
    return Measured(
        work.records(),
        {v.method: v.error for v in work.verdicts.values() if v.passed},
        spent,
        work.disturbance,
        problem.batch,
        work.threads,
    )


def _that_fits(problem: Problem) -> Problem:
    rows = fitting_rows(problem)
    if rows == problem.rows:
        return problem
    if rows == 0:
        raise ValueError(
            f"{problem}: outputs take {bytes_text(problem.output_bytes)}, and checking and timing "
            f"{bytes_text(needed_bytes(problem))} beside the inputs, of which "
            f"{bytes_text(available_bytes())} are left; use fewer rows or smaller sizes"
        )
    return problem.first_rows(rows)


class _Work:
    """One measurement, step by step."""

    def __init__(
        self,
        problem: Problem,
        requested: Signature,
        passed: Mapping[str, float],
        rigor: str,
        budget_s: float | None,
        clock: Clock,
        report: Progress,
    ) -> None:
        self._problem, self._passed, self._clock, self._report = problem, passed, clock, report
        self._requested, self._share = requested, _CALLING
        self._conditions = Conditions(
            layout_name(requested.layout), requested.threads.blas, bare=True,
            context=requested.context,
        )  # fmt: skip
        self._effort = effort(rigor, budget_s, clock)
        self._kernels = {k.method: k for k in problem.operation if k.here}
        self._compiled_s = _compiled_s(problem.operation)
        self._first = First({}, {}, ())
        #: a copy of the inputs, for who calls next
        self._spare: list[PrivateCopy] = []
        self._found: dict[str, Record] = {}
        self._excluded: set[str] = set()
        self._apart: dict[str, Apart] = {}
        self.verdicts: dict[str, Verdict] = {}
        self.spent, self.disturbance, self.threads = Spent(), QUIET, 0

    def measure(self) -> None:
        """Until a kernel has won, or none is left."""
        there = self._callable()
        parts = self._parts(there[::-1])
        began_s, compiled_s = self._clock(), self._compiling_s()
        self._spare = [PrivateCopy(self._problem)]
        self._first = first_times(
            self._spare[0],
            there,
            self._clock,
            lambda method: self._report(*parts[method]),
        )
        compiling_s = self._compiling_s() - compiled_s
        self.spent.first_s = max(0.0, self._clock() - began_s - compiling_s)
        while near := self._first.near(self._excluded):
            if wrong := self._check(near):
                self._excluded |= wrong
                continue
            results = self._quietest(near)
            self.disturbance = results.disturbance
            self._found |= {record.kernel: record for record in results.records}
            winner = next((record for record in results.records if record.winner), None)
            if winner is not None:
                self._try_fewer_threads(winner)
                break
            # what was expected to be fastest failed at this size
            self.spent.discarded_s += self.spent.timing_s
            self.spent.timing_s = 0.0
            self._excluded |= set(near)

    def _callable(self) -> list[Kernel]:
        """Those that can run, and of plugins those that passed in a process of their own."""
        there = [kernel for kernel in self._kernels.values() if kernel.available]
        fresh = [kernel for kernel in there if kernel.method not in self._passed]
        if any(of_plugin(kernel.origin.module) for kernel in fresh):
            began_s = self._clock()
            self._report(0.0, "checking plugins in a process of their own")
            self._apart = check_apart(fresh, self._problem.dtype.name)
            self.verdicts |= {method: found.verdict for method, found in self._apart.items()}
            self._excluded |= {m for m, verdict in self.verdicts.items() if not verdict.passed}
            self.spent.check_s += max(0.0, self._clock() - began_s)
        return [kernel for kernel in there if kernel.method not in self._excluded]

    def _try_fewer_threads(self, winner: Record) -> None:
        """Time the winner on fewer threads too; its record is that of the number that is fastest.

        On each it is checked at this size as any kernel is: in other numbers it may add in another
        order.
        """
        method = winner.kernel
        kernel, seconds = self._kernels[method], self._first.times[method]
        counts = list(fewer(kernel, self._requested.threads.numba))
        if not counts or (winner.median_s or 0.0) > SHORT_S:
            return
        # all of them first: it wins ties
        ways = {method: 0} | {text(method, count): count for count in counts}
        kernels = {
            way: replace(on_threads(kernel, count), method=way) for way, count in ways.items()
        }
        verdict = self.verdicts[method]
        results = self._run(
            kernels,
            {way: replace(verdict, kernel=kernels[way]) for way in ways},
            dict.fromkeys(ways, seconds),
            0.9,
            _FEWER,
        )
        self.spent.timing_s += results.timing_s
        best = next((record for record in results.records if record.winner), None)
        if best is None or not ways[best.kernel]:
            return
        self.threads = ways[best.kernel]
        before_s = winner.median_s or math.nan
        speedup = best.median_s and winner.speedup and winner.speedup * before_s / best.median_s
        self._found[method] = replace(best, kernel=method, speedup=speedup, tie=winner.tie)

    def _parts(self, kernels: Sequence[Kernel]) -> dict[str, tuple[float, str]]:
        """When each is first called: the part done by then, most of which is compiling, and why."""
        late = {form.kernel.method for form in missing(kernels, self._requested)}
        self._share = _COMPILING if late else _CALLING
        weights = [1.0 if kernel.method in late else 0.02 for kernel in kernels]
        return {
            kernel.method: (
                self._share * sum(weights[:number]) / sum(weights),
                f"{'compiling' if kernel.method in late else 'first call of'} {kernel.method}",
            )
            for number, kernel in enumerate(kernels)
        }

    def _told(self, part: float, label: str) -> None:
        """Of what follows the first calls."""
        self._report(self._share + part * (1 - self._share), label)

    def records(self) -> list[Record]:
        """One for every kernel that programs can call here."""
        return [self._found.get(m) or self._not_timed(k) for m, k in self._kernels.items()]

    def _check(self, near: Sequence[str]) -> set[str]:
        """Check these on small draws; those that are wrong."""
        op, dtype = self._problem.operation, self._problem.dtype
        fresh = [self._kernels[m] for m in near if m not in self.verdicts]
        for kernel in fresh:
            if kernel.method in self._passed:
                error = self._passed[kernel.method]
                self.verdicts[kernel.method] = Verdict(
                    kernel, True, error, float("nan"), "", dtype=dtype.name
                )
        fresh = [kernel for kernel in fresh if kernel.method not in self._passed]
        if fresh:
            began_s, compiled_s = self._clock(), self._compiling_s()
            self._told(0.0, f"checking {fresh[0].method}")
            for number, verdict in enumerate(check_small(op, fresh, dtype, seed=0), 1):
                self.verdicts[verdict.method] = verdict
                following = fresh[number].method if number < len(fresh) else "at this size"
                self._told(0.5 * number / len(fresh), f"checking {following}")
            compiling_s = self._compiling_s() - compiled_s
            self.spent.check_s += max(0.0, self._clock() - began_s - compiling_s)
        return {m for m in near if not self.verdicts[m].passed}

    def _quietest(self, near: Sequence[str]) -> Results:
        """The run in which others used least of the cores; one run where none do.

        A choice is remembered for long, and should not be made in a second in which the threads of
        BLAS waited for a core.
        """
        quietest: Results | None = None
        for number in range(self._effort.tries):
            if number:
                self._told(0.5, "waiting: other processes use the cores")
                self.spent.waiting_s += _PAUSE_S
                time.sleep(_PAUSE_S)
            kernels = {method: self._kernels[method] for method in near}
            results = self._run(kernels, self.verdicts, self._first.times, 0.5 + 0.1 * number)
            self.spent.discarded_s += results.timing_s
            if quietest is None or _disturbed(results) < _disturbed(quietest):
                quietest = results
            if not results.disturbance.disturbs or results.timing_s > _LONG_S:
                break
        assert quietest is not None  # noqa: S101 - there is one try at least
        self.spent.timing_s = quietest.timing_s
        self.spent.discarded_s -= quietest.timing_s
        return quietest

    def _run(
        self, kernels: Mapping[str, Kernel], verdicts: Mapping[str, Verdict], times: Predictions,
        part: float, share: float = 1.0,
    ) -> Results:  # fmt: skip
        """Check these at this size and time them, in this share of the budget."""
        seconds = [times[m].seconds for m in kernels if m in times]
        each_s = round_s(contexts(self._conditions), seconds)
        limits = self._effort.limits(seconds, each_s, share)
        return run(
            self._problem, self._conditions, verdicts, times, roofline=None, limits=limits,
            clock=self._clock, compiled_s=self._compiled_s, kernels=kernels,
            report=lambda label: self._told(part, label), spare=self._spare,
        )  # fmt: skip

    def _not_timed(self, kernel: Kernel) -> Record:
        method = kernel.method
        return not_timed(
            kernel, self._problem, self._conditions, self._first, excluded=self._excluded,
            verdict=self.verdicts.get(method), apart=self._apart.get(method),
            compile_s=self._compile_s(kernel),
        )  # fmt: skip

    def _compiling_s(self) -> float:
        return sum(_compiled_s(self._problem.operation).values())

    def _compile_s(self, kernel: Kernel) -> float | None:
        spent_s = compile_s(kernel)
        return None if spent_s is None else spent_s - self._compiled_s[kernel.method]


def _disturbed(results: Results) -> tuple[bool, int, float]:
    seen = results.disturbance
    return seen.disturbs, seen.throttled, seen.other_cores


def check_one(kernel: Kernel, dtype: str) -> Verdict:
    """The verdict on one kernel, on small hostile draws."""
    if kernel.available and of_plugin(kernel.origin.module):
        return check_apart([kernel], dtype)[kernel.method].verdict
    (verdict,) = check_small(kernel.operation, [kernel], np.dtype(dtype), seed=0)
    return verdict


def _compiled_s(op: Operation) -> dict[str, float]:
    """Seconds that each kernel has spent compiling in this process so far."""
    return {kernel.method: compile_s(kernel) or 0.0 for kernel in op}
