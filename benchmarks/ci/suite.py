"""What the tests of a session share: inputs, verdicts, and how long calls took so far."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pytest

from einbench.check.judging import Verdict
from einbench.check.sized import exact_case, judge_output, timed_case
from einbench.check.truth import Case
from einbench.check.verdicts import check_small
from einbench.host.memory import available_bytes
from einbench.kernel import Kernel
from einbench.measure.conditions import MEMORY_BYTES
from einbench.measure.predict import Prediction, predict
from einbench.measure.timing import interleave
from einbench.measure.workload import Images, load_images, sizes_for, workload
from einbench.operation import Operation
from einbench.problem import Problem
from einbench.units import bytes_text, one_line, seconds_text

DTYPE = np.dtype("float32")
SEED = 0
#: a call slower than this is not timed: five rounds of it would take more than a second
CALL_S = 0.25
#: seconds for the baseline where its own test was not selected
BASELINE_S = 0.1


@dataclass(frozen=True)
class Place:
    """One operation at one batch: what its kernels are timed on, and how they are judged."""

    problem: Problem

    @cached_property
    def question(self) -> Case:
        """The truth for these inputs: computed only where a kernel gets as far as that."""
        return timed_case(self.problem, SEED)

    @cached_property
    def exact(self) -> Case | None:
        """Whole numbers of this size, for which a right kernel is equal."""
        return exact_case(self.problem.operation, DTYPE, self.problem.sizes, "C", SEED)

    def name(self, kernel: Kernel) -> str:
        """``softmax_jacobian[einsum] at batch 128``, for reasons."""
        problem = self.problem
        at = "" if problem.batch is None else f" at {problem.operation.leading} {problem.batch:,}"
        return f"{problem.operation.name}[{kernel.method}]{at}"


class Baseline(NamedTuple):
    """The denominator of a group's speed-ups."""

    seconds: float
    predicted: bool


class Suite:
    """Everything that is computed once and used by many tests."""

    def __init__(self, facts: dict[str, Any]) -> None:
        #: the machine, and the threads in use
        self.facts = facts
        #: ids of tests whose kernel has been on the clock and is not judged yet, or is wrong
        self.unjudged: set[str] = set()
        #: facts in which a run that this one is compared with differs
        self.compared: list[str] = []
        self.timed_count = 0
        self._verdicts: dict[tuple[str, str], Verdict] = {}
        self._known: dict[tuple[str, str], Prediction] = {}
        self._medians: dict[tuple[str, int, str], float] = {}
        self._baselines: dict[tuple[str, int], Baseline | None] = {}
        self._place: tuple[tuple[str, int | None], Place] | None = None

    @cached_property
    def images(self) -> Images:
        """The MNIST that ships with the package."""
        return load_images(None)

    def place(self, op: Operation, batch: int | None) -> Place:
        """Inputs and truth of a group, kept until the next one is needed."""
        key = (op.name, batch)
        if self._place is None or self._place[0] != key:
            self._place = None
            requested = Problem.at(op, batch, DTYPE, sizes_for(op, self.images, {}))
            self._place = (key, Place(workload(requested, self.images, SEED)))
        return self._place[1]

    def verdict(self, kernel: Kernel) -> Verdict:
        """Right or wrong on small hostile draws: judged once a session."""
        key = (kernel.operation.name, kernel.method)
        if key not in self._verdicts:
            (self._verdicts[key],) = check_small(kernel.operation, [kernel], DTYPE, SEED)
        return self._verdicts[key]

    def check(self, kernel: Kernel) -> None:
        """Skip where the kernel cannot run here, fail where it is wrong."""
        if kernel.reason:
            pytest.skip(f"{kernel.operation.name}[{kernel.method}] is unavailable: {kernel.reason}")
        verdict = self.verdict(kernel)
        if verdict.status == "unchecked":
            pytest.skip(str(verdict))
        if not verdict.passed:
            pytest.fail(str(verdict), pytrace=False)

    def warm(self, place: Place, kernel: Kernel) -> None:
        """Compile, touch, and judge at the size that will be timed.

        A cold first call would poison the plugin's calibration. Skips what needs too much
        memory or time, fails what is wrong or raises.
        """
        name = place.name(kernel)
        needed = kernel.temporary_bytes(place.problem.sizes, DTYPE)
        most = min(MEMORY_BYTES, available_bytes() // 2)
        if needed > most:
            pytest.skip(f"{name}: needs {bytes_text(needed)}, more than {bytes_text(most)}")
        try:
            slow, reason = self._try(place, kernel)
        except (Exception, SystemExit) as problem:  # whatever a kernel raises is its result
            slow, reason = None, f"raises {one_line(problem)}"
        if reason:
            pytest.fail(f"{name}: {reason}", pytrace=False)
        if slow:
            pytest.skip(f"{name}: {_slow(slow)}")

    def _try(self, place: Place, kernel: Kernel) -> tuple[Prediction | None, str]:
        """What it would take where that is too long, and why the kernel is wrong here."""
        expected = self.expected(place, kernel)
        if expected.seconds > CALL_S:
            return expected, ""
        for question in filter(None, (place.exact, place.question)):
            output, took_s = _called(kernel, question)
            _, reason = judge_output(question, output)
            if reason:
                return None, reason
            if took_s > 2 * CALL_S:
                took_s = min(took_s, _called(kernel, question)[1])
            if took_s > 2 * CALL_S:  # small batches did not show how it grows
                found = Prediction(place.problem.rows, place.problem.rows, took_s)
                self._known[place.problem.operation.name, kernel.method] = found
                return found, ""
        return None, ""

    def expected(self, place: Place, kernel: Kernel) -> Prediction:
        """Seconds a call takes here, from what smaller batches took."""
        key = (place.problem.operation.name, kernel.method)
        found = predict(kernel, place.problem, CALL_S, self._known.get(key))
        if CALL_S < found.seconds <= 4 * CALL_S and not found.measured:
            # near the limit one call is more reliable than a prediction: a busy machine made 40 ms
            # of what takes 1, and a kernel must not come and go between runs
            _, took_s = _called(kernel, place.question)
            found = Prediction(place.problem.rows, place.problem.rows, took_s)
        self._known[key] = found
        return found

    def remember(self, place: Place, kernel: Kernel, median_s: float, fastest_s: float) -> None:
        """A kernel was timed and its last output was right.

        Its fastest call decides whether it is tried at the next batch: threads that wait for
        a busy core made medians forty times as long, and the kernel would drop out.
        """
        op = place.problem.operation
        self._medians[op.name, place.problem.rows, kernel.method] = median_s
        self._known[op.name, kernel.method] = Prediction(
            place.problem.rows, place.problem.rows, fastest_s
        )
        self.timed_count += 1

    def baseline(self, place: Place) -> Baseline | None:
        """What the group's baseline takes; None where it is missing, unavailable or wrong.

        Its own test said so, if that was selected; otherwise it is timed here, briefly, or
        predicted where it is too slow for that.
        """
        op = place.problem.operation
        timed_s = self._medians.get((op.name, place.problem.rows, op.baseline))
        if timed_s is not None:
            return Baseline(timed_s, predicted=False)
        key = (op.name, place.problem.rows)
        if key not in self._baselines:
            self._baselines[key] = self._find_baseline(place)
        return self._baselines[key]

    def _find_baseline(self, place: Place) -> Baseline | None:
        op = place.problem.operation
        kernel = op.kernels.get(op.baseline)
        if kernel is None or not kernel.available or not self.verdict(kernel).passed:
            return None
        try:
            expected = self.expected(place, kernel)
        except (Exception, SystemExit):  # its own test says so
            return None
        if expected.seconds > CALL_S:
            at = expected.measured_batch
            median_s = self._medians.get((op.name, at, op.baseline), expected.measured_s)
            scaled = Prediction(place.problem.rows, at, median_s)
            return Baseline(scaled.seconds, predicted=not scaled.measured)
        arrays = place.problem.given
        with np.errstate(all="ignore"):
            timing = interleave(
                {kernel.method: lambda: kernel.function(*arrays, **place.problem.options)},
                budget_s=BASELINE_S,
                rng=np.random.default_rng(SEED),
                expected_s={kernel.method: expected.seconds},
            )
        if timing.failures or judge_output(place.question, timing.outputs[kernel.method])[1]:
            return None
        return Baseline(statistics.median(timing.samples[kernel.method]), predicted=False)


def _called(kernel: Kernel, question: Case) -> tuple[Any, float]:
    with np.errstate(all="ignore"):
        start_s = time.perf_counter()
        output = kernel.function(*question.problem.given, **question.problem.options)
        return output, time.perf_counter() - start_s


def _slow(expected: Prediction) -> str:
    said = f"not timed, about {seconds_text(expected.seconds)} a call"
    if expected.measured:
        return said
    return f"{said} ({seconds_text(expected.measured_s)} at batch {expected.measured_batch:,})"
