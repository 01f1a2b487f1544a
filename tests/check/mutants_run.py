"""Mutants made, checked and searched: each in a process of its own, which may crash or hang."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any

import mutants_cases
import mutants_search
import numpy as np
import psutil
from mutants_cases import Case
from mutants_source import Key, parts_of, rebuilt

import einbench
from einbench.body import Plain
from einbench.check import verdicts
from einbench.check.posed import Posed
from einbench.check.probe import Probe
from einbench.kernel import Kernel, Origin
from einbench.operation import Operation

#: rows of `einbench check`, and its seed
BATCH, SEED = 128, 0
#: that a mutant may take
_MEMORY_BYTES = 4 << 30
#: a mutant that takes longer is ended
LIMIT_S = 40.0
_SEARCH_S = 2.5
#: and at the sizes where it is another
_SEARCH_AT_SIZES_S = 4.0

#: why a kernel is rejected; nothing where it passes
Check = Callable[[Kernel, "np.dtype[Any]"], str]


@dataclass(frozen=True)
class Mutant:
    """A right kernel and what was changed in it."""

    operation: str
    method: str
    dtype: str
    kind: str
    #: texts of functions that are others
    changed: dict[Key, str]
    #: text of a function around the kernel; ``changed`` in it is the kernel with those texts
    around: str = ""
    #: the axis and some sizes at which it is another, where not at all
    axis: str = ""
    sizes: tuple[int, ...] = ()
    #: lines removed and added
    diff: str = ""

    def kernel(self) -> Kernel:
        """What is checked in the place of the right kernel."""
        right = einbench.operation(self.operation)[self.method]
        parts = parts_of(right)
        function = rebuilt(parts, self.changed)
        if self.around:
            names = {"np": np, "original": rebuilt(parts, {}), "changed": function}
            exec(compile(self.around, "<mutant>", "exec"), names)
            function = names["kernel"]
        return plain(right, function)


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant."""

    mutant: Mutant
    #: why the check rejects it; nothing where it passes
    caught: str
    #: the difference that the search found, if any
    found: str
    #: why its process ended early: it crashed, or took too long
    ended: str = ""
    #: whether the check came to its end
    checked: bool = True

    @property
    def differs(self) -> bool:
        """Whether anything tells it from the right kernel."""
        return bool(self.caught or self.found or self.ended)

    @property
    def stopped(self) -> bool:
        """Whether the check rejects it, or ends before it says anything: no verdict of right."""
        return bool(self.caught or (self.ended and not self.checked))


def plain(right: Kernel, function: FunctionType) -> Kernel:
    """An interpreted kernel in the place of another."""
    return replace(right, body=Plain(function), requires=(), runtime="numpy", origin=Origin())


def unchanged(right: Kernel) -> Kernel:
    """The same kernel from its own text."""
    return plain(right, rebuilt(parts_of(right), {}))


def check(kernel: Kernel, dtype: np.dtype[Any]) -> str:
    """The reason for which `einbench check` rejects a kernel."""
    op = kernel.operation
    (small,) = verdicts.check_small(op, [kernel], dtype, SEED)
    if not small.passed:
        return small.reason
    sizes = op.all_sizes(BATCH, {})
    (sized,) = verdicts.check_sized(op, {kernel.method: small}, sizes, dtype, SEED)
    return sized.reason


@contextmanager
def posed_once() -> Iterator[None]:
    """The truth of every probe is computed once: it is the same for all kernels of an operation."""
    pose_all = verdicts.pose_all
    kept: dict[Any, Any] = {}

    def all_kept(op: Operation, probes: Iterable[Probe], dtype: np.dtype[Any]) -> list[Posed]:
        # those of the timed size are a list, which may be made for fewer rows
        sized = [probe.name for probe in probes] if isinstance(probes, list) else []
        key = op, dtype, tuple(sized)
        if key not in kept:
            kept[key] = pose_all(op, probes, dtype)
        return kept[key]

    verdicts.pose_all = all_kept
    try:
        yield
    finally:
        verdicts.pose_all = pose_all


def run(mutants: list[Mutant], by: Check = check) -> tuple[list[Outcome], list[str]]:
    """Outcomes of mutants of one operation in one dtype; and right kernels that are rejected."""
    op, dtype = einbench.operation(mutants[0].operation), np.dtype(mutants[0].dtype)
    found: list[Outcome] = []
    askable: dict[str, list[Case]] = {}
    rejected: list[str] = []
    all_cases = list(mutants_cases.cases(op, dtype, SEED))
    with posed_once():
        for mutant in mutants:
            if mutant.method not in askable:
                right = unchanged(op[mutant.method])
                if reason := by(right, dtype):
                    rejected.append(f"{right} {dtype}: {reason}")
                askable[mutant.method] = mutants_search.askable(right, all_cases)
            found.append(apart(mutant, by, askable[mutant.method]))
    return found, rejected


def apart(mutant: Mutant, by: Check, cases: list[Case]) -> Outcome:
    """The outcome of one mutant, found in a process of its own."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(there, mutant, by, cases))
    process.start()
    there.close()
    answers: list[str] = []
    end_s = time.monotonic() + LIMIT_S
    ended = ""
    while len(answers) < 2:
        if not here.poll(max(0.0, end_s - time.monotonic())):
            ended = f"took more than {LIMIT_S:g} s"
            break
        try:
            answers.append(here.recv())
        except EOFError:
            process.join()
            ended = f"ended with status {process.exitcode}"
            break
    process.kill()
    process.join()
    here.close()
    caught, found, *_ = [*answers, "", ""]
    return Outcome(mutant, caught, found, ended, bool(answers))


def _answer(there: Any, mutant: Mutant, by: Check, cases: list[Case]) -> None:
    most = psutil.Process().memory_info().vms + _MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    kernel, dtype = mutant.kernel(), np.dtype(mutant.dtype)
    there.send(by(kernel, dtype))
    kernel = mutant.kernel()  # without memory of the check's calls
    if not mutant.axis:
        there.send(mutants_search.differs(kernel, cases, _SEARCH_S))
        return
    right = unchanged(kernel.operation[mutant.method])
    at = mutants_cases.at_sizes(kernel.operation, dtype, SEED, mutant.axis, list(mutant.sizes))
    there.send(mutants_search.differs(kernel, at, _SEARCH_AT_SIZES_S, right))
