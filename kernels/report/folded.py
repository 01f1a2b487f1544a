"""A table that fits any width: columns that do not fit go to lines below the name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from einbench.report.columns import Line

_INDENT = 2


@dataclass(frozen=True)
class Row:
    """What one thing is called, and its numbers as text."""

    names: tuple[str, ...]
    numbers: tuple[str, ...]
    style: str = ""


def folded_lines(
    names: Sequence[str], numbers: Sequence[str], rows: Sequence[Row], width: int
) -> Iterator[Line]:
    """Headings, a rule and the rows; names to the left, numbers to the right.

    Where that is too wide, a row becomes its names on one line and its numbers on as few lines
    below as hold them, each under its heading.

    Args:
        names: headings of the columns of names.
        numbers: headings of the columns of numbers.
        rows: each with as many names and numbers.
        width: columns; no number is cut, so that one wider than this makes a line too long.
    """
    called = [max(map(len, column)) for column in zip(names, *(r.names for r in rows), strict=True)]
    counted = [
        max(map(len, column)) for column in zip(numbers, *(r.numbers for r in rows), strict=True)
    ]
    one_line = sum(called) + sum(counted) + 2 * (len(called) + len(counted) - 1)
    if one_line <= width:
        heading = [text.ljust(n) for text, n in zip(names, called, strict=True)]
        heading += [text.rjust(n) for text, n in zip(numbers, counted, strict=True)]
        yield [("  ".join(heading), "bold")]
        yield [("─" * one_line, "dim")]
        for row in rows:
            texts = [text.ljust(n) for text, n in zip(row.names, called, strict=True)]
            texts += [text.rjust(n) for text, n in zip(row.numbers, counted, strict=True)]
            yield [("  ".join(texts), row.style)]
        return
    shares = list(_shares(counted, width - _INDENT))
    yield [("  ".join(names), "bold")]
    for share in shares:
        yield [(_numbers(numbers, counted, share), "dim")]
    yield [("─" * width, "dim")]
    for row in rows:
        yield from _name_lines(row, width)
        for share in shares:
            if any(row.numbers[column] for column in share):
                yield [(_numbers(row.numbers, counted, share), row.style)]


def _shares(widths: Sequence[int], available: int) -> Iterator[list[int]]:
    """Columns dealt out to lines, each as full as can be."""
    share: list[int] = []
    used = 0
    for column, width in enumerate(widths):
        if share and used + 1 + width > available:
            yield share
            share, used = [], 0
        used += width + bool(share)
        share.append(column)
    yield share


def _numbers(texts: Sequence[str], widths: Sequence[int], share: Sequence[int]) -> str:
    return " " * _INDENT + " ".join(texts[i].rjust(widths[i]) for i in share)


def _name_lines(row: Row, width: int) -> Iterator[Line]:
    together = "  ".join(name for name in row.names if name)
    if len(together) <= width:
        yield [(together, row.style or "bold")]
        return
    for number, name in enumerate(filter(None, row.names)):
        yield [(" " * _INDENT * (number > 0) + name, row.style or "bold")]
