"""Rows from asv's result files, ``results/asv/<machine>/<commit>-<environment>.json``.

A file holds, for every benchmark, parallel lists over the product of its parameters. Four kinds
belong to a kernel: ``<operation>.time_kernel`` (seconds), ``.peakmem_kernel`` (bytes of the
process), ``.track_error`` (units of rounding) and ``.track_roofline`` (a fraction); they become
one row. NaN is how asv says "skipped", null how it says "failed".

A benchmark may have a name of its own for an expression, ``chain``: then its attributes
``expression`` and ``sizes``, which asv keeps in benchmarks.json, say what it is of.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from typing import Any

from einbench.host.documents import Unreadable
from einbench.names import is_expression
from einbench.records.columns import count, mapping, number, sequence, text
from einbench.records.dates import from_milliseconds
from einbench.records.found import Found

HARNESS = "asv"
VERSION = 2
#: asv's intervals are its own
CONFIDENCE = 0.99
PARAMETERS = ("kernel", "batch", "dtype")
_KINDS = {
    "time_kernel": "median_s",
    "peakmem_kernel": "process_peak_bytes",
    "track_error": "error",
    "track_roofline": "roofline",
}
_MACHINE = ("machine", "cpu", "arch", "num_cpu", "os", "ram")
#: more cells than this in one benchmark are a mistake or an attack
_MOST_CELLS = 100_000
_PYTHON = re.compile(r"(?:^|python)(\d+\.\d+[\w.]*)$")

#: operation, module, and values of all parameters by name, in the order of the file
_Key = tuple[str, str, tuple[tuple[str, str], ...]]


def is_asv(document: Mapping[str, Any]) -> bool:
    """It has what every result file of asv has; ``env_name`` came after the first of format 1."""
    return "commit_hash" in document and isinstance(document.get("results"), dict)


def is_companion(document: Mapping[str, Any]) -> bool:
    """machine.json or benchmarks.json: read beside the results they belong to."""
    if not isinstance(document.get("version"), int):
        return False
    if isinstance(document.get("machine"), str):
        return document.keys() <= {*_MACHINE, "version"}
    others = [value for key, value in document.items() if key != "version"]
    return bool(others) and all("param_names" in mapping(value) for value in others)


def rows(
    document: Mapping[str, Any],
    file: str,
    machine: Mapping[str, Any],
    benchmarks: Mapping[str, Any],
    most: int,
) -> Found:
    """One row for each operation and choice of parameters.

    Args:
        document: the result file.
        file: its name, for the rows.
        machine: what ``machine.json`` beside it holds, if anything.
        benchmarks: what ``benchmarks.json`` above it holds: the names of parameters.
        most: rows that a file of this size may have.

    Raises:
        Unreadable: another version of the format, no benchmark of kernels, or more rows.
    """
    _refuse_versions(document)
    names = [str(column) for column in sequence(document.get("result_columns"))]
    found = Found(most)
    cells: dict[_Key, dict[str, Any]] = {}
    for name, entry in mapping(document.get("results")).items():
        operation, _, kind = name.rpartition(".")
        module, _, operation = operation.rpartition(".")
        values = dict(zip(names, sequence(entry), strict=False))
        benchmark = mapping(mapping(benchmarks).get(name))
        parameters = _parameters(values, benchmark)
        if kind not in _KINDS or not operation or parameters is None:
            found.foreign.append(text(name) or "one without a name")
            continue
        expression, sizes = _asked(benchmark)
        if expression:
            # two benchmarks of one expression are told apart as those of two modules are
            module, operation = ".".join(filter(None, (module, operation))), expression
        fixed = tuple((axis, n) for axis, n in sizes.items() if axis not in parameters)
        for place, key in enumerate(itertools.product(*parameters.values())):
            found.refuse_more(len(cells))
            chosen = (*zip(parameters, key, strict=True), *fixed)
            cells.setdefault((operation, module, chosen), {})[kind] = _Value.of(values, place)
    if not cells:
        raise Unreadable("asv's, but none of its benchmarks is of kernels")
    shared = _shared(document, machine) | {"harness": HARNESS, "file": file}
    found.machines = [_machine_facts(document, machine)]
    for (operation, module, chosen), cell in _joined(cells).items():
        name = ".".join(filter(None, (module, operation)))
        found.add(_facts(operation, dict(chosen), cell) | shared, name, {"module": module})
    return found


def _asked(benchmark: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """The expression that a benchmark states, and sizes of its axes; empty where it states none."""
    stated = text(benchmark.get("expression")) or ""
    if not is_expression(stated):
        return "", {}
    sizes = {str(text(axis)): count(n) for axis, n in mapping(benchmark.get("sizes")).items()}
    return stated, {axis: str(n) for axis, n in sizes.items() if n is not None}


def _joined(cells: Mapping[_Key, dict[str, Any]]) -> dict[_Key, dict[str, Any]]:
    """What several modules say of one cell, together unless two of them say the same thing.

    A suite may have its times in one module and its errors in another.
    """
    joined: dict[_Key, dict[str, Any]] = {}
    twice = set()
    for (operation, _, chosen), cell in cells.items():
        place = joined.setdefault((operation, "", chosen), {})
        if place.keys() & cell.keys():
            twice.add(operation)
        place.update(cell)
    apart = {key: cell for key, cell in cells.items() if key[0] in twice}
    return {key: cell for key, cell in joined.items() if key[0] not in twice} | apart


class _Value:
    """One entry of a benchmark's parallel lists."""

    def __init__(self, result: Any, low: Any, high: Any, samples: Any, started: Any) -> None:
        self.result, self.low, self.high = result, low, high
        self.samples, self.started = samples, started

    @classmethod
    def of(cls, values: Mapping[str, Any], place: int) -> _Value:
        def at(column: str) -> Any:
            listed = sequence(values.get(column))
            return listed[place] if place < len(listed) else None

        taken = sequence(at("samples"))
        return cls(
            at("result"), at("stats_ci_99_a"), at("stats_ci_99_b"),
            len(taken) or at("stats_repeat"), values.get("started_at"),
        )  # fmt: skip


def _facts(operation: str, chosen: dict[str, str], cell: Mapping[str, _Value]) -> dict[str, Any]:
    batch = chosen.get("batch", "")
    others = {name: value for name, value in chosen.items() if name not in PARAMETERS}
    facts: dict[str, Any] = {
        "operation": operation,
        "kernel": chosen.get("kernel"),
        "dtype": chosen.get("dtype"),
        "batch": _whole(batch),
        "layout": others.pop("layout", None),
        "threads": _whole(others.pop("threads", "")),
        "sizes": {axis: _whole(n) for axis, n in others.items() if _whole(n) is not None},
        "options": {name: n for name, n in others.items() if _whole(n) is None},
    }
    for kind, column in _KINDS.items():
        if kind in cell:
            facts[column] = cell[kind].result
    if (time := cell.get("time_kernel")) is not None:
        facts["date"] = from_milliseconds(time.started)
        facts["samples"] = time.samples
        low, high = number(time.low), number(time.high)
        if low is not None and high is not None and low > 0:
            facts |= {"low_s": low, "high_s": high, "confidence": CONFIDENCE}
    return facts | _verdict(cell, facts)


def _verdict(cell: Mapping[str, _Value], facts: Mapping[str, Any]) -> dict[str, Any]:
    """The outcome for the kernel, from what asv keeps of it."""
    error = cell.get("track_error")
    if error is not None and error.result == math.inf:
        return {"status": "rejected", "reason": "its error is infinite"}
    if error is not None and (reason := beyond(facts)):
        return {"status": "rejected", "reason": reason}
    if error is not None and error.result is None:
        return {"status": "failed", "reason": "asv could not take its error"}
    time = cell.get("time_kernel")
    if time is None:
        return {"status": "skipped", "reason": "not timed in this file"}
    if time.result is None:
        return {"status": "failed", "reason": "asv could not time it"}
    if number(time.result) is None:
        return {"status": "skipped", "reason": "skipped by the benchmark"}
    return {"status": "ok"}


def _parameters(
    values: Mapping[str, Any], benchmark: Mapping[str, Any]
) -> dict[str, list[str]] | None:
    """Name -> values as text, in the order of the lists; None where it is no benchmark of ours."""
    choices = sequence(values.get("params"))
    if not all(isinstance(v, list) and all(isinstance(p, str) for p in v) for v in choices):
        return None
    names = [str(name) for name in sequence(benchmark.get("param_names"))] or [*PARAMETERS]
    if len(names) != len(choices) or len({*names}) != len(names) or not {*names} >= {*PARAMETERS}:
        return None
    cells = math.prod(map(len, choices))
    listed = values.get("result")
    fits = listed is None or (isinstance(listed, list) and len(listed) == cells)
    if not fits or cells > _MOST_CELLS:
        return None
    plain = {name: [_unquoted(p) for p in v] for name, v in zip(names, choices, strict=True)}
    # one value twice would be two results of one cell
    return plain if all(len({*v}) == len(v) for v in plain.values()) else None


def _unquoted(parameter: str) -> str:
    """asv keeps the repr: ``'matmul'`` with its quotes."""
    quoted = len(parameter) > 1 and parameter[0] == parameter[-1] and parameter[0] in "'\""
    return parameter[1:-1] if quoted else parameter


def _whole(parameter: str | None) -> int | None:
    digits = parameter or ""
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 19 else None


def _shared(document: Mapping[str, Any], machine: Mapping[str, Any]) -> dict[str, Any]:
    facts = _machine_facts(document, machine)
    required = mapping(document.get("requirements"))
    python = _PYTHON.search(text(document.get("python")) or "")
    return {
        "machine": facts["machine"],
        "cpu": facts.get("cpu"),
        "commit": text(document.get("commit_hash")),
        "commit_date": from_milliseconds(document.get("date")),
        "environment": text(document.get("env_name")),
        # the path of an interpreter where asv was set to use it
        "python": python[1] if python else None,
        "numpy": text(required.get("numpy")),
        "numba": text(required.get("numba")),
    }


def _machine_facts(document: Mapping[str, Any], machine: Mapping[str, Any]) -> dict[str, Any]:
    """asv's facts of the machine, those that every one has."""
    facts = {**machine, **mapping(document.get("params"))}
    return {name: text(facts.get(name)) for name in _MACHINE}


def _refuse_versions(document: Mapping[str, Any]) -> None:
    version = document.get("version")
    if version == VERSION:
        return
    found = text(str(version)) or "none"
    older = isinstance(version, int | float) and version < VERSION
    advice = "; run asv update" if older else ""
    raise Unreadable(f"asv's result format {found[:20]}: this einbench reads {VERSION}{advice}")


def beyond(facts: Mapping[str, Any]) -> str:
    """The reason to reject, empty where there is none or nothing is known of the operation.

    The limit is the operation's own at its usual sizes, the wider of the two it may have.
    """
    from einbench.registry import operations

    op = operations.get(str(text(facts.get("operation"))))
    units = number(facts.get("error"))
    if op is None or units is None:
        return ""
    known = {axis: n for axis, n in (facts.get("sizes") or {}).items() if n}
    sizes = {**op.sizes, **known}
    if op.leading is not None:
        sizes[op.leading] = count(facts.get("batch")) or 1
    terms = max(float(op.terms(sizes)), 1.0)
    limit = max(op.limit(terms), op.tied_limit(terms))
    return f"its error is beyond {limit:.3g}, the operation's limit" if units > limit else ""
