"""Records put in order: one block for each operation and setting, kernels by batches.

Everything is text here and nothing has a width or a colour; the terminal and the notebook
lay the same blocks out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from einbench.contexts import ALONE
from einbench.record import CONFIDENCE, WRONG, Record
from einbench.units import bytes_text, number_text, percent_text, ratio_text, seconds_text

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
    #: after a product of BLAS, and after a pause
    blas: str = ""
    pause: str = ""
    #: processor time by wall time, of kernels in processes of their own
    cores: str = ""
    speedup: str = ""
    rate: str = ""
    best: str = ""
    error: str = ""
    #: the outcome for a kernel without numbers: ``about 43 min``, ``REJECTED``
    word: str = ""


@dataclass(frozen=True)
class Block:
    """One operation in one dtype, layout and size: shown as one table."""

    operation: str
    formula: str
    baseline: str
    dtype: str
    #: sizes, dtype, layout, threads and context in one line
    setting: str
    #: that its kernels are ranked in
    context: str
    batches: tuple[Batch, ...]
    kernels: tuple[str, ...]
    records: Mapping[tuple[str, Batch], Record]

    def cell(self, kernel: str, batch: Batch) -> Cell:
        """The record of a kernel at a batch as text."""
        record = self.records.get((kernel, batch))
        return Cell("missing", word="not run") if record is None else cell(record)

    def winner(self, batch: Batch) -> Record | None:
        """The record that won at this batch, None where no kernel was timed."""
        rows = (self.records.get((kernel, batch)) for kernel in self.kernels)
        return next((row for row in rows if row is not None and row.winner), None)

    def tied(self, batch: Batch) -> tuple[str, ...]:
        """Kernels that tie at this batch, the winner among them; empty where there is no tie."""
        rows = (self.records.get((kernel, batch)) for kernel in self.kernels)
        return tuple(row.kernel for row in rows if row is not None and row.tie)


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
    """A record as text: its numbers, or the outcome."""
    if record.status != "ok" or record.median_s is None:
        return Cell(record.status, word=_word(record))
    speedup, rate, best, error = (
        record.speedup, record.gflops_per_s, record.roofline, record.error,
    )  # fmt: skip
    return Cell(
        record.status,
        mark="*" if record.winner else "=" if record.tie else "",
        time=seconds_text(record.median_s),
        doubts="±" * record.unstable + "?" * record.few_samples,
        blas="-" if record.after_blas_s is None else seconds_text(record.after_blas_s),
        pause="-" if record.after_pause_s is None else seconds_text(record.after_pause_s),
        cores="-" if record.cores is None else f"{record.cores:.2f}",
        speedup="-" if speedup is None else "~" * record.speedup_predicted + ratio_text(speedup),
        rate=number_text(rate) if rate else "-",
        best="-" if best is None else percent_text(best),
        error="-" if error is None else number_text(error),
    )


def timed_beside(cells: Iterable[Cell]) -> bool:
    """Whether any was timed in other contexts than alone."""
    return any({cell.blas, cell.pause} - {"", "-"} for cell in cells)


def spread_text(record: Record) -> str:
    """The evidence for a median: its interval, samples, and memory of temporaries."""
    if record.median_s is None:
        return record.reason or record.status
    low_s, high_s, count = record.low_s, record.high_s, record.samples
    parts = [f"median of {count} sample{'s' * (count != 1)}"] if count else []
    if low_s is not None and high_s is not None:
        kind = "from" if record.few_samples else f"{100 * CONFIDENCE:.0f} % interval"
        parts.append(f"{kind} {seconds_text(low_s)} to {seconds_text(high_s)}")
    if record.peak_bytes is not None:
        parts.append(f"{bytes_text(record.peak_bytes)} of temporaries")
    if record.limit:
        parts.append(f"error limit {number_text(record.limit)} units of rounding")
    return ", ".join(parts)


def _word(record: Record) -> str:
    if record.status == "skipped":
        short = TOO_SLOW.match(record.reason) or TOO_LARGE.match(record.reason)
        return short[1] if short else record.status
    return record.status.upper() if record.status in WRONG else record.status


def _key(record: Record) -> tuple[Any, ...]:
    sizes, options = tuple(record.other_sizes.items()), tuple(record.options.items())
    place = record.operation, record.dtype, record.layout, record.threads
    return *place, record.context, sizes, options


def _block(rows: Sequence[Record]) -> Block:
    first = rows[0]
    formula, baseline = _known(first.operation)
    placed = {(row.kernel, row.batch): row for row in rows}
    return Block(
        operation=first.operation,
        formula=formula,
        baseline=baseline or _measured_against(rows),
        dtype=first.dtype,
        setting=setting_text(
            first.other_sizes,
            first.options,
            first.dtype,
            first.layout,
            first.threads,
            first.context,
        ),
        context=first.context,
        batches=tuple(dict.fromkeys(batch for _, batch in placed)),
        kernels=tuple(dict.fromkeys(kernel for kernel, _ in placed)),
        records=placed,
    )


def setting_text(
    sizes: Mapping[str, int] | None,
    options: Mapping[str, str] | None,
    dtype: str | None,
    layout: str | None,
    threads: int | None,
    context: str = ALONE,
) -> str:
    """``classes 10 · float32 · C order · 2 threads``, without the batch and what is not known.

    A context is named where kernels are not ranked by their times alone.
    """
    parts = [", ".join(f"{axis} {n:,}" for axis, n in (sizes or {}).items())]
    parts.append(", ".join(f"{name} {choice}" for name, choice in (options or {}).items()))
    parts += [dtype or "", _LAYOUTS.get(layout or "", layout or "")]
    if threads:
        parts.append(f"{threads} thread{'s' * (threads != 1)}")
    parts.append("" if context == ALONE else f"context {context}")
    return " · ".join(part for part in parts if part)


def _known(name: str) -> tuple[str, str]:
    """Formula and baseline; empty for an operation that only the records know."""
    from einbench.registry import operations

    known = operations.get(name)
    return (known.formula, known.baseline) if known else ("", "")


def _measured_against(rows: Iterable[Record]) -> str:
    """The kernel whose speed-up is exactly one: the baseline, or the kernel used as one."""
    exact = (row for row in rows if row.speedup == 1 and not row.speedup_predicted)
    return next((row.kernel for row in exact), "baseline")
