"""Blocks as lines of styled text that fit a width: one to five lines a kernel.

Every field has the width of its longest entry, so nothing is left for a terminal to wrap: where
the batches do not fit side by side, more lines a kernel or several tables take their place.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from einbench.record import WRONG
from einbench.report.grid import Batch, Block, Cell, batch_text

#: (text, style) of one piece of a line; styles are rich's
Piece = tuple[str, str]
Line = list[Piece]

_ONE_LINE = (("time", "blas", "pause", "cores", "speedup", "rate", "best", "error"),)
#: how the fields of a cell can be arranged and the spaces between them, widest first
_SHAPES: tuple[tuple[tuple[tuple[str, ...], ...], int], ...] = (
    (_ONE_LINE, 2),
    (_ONE_LINE, 1),
    ((("time", "blas", "pause", "cores", "speedup"), ("rate", "best", "error")), 1),
    ((("time", "speedup"), ("blas", "pause", "cores"), ("rate", "best", "error")), 1),
    ((("time",), ("speedup",), ("blas",), ("pause",), ("cores",), ("rate", "best", "error")), 1),
)
#: from this width on, a line a kernel is worth a second table
_WIDE = 120
_GAP = 2

_WORD_STYLES: dict[str, str] = {
    **dict.fromkeys(map(str, WRONG), "bold white on red"),
    "refuses": "yellow",
    "unchecked": "yellow",
    "skipped": "dim",
    "unavailable": "dim",
    "missing": "dim",
}


@dataclass(frozen=True)
class _Form:
    """A shape with the widths that a block's texts need in it."""

    shape: tuple[tuple[str, ...], ...]
    space: str
    headings: dict[str, str]
    fields: dict[str, int]
    doubts: int
    #: of the longest line of numbers; columns may be wider for a word or a title
    numbers: int
    column: int
    #: 0: the name is on a line of its own
    name: int

    def fitting(self, width: int) -> int:
        """Batches that fit side by side, at least one."""
        available = width - self.name + _GAP * (self.name == 0)
        return max(1, available // (self.column + _GAP))


def table_lines(block: Block, width: int) -> Iterator[Line]:
    """The tables of a block, headings and rules included, an empty line between them."""
    form = _best_form(block, width)
    shares = _shares(block.batches, form.fitting(width))
    for number, batches in enumerate(shares):
        if number:
            yield []
        yield from _table(block, batches, form, width)


def _shares(batches: Sequence[Batch], most: int) -> list[Sequence[Batch]]:
    """Batches dealt out to as few tables as can be, as evenly as can be."""
    tables = math.ceil(len(batches) / most)
    size = math.ceil(len(batches) / tables)
    return [batches[i : i + size] for i in range(0, len(batches), size)]


def _best_form(block: Block, width: int) -> _Form:
    forms = [_form(block, shape, space, width) for shape, space in _shapes(block)]
    tables = [math.ceil(len(block.batches) / form.fitting(width)) for form in forms]
    if width >= _WIDE and tables[1] <= 2:
        return forms[0] if tables[0] == tables[1] else forms[1]
    fitting = [form.name + _GAP * (form.name > 0) + form.column <= width for form in forms]
    fewest = min((n for n, fits in zip(tables, fitting, strict=True) if fits), default=0)
    # where even the narrowest needs several tables, a wider one may need no more
    candidates = zip(forms, tables, fitting, strict=True)
    return next((form for form, n, fits in candidates if fits and n == fewest), forms[-1])


def _shapes(block: Block) -> list[tuple[tuple[tuple[str, ...], ...], int]]:
    """Without rates where no record has any, and without contexts that nothing was timed in."""
    cells = [block.cell(kernel, batch) for kernel in block.kernels for batch in block.batches]
    unknown = {
        name
        for name in ("blas", "pause", "cores", "rate", "best")
        if all(getattr(c, name) in ("", "-") for c in cells)
    }
    known = [
        ([tuple(name for name in line if name not in unknown) for line in shape], space)
        for shape, space in _SHAPES
    ]
    return list(dict.fromkeys((tuple(filter(None, shape)), space) for shape, space in known))


def _form(block: Block, shape: tuple[tuple[str, ...], ...], space: int, width: int) -> _Form:
    cells = [block.cell(kernel, batch) for kernel in block.kernels for batch in block.batches]
    versus = f"vs {block.baseline}"
    headings = {
        "time": "time",
        "blas": "BLAS",
        "pause": "pause",
        "cores": "cores",
        "speedup": versus if len(versus) <= 8 else "speed-up",
        "rate": "GF/s",
        "best": "best",
        "error": "err",
    }
    fields = {
        name: max(len(heading), *(len(getattr(cell, name)) for cell in cells))
        for name, heading in headings.items()
    }
    doubts = max(len(cell.doubts) for cell in cells)
    fields["time"] += 1 + doubts
    lines = [sum(fields[name] for name in line) + space * (len(line) - 1) for line in shape]
    words = [1 + len(cell.word) for cell in cells]
    titles = [1 + len(batch_text(batch)) for batch in block.batches]
    longest = max(len(name) for name in (*block.kernels, "kernel"))
    return _Form(
        shape, " " * space, headings, fields, doubts,
        numbers=max(lines),
        column=max(*lines, *words, *titles),
        name=longest if longest <= width / 3 else 0,
    )  # fmt: skip


def _table(block: Block, batches: Sequence[Batch], form: _Form, width: int) -> Iterator[Line]:
    span = form.name + len(batches) * (form.column + _GAP) - _GAP * (form.name == 0)
    titles: Line = [("kernel".ljust(form.name) if form.name else "", "bold")]
    for number, batch in enumerate(batches):
        text = f" {batch_text(batch)}".ljust(form.column)
        titles.append((_gap(form, number) + text, "bold"))
    yield titles
    for fields in form.shape:
        line: Line = [(" " * form.name, "")]
        text = form.space.join(_heading(form, name) for name in fields)
        text = (_indent(form, fields) + text).ljust(form.column)
        line.extend((_gap(form, number) + text, "dim") for number in range(len(batches)))
        yield line
    yield [("─" * min(span, width), "dim")]
    for kernel in block.kernels:
        yield from _kernel_lines(block, kernel, batches, form, width)


def _kernel_lines(
    block: Block, kernel: str, batches: Sequence[Batch], form: _Form, width: int
) -> Iterator[Line]:
    cells = [block.cell(kernel, batch) for batch in batches]
    wins = "bold green" if any(cell.mark == "*" for cell in cells) else ""
    if not form.name:
        for part in textwrap.wrap(kernel, width):
            yield [(part, wins)]
    for number, fields in enumerate(form.shape):
        name = kernel if number == 0 and form.name else ""
        line: Line = [(name.ljust(form.name), wins)]
        for place, cell in enumerate(cells):
            line.append((_gap(form, place), ""))
            line.extend(_cell_line(cell, fields, form, first=number == 0))
        if any(text.strip() for text, _ in line):
            yield line


def _cell_line(cell: Cell, fields: Sequence[str], form: _Form, *, first: bool) -> Line:
    if cell.word:
        word = cell.word if first else ""
        style = _WORD_STYLES.get(cell.status, "")
        return [(" ", ""), (word, style), (" " * (form.column - 1 - len(word)), "")]
    pieces: Line = [(_indent(form, fields), "")]
    for number, name in enumerate(fields):
        pieces.append((form.space if number else "", ""))
        pieces.extend(_field(cell, name, form))
    used = sum(len(text) for text, _ in pieces)
    return [*pieces, (" " * (form.column - used), "")]


def _field(cell: Cell, name: str, form: _Form) -> Line:
    style = {"*": "bold green", "=": "green"}.get(cell.mark, "")
    if name == "time":
        digits = form.fields["time"] - 1 - form.doubts
        return [
            ((cell.mark or " ") + cell.time.rjust(digits), style),
            (cell.doubts.ljust(form.doubts), "yellow"),
        ]
    text = getattr(cell, name).rjust(form.fields[name])
    return [(text, style if name == "speedup" else "dim")]


def _heading(form: _Form, name: str) -> str:
    if name == "time":
        return form.headings[name].rjust(form.fields[name] - form.doubts) + " " * form.doubts
    return form.headings[name].rjust(form.fields[name])


def _indent(form: _Form, fields: Sequence[str]) -> str:
    """The line of rates ends where the line above it ends."""
    used = sum(form.fields[name] for name in fields) + len(form.space) * (len(fields) - 1)
    return " " * (form.numbers - used) if "error" in fields else ""


def _gap(form: _Form, number: int) -> str:
    return " " * _GAP if number or form.name else ""
