"""The end of a report in one table: operation by batch, the winner, and by how much."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from einbench.report.columns import Line
from einbench.report.grid import Batch, Block, batch_text, cell

_GAP = 2


@dataclass(frozen=True)
class Win:
    """The fastest kernel of a cell, how many times as fast as the baseline, and its ties."""

    kernel: str
    speedup: str = ""
    ties: tuple[str, ...] = ()


def win(block: Block, batch: Batch) -> Win | None:
    """None where the operation was not requested at this batch."""
    rows = [block.records[k, batch] for k in block.kernels if (k, batch) in block.records]
    if not rows:
        return None
    best = block.winner(batch)
    if best is None:
        statuses = {row.status for row in rows}
        return Win(f"all {statuses.pop()}" if len(statuses) == 1 else "none timed")
    others = tuple(name for name in block.tied(batch) if name != best.kernel)
    return Win(best.kernel, cell(best).speedup, others)


def row_names(blocks: Sequence[Block]) -> list[str]:
    """Operations, with what tells blocks of one operation apart."""
    several = len({block.dtype for block in blocks}) > 1
    return [f"{b.operation} {b.dtype}" if several else b.operation for b in blocks]


def all_batches(blocks: Sequence[Block]) -> list[Batch]:
    """Every batch of any block, ascending."""
    found = {batch for block in blocks for batch in block.batches}
    return sorted(found, key=lambda batch: -1 if batch is None else batch)


def summary_lines(blocks: Sequence[Block], width: int) -> Iterator[Line]:
    """Rows of the table, narrow enough for the width; several tables where it takes them."""
    names, batches = row_names(blocks), all_batches(blocks)
    wins = {(i, b): win(block, b) for i, block in enumerate(blocks) for b in batches}
    found = [w for w in wins.values() if w is not None]
    ratio = max((len(w.speedup) for w in found), default=0)
    kernel = max((len(w.kernel) for w in found), default=0)
    longest = max(len(name) for name in (*names, "operation"))
    first = longest if longest <= width / 2 else 0
    title = max(len(batch_text(batch)) for batch in batches)
    beside = max(kernel + 1 + ratio, title)
    below = max(kernel, ratio, title, *(len(n) + 2 for w in found for n in w.ties), 0)
    one_line = _fitting(width, first, beside) >= min(len(batches), 2)
    column = min(beside if one_line else below, width)
    share = math.ceil(len(batches) / math.ceil(len(batches) / _fitting(width, first, column)))
    for start in range(0, len(batches), share):
        if start:
            yield []
        shown = batches[start : start + share]
        titles = "".join(" " * _GAP + batch_text(b).ljust(column) for b in shown)
        yield [("operation".ljust(first) if first else "", "bold"), (titles, "bold")]
        yield [("─" * min(width, first + len(shown) * (column + _GAP)), "dim")]
        for i, name in enumerate(names):
            cells = [_cell_lines(wins[i, b], column, kernel, one_line) for b in shown]
            if not first:
                yield from ([(part, "")] for part in textwrap.wrap(name, width))
            for n in range(max(map(len, cells))):
                line: Line = [(name.ljust(first) if n == 0 and first else " " * first, "")]
                for lines in cells:
                    text, style = lines[n] if n < len(lines) else ("", "")
                    line += [(" " * _GAP, ""), (text, style), (" " * (column - len(text)), "")]
                yield line


def _fitting(width: int, first: int, column: int) -> int:
    return max(1, (width - first) // (column + _GAP))


def _cell_lines(
    found: Win | None, column: int, kernel: int, one_line: bool
) -> list[tuple[str, str]]:
    if found is None:
        return [("-", "dim")]
    if not found.speedup:
        style = "dim" if found.kernel == "all skipped" else "bold red"
        return [(found.kernel, style)]
    ties = [(f"= {name}", "green") for name in found.ties]
    if one_line:
        return [(f"{found.kernel.ljust(kernel)} {found.speedup}", "bold green"), *ties]
    return [(found.kernel, "bold green"), (found.speedup, "green"), *ties]
