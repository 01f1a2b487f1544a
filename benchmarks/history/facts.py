"""What is known about every cell before asv times it: checked or not, and how long a call takes.

Once per commit and environment `einbench.compare` checks every kernel, compiles it (numba's disk
cache then serves all processes of the run) and times it briefly, interleaved with its siblings.
Its records say which cells have no time and why, and hold the error and the part of the
roofline. They are plain data: asv hands them to every benchmark.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from .measured import einbench
from .profiles import Profile

Fact = dict[str, Any]
Facts = dict[str, Fact]
Compare = Callable[..., Any]

#: of a record, what the benchmarks need
_KEPT = ("status", "reason", "median_s", "error", "roofline")


#: the fact that is no cell's: until when cells may be timed, on the wall clock
_UNTIL = "until"


def key(operation: str, kernel: str, batch: int, dtype: str) -> str:
    """A cell by name."""
    return f"{operation}[{kernel}] at batch {batch} in {dtype}"


def examine(profile: Profile, compare: Compare | None = None) -> Facts:
    """Facts on every cell of the measured commit; none where it cannot compare kernels yet.

    Where the comparison of all operations raises, they are compared one by one, so that one
    broken operation does not cost the others their times.
    """
    began_s = time.time()
    if compare is None:
        compare = getattr(einbench, "compare", None)
    found = {} if compare is None else _compared(profile, compare)
    if profile.cap_minutes is not None:
        found[_UNTIL] = {"time_s": began_s + 60 * profile.cap_minutes}
    return found


def examine_each(profile: Profile, asked: Mapping[str, tuple[Any, int]]) -> Facts:
    """The same of single operations, each at one batch: name -> what makes it, batch."""
    began_s = time.time()
    found: Facts = {}
    for name, (make, batch) in asked.items():
        try:
            one = replace(profile, batches=(batch,))
            budget_s = profile.budget_s / len(asked)
            found |= _facts(one, einbench.compare, [make()], budget_s, name)
        except Exception as problem:
            found[name] = {"status": "failed", "reason": f"{name}: {problem!r}"}
    if profile.cap_minutes is not None:
        found[_UNTIL] = {"time_s": began_s + 60 * profile.cap_minutes}
    return found


def _compared(profile: Profile, compare: Compare) -> Facts:
    names = list(einbench.operations)
    try:
        return _facts(profile, compare, names, profile.budget_s)
    except Exception as problem:
        if len(names) == 1:
            raise
        print(f"all operations at once: {problem!r}; one by one now")
    found: Facts = {}
    for name in names:
        try:
            found |= _facts(profile, compare, [name], profile.budget_s / len(names))
        except Exception as problem:
            found[name] = {"status": "failed", "reason": f"{name}: {problem!r}"}
    return found


def _facts(
    profile: Profile, compare: Compare, names: list[Any], budget_s: float, called: str = ""
) -> Facts:
    compared = compare(names, batches=profile.batches, dtypes=profile.dtypes, budget_s=budget_s)
    found = {}
    # of older commits too, whose records are dicts
    for record in compared.document()["records"]:
        # an operation without batches has one size, listed as the first batch
        batch = record["sizes"].get(record.get("leading", "batch"), profile.batches[0])
        cell = key(called or record["operation"], record["kernel"], batch, record["dtype"])
        found[cell] = {name: record.get(name) for name in _KEPT}
    return found


def admitted(facts: Mapping[str, Fact], operation: str, cell: str) -> Fact:
    """The fact on a cell that may be timed: its kernel passed the check and is fast enough.

    Raises:
        NotImplementedError: which is how asv learns to skip a cell, and why.
    """
    fact = known(facts, operation, cell)
    if fact["status"] != "ok":
        raise NotImplementedError(f"{cell}: {fact['status']}, {fact['reason']}")
    if _UNTIL in facts and time.time() > facts[_UNTIL]["time_s"]:
        raise NotImplementedError(f"{cell}: the time of the profile is used up")
    return fact


def known(facts: Mapping[str, Fact], operation: str, cell: str) -> Fact:
    """The fact on a cell, whatever its outcome.

    Raises:
        NotImplementedError: there is none, for the commit lacks the kernel or the comparison.
    """
    fact = facts.get(cell) or facts.get(operation)
    if fact is None:
        raise NotImplementedError(f"{cell}: this commit has no such kernel, or cannot check it")
    return fact


def tracked(fact: Fact, name: str, cell: str) -> float:
    """A number of the record, to four digits.

    Raises:
        NotImplementedError: the cell has none, as it was skipped or is unavailable.
        ValueError: the kernel was rejected without a finite error: asv shows it as failed.
    """
    value = fact.get(name)
    if value is not None and math.isfinite(value):
        return float(f"{value:.4g}")
    why = f"{cell}: {fact['status']}, {fact['reason']}"
    if fact["status"] == "rejected" and name == "error":
        raise ValueError(why)
    raise NotImplementedError(why)
