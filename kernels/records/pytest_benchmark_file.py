"""Rows from pytest-benchmark's JSON: ``--benchmark-json``, and what it saves by itself.

The file has every benchmark that was timed, also where the test failed afterwards: only
the error in ``extra_info`` says that a kernel was right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from einbench.host.documents import Unreadable
from einbench.record import CONFIDENCE
from einbench.records.columns import RECORDED, mapping, number, sequence, text
from einbench.records.dates import from_iso
from einbench.records.einbench_file import machine_facts
from einbench.records.found import Found

HARNESS = "pytest-benchmark"
#: what the plugin's own statistics say, and what only an interleaved comparison can
_NOT_EXTRA = {
    "median_s", "low_s", "high_s", "samples", "calls_per_sample", "winner", "tie",
}  # fmt: skip
#: fields that a suite of ours may write into extra_info
_EXTRA = [name for name in RECORDED if name not in _NOT_EXTRA]


def is_pytest_benchmark(document: Mapping[str, Any]) -> bool:
    """It has what every file of pytest-benchmark has."""
    return isinstance(document.get("benchmarks"), list) and "machine_info" in document


def rows(document: Mapping[str, Any], file: str, most: int) -> Found:
    """One row a benchmark whose ``extra_info`` names an operation and a kernel.

    Args:
        document: the file.
        file: its name, for the rows.
        most: rows that a file of this size may have.

    Raises:
        Unreadable: none does, or more than that.
    """
    machine = mapping(document.get("machine_info"))
    ours = mapping(machine.get("einbench"))
    shared = {
        **_machine(machine, ours), "harness": HARNESS, "file": file,
        "date": from_iso(document.get("datetime")),
        **_commit(mapping(document.get("commit_info"))),
    }  # fmt: skip
    found = Found(most, machines=[dict(ours)] if ours else [])
    for benchmark in map(mapping, document["benchmarks"]):
        extra = mapping(benchmark.get("extra_info"))
        if text(extra.get("operation")) and text(extra.get("kernel")):
            facts = _facts(extra, mapping(benchmark.get("stats"))) | shared
            found.add(facts, benchmark.get("name"), _marks(benchmark))
        else:
            found.foreign.append(text(benchmark.get("name")) or "one without a name")
    if not found.rows:
        raise Unreadable("pytest-benchmark's, but none of its benchmarks names a kernel")
    return found


def _facts(extra: Mapping[str, Any], stats: Mapping[str, Any]) -> dict[str, Any]:
    facts = {name: extra.get(name) for name in _EXTRA}
    facts["batch"] = extra.get("batch", mapping(extra.get("sizes")).get("batch"))
    times = [t for t in map(number, sequence(stats.get("data"))) if t is not None and t > 0]
    facts |= {"median_s": stats.get("median"), "samples": stats.get("rounds")}
    facts["calls_per_sample"] = stats.get("iterations")
    if interval := median_interval(times):
        facts |= {"low_s": interval[0], "high_s": interval[1], "confidence": CONFIDENCE}
    if facts["status"] is None:
        facts |= _verdict(extra, stats)
    return facts


def _marks(benchmark: Mapping[str, Any]) -> dict[str, Any]:
    """What may tell a benchmark from another of the same kernel: parameters, test, class, file."""
    # folder/test_file.py::TestClass::test_name[parameters]
    module, *classes = str(benchmark.get("fullname") or "").partition("[")[0].split("::")
    test = str(benchmark.get("name") or "").partition("[")[0]
    named = {"test": test, "class": "::".join(classes[:-1]), "module": module}
    return {**mapping(benchmark.get("params")), "group": benchmark.get("group") or "", **named}


def _verdict(extra: Mapping[str, Any], stats: Mapping[str, Any]) -> dict[str, Any]:
    error, limit = extra.get("error"), number(extra.get("limit"))
    if isinstance(error, float) and not math.isfinite(error):
        return {"status": "rejected", "reason": "its error is not finite"}
    units = number(error)
    if units is not None and limit is not None and units > limit:
        return {"status": "rejected", "reason": "its error is beyond the limit"}
    if number(stats.get("median")) is None:
        return {"status": "failed", "reason": "no time in this file"}
    return {"status": "ok"}


def _machine(machine: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """einbench's facts, where there are none pytest-benchmark's; the host's name is not taken."""
    facts = machine_facts(ours)
    cpu = text(mapping(machine.get("cpu")).get("brand_raw"))
    facts["machine"] = facts["machine"] or cpu
    facts["cpu"] = facts["cpu"] or cpu
    facts["python"] = facts["python"] or text(machine.get("python_version"))
    return facts


def _commit(info: Mapping[str, Any]) -> dict[str, Any]:
    commit = text(info.get("id"))
    if commit is None or commit in ("unversioned", "unknown"):
        return {}
    return {
        "commit": commit + ("-dirty" if info.get("dirty") is True else ""),
        "commit_date": from_iso(info.get("time")),
    }


# The number of samples below the median is binomial(n, 1/2), so the k-th smallest and the k-th
# largest enclose it with 1 - 2 P(below < k) (Conover, Practical Nonparametric Statistics, 3.2),
# whatever the distribution of times.
def median_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The narrowest such pair with at least 95 %; None for fewer than 6 values."""
    n = len(values)
    in_order = sorted(values)
    # P(below < k) grows with k: take the last that leaves 2.5 % outside at either end
    outside, k = 0.0, 0
    while k < n // 2:
        log_term = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        outside += math.exp(log_term - n * math.log(2))
        if outside > (1 - CONFIDENCE) / 2:
            break
        k += 1
    return (in_order[k - 1], in_order[n - k]) if k else None
