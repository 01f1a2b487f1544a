"""Why a kernel was chosen, in words: the candidates, and the outcome of the others."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from einbench.record import Record
from einbench.report.grid import Batch, Block, Cell, batch_text, blocks, listed
from einbench.units import ratio_text, seconds_text

if TYPE_CHECKING:
    from einbench.choose.decision import Decision
    from einbench.record import Record

_WIDTH = 80
_INDENT = "  "
#: is no place to wrap at
_NO_BREAK = "\u00a0"


def explain(records: Iterable[Record], width: int = _WIDTH) -> str:
    """The winner and why, every candidate's time, ratio and error, and which were left out.

    Args:
        records: of one operation at one size; several sizes give a paragraph each.
        width: columns to wrap at.
    """
    grouped = blocks(records)
    return "\n\n".join(
        _as_text(_explained(b, batch), width) for b in grouped for batch in b.batches
    )


def explain_choice(decision: Decision, records: Sequence[Record], width: int = _WIDTH) -> str:
    """The winner and where that is known from, every candidate, and which were left out.

    Args:
        decision: measured, remembered, interpolated or estimated; times of the latter two are
            predicted, and say so.
        records: one for every kernel of the operation.
        width: columns to wrap at.
    """
    return _as_text(explained_choice(decision, records), width)


class Explained(NamedTuple):
    """A choice in words, before it has a width: `explain_choice` and the notebook lay it out."""

    verdict: str
    setting: str
    #: where the choice is known from, a sentence each
    origin: Sequence[str]
    #: (mark, kernel, time, and ratio and error where known), fastest first
    candidates: list[tuple[str, ...]]
    #: kernel -> times in other contexts than alone
    beside: dict[str, str]
    #: (kernel, why)
    left_out: list[tuple[str, str]]


def explained_choice(decision: Decision, records: Sequence[Record]) -> Explained:
    """The same, as parts."""
    from einbench.report.origin import origin_lines, origin_verdict

    (block,) = blocks(records)
    (batch,) = block.batches
    return _explained(block, batch, origin_verdict(decision), origin_lines(decision))


def _explained(
    block: Block, batch: Batch, verdict: str = "", origin: Sequence[str] = ()
) -> Explained:
    cells = {kernel: block.cell(kernel, batch) for kernel in block.kernels}
    timed = {kernel: cell for kernel, cell in cells.items() if cell.time}
    foreseen = {} if timed else _foreseen(block, batch)
    place = "" if batch is None else f" at {batch_text(batch)}"
    verdict = verdict or _verdict(block, batch, len(timed))
    left_out = []
    for kernel in cells:
        record = block.records[kernel, batch]
        if not (kernel in timed or kernel in foreseen or record.winner):
            left_out.append((kernel, f"{record.status}, {record.reason or 'no reason given'}"))
    return Explained(
        f"{block.operation}{place}: {verdict}", block.setting, origin,
        _candidates(block, batch, timed) if timed else _predictions(block, batch, foreseen),
        {kernel: _beside(cell) for kernel, cell in timed.items() if _beside(cell)},
        left_out,
    )  # fmt: skip


def _as_text(found: Explained, width: int) -> str:
    lines = _wrapped(found.verdict, width)
    # wrapped between its parts
    lines += _wrapped(re.sub(r"(?<![,·]) ", _NO_BREAK, found.setting), width)
    for sentence in found.origin:
        lines += _wrapped(sentence, width)
    if found.candidates:
        lines += ["", *_table(found.candidates, found.beside, width)]
    if found.left_out:
        lines += ["", "left out:"]
        for kernel, reason in found.left_out:
            lines += _wrapped(f"{kernel}: {reason}", width, _INDENT)
    return "\n".join(lines)


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Wrapped, its later lines indented."""
    # a number and its unit stay together
    kept = re.sub(r"(?<=\d) (?=\w)", _NO_BREAK, plain_text(text))
    lines = textwrap.wrap(
        kept, width, initial_indent=indent, subsequent_indent=indent + _INDENT,
        break_on_hyphens=False,
    )  # fmt: skip
    return [line.replace(_NO_BREAK, " ") for line in lines]


def plain_text(text: str) -> str:
    """In one line, without control characters: the text may come from an untrusted file."""
    return "".join(
        mark if mark.isprintable() or mark == _NO_BREAK else " " if mark.isspace() else "?"
        for mark in text
    )


def _verdict(block: Block, batch: Batch, timed: int) -> str:
    best = block.winner(batch)
    if best is None:
        return "no kernel was timed"
    winner = best.kernel
    others = [name for name in block.tied(batch) if name != winner]
    if others:
        return f"{winner}, the simplest of those that tie: {listed([winner, *others])}"
    if timed == 1:
        return f"{winner}, the only kernel left"
    return f"{winner}, the fastest of {timed} kernels that passed the check"


def _candidates(block: Block, batch: Batch, timed: dict[str, Cell]) -> list[tuple[str, ...]]:
    """Fastest first."""
    median_s = {kernel: block.records[kernel, batch].median_s or 0.0 for kernel in timed}
    return [
        (cell.mark, kernel, cell.time + cell.doubts,
         "" if cell.speedup == "-" else f"{cell.speedup} {block.baseline}", f"error {cell.error}")
        for kernel, cell in sorted(timed.items(), key=lambda item: median_s[item[0]])
    ]  # fmt: skip


def _beside(cell: Cell) -> str:
    """Times in other contexts than alone."""
    found = ((cell.blas, "after BLAS"), (cell.pause, "after a pause"))
    return ", ".join(f"{text} {where}" for text, where in found if text not in ("", "-"))


def _foreseen(block: Block, batch: Batch) -> dict[str, float]:
    """Seconds per call of kernels that nothing was timed of at this size."""
    rows = {kernel: block.records[kernel, batch] for kernel in block.kernels}
    return {
        kernel: row.predicted_s
        for kernel, row in rows.items()
        if row.status == "ok" and row.predicted_s
    }


def _predictions(block: Block, batch: Batch, foreseen: dict[str, float]) -> list[tuple[str, ...]]:
    """Fastest first."""
    base_s = foreseen.get(block.baseline)
    best = block.winner(batch)
    winner = best.kernel if best else None
    return [
        ("*" * (kernel == winner), kernel, f"about {seconds_text(seconds)}",
         f"~{ratio_text(base_s / seconds)} {block.baseline}" if base_s else "")
        for kernel, seconds in sorted(foreseen.items(), key=lambda item: item[1])
    ]  # fmt: skip


def _table(rows: Sequence[tuple[str, ...]], further: Mapping[str, str], width: int) -> list[str]:
    """Columns as wide as their longest entry; what does not fit goes below, before ``further``."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    beside = 1  # columns in the line of the name
    while beside < len(widths) and 2 + sum(widths[1 : beside + 1]) + 2 * (beside - 1) <= width:
        beside += 1
    # either all of a line or no more than the time
    beside = beside if beside == len(widths) else min(beside, 3)
    lines = []
    for mark, *columns in rows:
        kernel, *numbers = columns[: beside - 1] or columns[:1]
        # errors have a word before them and stay to the left
        aligned = [text.rjust(n) for text, n in zip(numbers, widths[2:4], strict=False)]
        aligned += numbers[2:]
        lines.append(f"{mark or ' '} {'  '.join([kernel.ljust(widths[1]), *aligned])}".rstrip())
        below = [part for part in columns[max(beside - 1, 1) :] if part]
        if below:
            lines.append(f"    {'  '.join(below)}")
        if text := further.get(columns[0]):
            lines += _wrapped(text, width, "    ")
    return lines
