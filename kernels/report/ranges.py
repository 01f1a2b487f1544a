"""Which kernel wins over which batches: ``batch 1 to 256: numba; 1,024: matmul (= numba)``."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from einbench.choose.between import MOST_APART
from einbench.choose.fewer import text as text_of
from einbench.report.columns import Line
from einbench.report.grid import Batch, listed

_GAP = "  "
_NO_BREAK = "\u00a0"
#: fewer columns than this beside a name are too few for a range and a kernel
_LEAST_TEXT = 40


class Won(NamedTuple):
    """The kernel at one batch, and all that tie with it; no kernel where none was left."""

    batch: Batch
    kernel: str
    tie: tuple[str, ...] = ()
    #: that its calls have; 0: all
    threads: int = 0


def ranges_text(choices: Iterable[Won]) -> str:
    """Neighbouring batches with one winner together; a tie is named where it is one.

    No-break spaces hold each range together.
    """
    parts: list[str] = []
    for won in _together(choices):
        kernel = text_of(won[0].kernel, won[0].threads)
        place = _place([each.batch for each in won])
        text = f"{place}{kernel or 'no kernel'}{_ties(won)}"
        parts.append(f"batch {text}" if place and not parts else text)
    return "; ".join(text.replace(" ", _NO_BREAK) for text in parts)


def _together(choices: Iterable[Won]) -> Iterator[list[Won]]:
    """Runs of one winner, as far as batches between them are answered as well."""
    run: list[Won] = []
    for won in choices:
        last = run[-1] if run else won
        near = (won.batch or 0) <= MOST_APART * max(last.batch or 0, 1)
        same = (won.kernel, won.threads) == (last.kernel, last.threads)
        if run and not (near and same):
            yield run
            run = []
        run.append(won)
    if run:
        yield run


def winner_lines(cells: Sequence[Mapping[str, Any]], width: int) -> Iterator[Line]:
    """The winners of tuned cells over ranges of batches, operation by operation."""
    together: dict[str, list[Won]] = {}
    several = len({cell["dtype"] for cell in cells}) > 1
    for cell in cells:
        name = cell["operation"] + f" {cell['dtype']}" * several
        kernel, tie, threads = cell["kernel"] or "", tuple(cell["tie"]), cell["on_threads"] or 0
        together.setdefault(name, []).append(Won(cell["batch"], kernel, tie, threads))
    yield from range_lines([(name, ranges_text(won)) for name, won in together.items()], width)


def range_lines(rows: Sequence[tuple[str, str]], width: int) -> Iterator[Line]:
    """Names and what was won there side by side, or below each other where that is narrow."""
    names = max((len(name) for name, _ in rows), default=0)
    for name, text in rows:
        if names + len(_GAP) + _LEAST_TEXT > width:
            yield [(name, "bold cyan")]
            for line in _wrapped(text, width - len(_GAP)):
                yield [(_GAP + line, "")]
            continue
        for number, line in enumerate(_wrapped(text, width - names - len(_GAP))):
            label = name if number == 0 else ""
            yield [(label.ljust(names) + _GAP, "bold cyan"), (line, "")]


def _wrapped(text: str, width: int) -> list[str]:
    """Between ranges; within one, before its ties, only where it is longer than the line."""
    parts = (
        part if len(part) <= width else re.sub(rf"{_NO_BREAK}(?=[(=]|at\b)", " ", part)
        for part in text.split(" ")
    )
    lines = textwrap.wrap(" ".join(parts), width, break_on_hyphens=False)
    return [line.replace(_NO_BREAK, " ") for line in lines]


def _place(batches: Sequence[Batch]) -> str:
    first, last = batches[0], batches[-1]
    if first is None:
        return ""
    return f"{first:,}: " if len(batches) == 1 else f"{first:,} to {last:,}: "


def _ties(won: Sequence[Won]) -> str:
    """``(= numba)`` where it ties everywhere, else ``(= numba at 1 and 16 to 256)``."""
    places: dict[str, list[int]] = {}
    for number, each in enumerate(won):
        for other in each.tie:
            if other != each.kernel:
                places.setdefault(other, []).append(number)
    parts = [
        f"= {other}" if len(at) == len(won) else f"= {other} at {listed(_runs(won, at))}"
        for other, at in places.items()
    ]
    return f" ({', '.join(parts)})" if parts else ""


def _runs(won: Sequence[Won], at: Sequence[int]) -> list[str]:
    """Batches at these places, neighbours together: ``["1", "16 to 256"]``."""
    first = [n for n in at if n - 1 not in at]
    last = [n for n in at if n + 1 not in at]
    return [
        f"{won[a].batch:,}" if a == b else f"{won[a].batch:,} to {won[b].batch:,}"
        for a, b in zip(first, last, strict=True)
    ]
