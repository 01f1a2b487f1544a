"""Why a kernel was chosen, in words: the candidates, and what became of the others."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from kernels.report.grid import Batch, Block, Cell, batch_text, blocks, listed

_WIDTH = 80


def explain(records: Iterable[dict[str, object]], width: int = _WIDTH) -> str:
    """The winner and why, every candidate's time, ratio and error, and who was left out.

    Args:
        records: of one operation at one size; several sizes give a paragraph each.
        width: columns to wrap reasons at.
    """
    grouped = blocks(records)
    return "\n\n".join(_paragraph(b, batch, width) for b in grouped for batch in b.batches)


def _paragraph(block: Block, batch: Batch, width: int) -> str:
    cells = {kernel: block.cell(kernel, batch) for kernel in block.kernels}
    timed = {kernel: cell for kernel, cell in cells.items() if cell.time}
    place = "" if batch is None else f" at {batch_text(batch)}"
    lines = [f"{block.operation}{place}: {_verdict(block, batch, len(timed))}"]
    lines += textwrap.wrap(block.setting, width)
    if timed:
        lines += ["", *_candidates(block, batch, timed)]
    left_out = [kernel for kernel in cells if kernel not in timed]
    if left_out:
        lines += ["", "left out:"]
        for kernel in left_out:
            record = block.records[kernel, batch]
            reason = f"  {kernel}: {record['status']}, {record.get('reason') or 'no reason given'}"
            lines += textwrap.wrap(reason, width, subsequent_indent="    ")
    return "\n".join(lines)


def _verdict(block: Block, batch: Batch, timed: int) -> str:
    best = block.winner(batch)
    if best is None:
        return "no kernel was timed"
    winner = str(best["kernel"])
    others = [name for name in block.tied(batch) if name != winner]
    if others:
        return f"{winner}, the simplest of those that tie: {listed([winner, *others])}"
    if timed == 1:
        return f"{winner}, the only kernel left"
    return f"{winner}, the fastest of {timed} kernels that passed the check"


def _candidates(block: Block, batch: Batch, timed: dict[str, Cell]) -> Sequence[str]:
    """Fastest first, with columns as wide as their longest entry."""
    median = {kernel: float(block.records[kernel, batch]["median_s"]) for kernel in timed}
    table = [
        (cell.mark or " ", kernel, cell.time + cell.doubts, f"{cell.speedup} {block.baseline}",
         f"error {cell.error}")
        for kernel, cell in sorted(timed.items(), key=lambda item: median[item[0]])
    ]  # fmt: skip
    widths = [max(len(row[i]) for row in table) for i in range(5)]
    return [
        f"{mark} {kernel.ljust(widths[1])}  {time.rjust(widths[2])}"
        f"  {ratio.rjust(widths[3])}  {error}"
        for mark, kernel, time, ratio, error in table
    ]
