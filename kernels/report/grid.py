"""Records put in order: one block for each operation and setting, kernels by batches.

Everything is text here and nothing has a width or a colour; the terminal and the notebook
lay the same blocks out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from einbench.units import bytes_text, number_text, percent_text, ratio_text, seconds_text

Record = Mapping[str, Any]
#: rows per call; None where the operation has no axis of that name
Batch = int | None

#: the reason of a cell that would take too long: its time, and what that was predicted from
TOO_SLOW = re.compile(r"(about \S+ \S+) at this size \((.+)\)")
#: the reason of a cell that would take too much memory: how much, and what is allowed
TOO_LARGE = re.compile(r"(needs \S+ \S+) of temporaries, more than (.+)")
_LAYOUTS = {"C": "C order", "F": "Fortran order", "readonly": "read-only"}


@dataclass(frozen=True)
class Cell:
    """One kernel at one batch: its numbers as people read them, or a word in their place."""

    status: str
    #: ``*`` for the winner, ``=`` for a kernel that ties with it
    mark: str = ""
    time: str = ""
    #: ``±`` for unstable, ``?`` for few samples
    doubts: str = ""
    speedup: str = ""
    rate: str = ""
    best: str = ""
    error: str = ""
    #: what became of a kernel without numbers: ``about 43 min``, ``REJECTED``
    word: str = ""


@dataclass(frozen=True)
class Block:
    """One operation in one dtype, layout and size: what becomes one table."""

    operation: str
    formula: str
    baseline: str
    dtype: str
    #: sizes, dtype, layout and threads in one line
    setting: str
    batches: tuple[Batch, ...]
    kernels: tuple[str, ...]
    records: Mapping[tuple[str, Batch], Record]

    def cell(self, kernel: str, batch: Batch) -> Cell:
        """The record of a kernel at a batch as text."""
        record = self.records.get((kernel, batch))
        return Cell("missing", word="not asked") if record is None else cell(record)

    def winner(self, batch: Batch) -> Record | None:
        """The record that won at this batch, None where no kernel was timed."""
        rows = (self.records.get((kernel, batch)) for kernel in self.kernels)
        return next((row for row in rows if row is not None and row.get("winner")), None)

    def tied(self, batch: Batch) -> tuple[str, ...]:
        """Kernels that tie at this batch, the winner among them; empty where it stands alone."""
        return tuple(k for k in self.kernels if self.records.get((k, batch), {}).get("tie"))


def blocks(records: Iterable[Record]) -> list[Block]:
    """Records grouped by all that makes numbers comparable, in the order they came."""
    grouped: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        grouped.setdefault(_key(record), []).append(record)
    return [_block(rows) for rows in grouped.values()]


def batch_text(batch: Batch) -> str:
    """``batch 10,000``."""
    return "one size" if batch is None else f"batch {batch:,}"


def batches_text(batches: Sequence[Batch]) -> str:
    """``batch 1, 128 and 10,000``."""
    if None in batches:
        return batch_text(None)
    return f"batch {listed([f'{batch:,}' for batch in batches])}"


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def cell(record: Record) -> Cell:
    """A record as text: its numbers, or what became of the kernel."""
    status = str(record["status"])
    if status != "ok" or record.get("median_s") is None:
        return Cell(status, word=_word(status, str(record.get("reason") or "")))
    speedup = record.get("speedup")
    foreseen = "~" if record.get("speedup_predicted") else ""
    rate, best, error = record.get("gflops_per_s"), record.get("roofline"), record.get("error")
    return Cell(
        status,
        mark="*" if record.get("winner") else "=" if record.get("tie") else "",
        time=seconds_text(record["median_s"]),
        doubts="±" * bool(record.get("unstable")) + "?" * bool(record.get("few_samples")),
        speedup="-" if speedup is None else foreseen + ratio_text(speedup),
        rate=number_text(rate) if rate else "-",
        best="-" if best is None else percent_text(best),
        error="-" if error is None else number_text(error),
    )


def spread_text(record: Record) -> str:
    """What stands behind a median: its interval, samples, and memory of temporaries."""
    if record.get("median_s") is None:
        return str(record.get("reason") or record["status"])
    low, high, count = record.get("low_s"), record.get("high_s"), record.get("samples")
    parts = [f"median of {count} sample{'s' * (count != 1)}"] if count else []
    if low is not None and high is not None:
        kind = "from" if record.get("few_samples") else "95 % interval"
        parts.append(f"{kind} {seconds_text(low)} to {seconds_text(high)}")
    if record.get("peak_bytes") is not None:
        parts.append(f"{bytes_text(record['peak_bytes'])} of temporaries")
    if record.get("limit"):
        parts.append(f"error limit {number_text(record['limit'])} units of rounding")
    return ", ".join(parts)


def _word(status: str, reason: str) -> str:
    if status == "skipped":
        short = TOO_SLOW.match(reason) or TOO_LARGE.match(reason)
        return short[1] if short else status
    return status.upper() if status in ("rejected", "failed") else status


def _key(record: Record) -> tuple[Any, ...]:
    sizes = tuple((axis, n) for axis, n in _sizes(record).items() if axis != "batch")
    options = tuple((record.get("options") or {}).items())
    setting = (record.get("dtype"), record.get("layout"), record.get("threads"))
    return (record["operation"], *setting, sizes, options)


def _sizes(record: Record) -> Mapping[str, int]:
    return record.get("sizes") or {}


def _block(rows: Sequence[Record]) -> Block:
    first = rows[0]
    formula, baseline = _known(first["operation"])
    placed = {(str(row["kernel"]), _sizes(row).get("batch")): row for row in rows}
    return Block(
        operation=first["operation"],
        formula=formula,
        baseline=baseline or _measured_against(rows),
        dtype=str(first.get("dtype")),
        setting=setting_text(first),
        batches=tuple(dict.fromkeys(batch for _, batch in placed)),
        kernels=tuple(dict.fromkeys(kernel for kernel, _ in placed)),
        records=placed,
    )


def setting_text(record: Record) -> str:
    """``classes 10 · float32 · C order · 2 threads``, without the batch."""
    sizes = [f"{axis} {n:,}" for axis, n in _sizes(record).items() if axis != "batch"]
    options = [f"{name} {choice}" for name, choice in (record.get("options") or {}).items()]
    layout, threads = record.get("layout"), record.get("threads")
    parts = [", ".join(sizes), ", ".join(options), str(record.get("dtype") or "")]
    parts.append(_LAYOUTS.get(str(layout), str(layout or "")))
    if threads:
        parts.append(f"{threads} thread{'s' * (threads != 1)}")
    return " · ".join(part for part in parts if part)


def _known(name: str) -> tuple[str, str]:
    """Formula and baseline; empty for an operation that only the records know."""
    from einbench.registry import operations

    known = operations.get(name)
    return (known.formula, known.baseline) if known else ("", "")


def _measured_against(rows: Iterable[Record]) -> str:
    """The kernel whose speed-up is exactly one: the baseline, or what serves as one."""
    exact = (r for r in rows if r.get("speedup") == 1 and not r.get("speedup_predicted"))
    return next((str(row["kernel"]) for row in exact), "baseline")
