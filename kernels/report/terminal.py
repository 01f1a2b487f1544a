"""A comparison for a terminal: tables, notes, a summary, the machine, and a legend."""

from __future__ import annotations

import os
import re
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from einbench.record import WRONG
from einbench.report.columns import Line, table_lines
from einbench.report.grid import Block, blocks
from einbench.report.notebook import as_html
from einbench.report.notes import Note, legend, notes, wrong
from einbench.report.provenance import cost_text, machine_text
from einbench.report.summary import summary_lines

if TYPE_CHECKING:
    from rich.console import Console

    from einbench.report.compared import Compared

__all__ = ["as_html", "as_text", "picture", "show"]

#: columns where nothing says how many there are: a pipe, a file
PIPE_WIDTH = 100
#: below this no table can be read
NARROWEST = 40
_PICTURE_WIDTH = 110

_NOTE_STYLES: dict[str, str] = {
    **dict.fromkeys(map(str, WRONG), "bold white on red"), "tie": "green"
}  # fmt: skip


def as_text(comparison: Compared, width: int | None = None) -> str:
    """The whole report without colours, no line longer than ``width`` (at least 40).

    Args:
        comparison: what to show.
        width: columns; by default the terminal's, $COLUMNS, or 100 in a pipe.
    """
    if width is None:
        width = shutil.get_terminal_size((PIPE_WIDTH, 24)).columns
    lines = report_lines(comparison, max(width, NARROWEST))
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def show(comparison: Compared, console: Console) -> None:
    """Print the report, as wide as the console and in colour where it has some."""
    for line in report_lines(comparison, max(console.width, NARROWEST)):
        print_line(console, line)


def print_paragraph(console: Console, text: str, style: str = "") -> None:
    """Text wrapped at the console's width."""
    for line in wrapped_lines(text, console.width, style):
        print_line(console, line)


def print_line(console: Console, line: Line) -> None:
    """One line as it is: not wrapped, not highlighted, no markup read into it."""
    from rich.text import Text

    text = Text.assemble(*line)
    text.rstrip()
    console.print(text, no_wrap=True, overflow="ignore", crop=False, highlight=False)


def picture(comparison: Compared, path: str | os.PathLike[str]) -> Path:
    """Draw the report as an SVG that refers to nothing outside it, light or dark as its reader.

    Returns:
        The path that was written.
    """
    from einbench.report.drawing import svg

    return svg(Path(path), lambda console: show(comparison, console), _PICTURE_WIDTH)


def report_lines(comparison: Compared, width: int) -> Iterator[Line]:
    """Everything there is to read, as lines of styled text."""
    grouped = blocks(comparison.records)
    for block in grouped:
        yield from _block_lines(block, width)
        yield []
    if grouped:
        yield from _ending(grouped, width)
        yield []
    else:
        yield [("No cell was measured.", "bold")]
    cost = cost_text(comparison.wall_s, comparison.settings, comparison.interrupted)
    yield from wrapped_lines(machine_text(comparison.machine), width)
    yield from wrapped_lines(cost, width, "bold yellow" if comparison.interrupted else "")
    if grouped:
        yield []
        yield from _legend(grouped, width)


def title_lines(name: str, formula: str, width: int) -> Iterator[Line]:
    """An operation and its formula."""
    # indices stay together: a no-break space is no place to wrap at
    kept = re.sub(r", (?=[^\[\]]*\])", ",\u00a0", formula)
    title = f"{name}  {kept}".strip()
    for number, text in enumerate(textwrap.wrap(title, width, subsequent_indent="  ")):
        head = name if number == 0 else ""
        yield [(head, "bold cyan"), (text[len(head) :].replace("\u00a0", " "), "")]


def _block_lines(block: Block, width: int) -> Iterator[Line]:
    yield from title_lines(block.operation, block.formula, width)
    yield from wrapped_lines(block.setting, width, "dim")
    yield []
    yield from table_lines(block, width)
    yield []
    for note in notes(block):
        yield from _note(note, width)


def _ending(grouped: list[Block], width: int) -> Iterator[Line]:
    baselines = {block.baseline for block in grouped}
    base = baselines.pop() if len(baselines) == 1 else "its baseline"
    yield from wrapped_lines(
        f"SUMMARY  the fastest kernel, how many times as fast as {base}, and its ties",
        width, "bold",
    )  # fmt: skip
    yield []
    yield from summary_lines(grouped, width)
    alarms = wrong(grouped)
    if alarms:
        yield []
    for note in alarms:
        yield from _note(note, width)


def _note(note: Note, width: int) -> Iterator[Line]:
    yield from wrapped_lines(note.text, width, _NOTE_STYLES.get(note.about, "dim"))


def _legend(grouped: list[Block], width: int) -> Iterator[Line]:
    marks = legend(grouped)
    longest = max(len(mark) for mark, _ in marks)
    for mark, meaning in marks:
        for number, text in enumerate(textwrap.wrap(meaning, width - longest - 2)):
            yield [((mark if number == 0 else "").ljust(longest + 2), "bold"), (text, "dim")]


def wrapped_lines(text: str, width: int, style: str = "") -> Iterator[Line]:
    """A paragraph, its later lines indented."""
    for line in textwrap.wrap(text, width, subsequent_indent="  ", break_on_hyphens=False):
        yield [(line, style)]
