"""The answers as people read them: behaviours by libraries, and under it what was returned."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from einbench.dialects.asking import Column
from einbench.dialects.judged import Answer, Verdict
from einbench.names import shortened
from einbench.report.columns import Line

#: below this, libraries are listed one after the other, without a table
_LEAST_TABLE = 80
#: most letters of what a library says
_MOST = 150
_STYLES: dict[Verdict, str] = {
    "right": "dim", "refuses": "yellow", "differs": "bold red", "died": "bold white on red",
}  # fmt: skip

LEGEND = (
    "right: the sum of products, exact, in the dtype, view or scalar that np.einsum would give; "
    "refuses: raises; differs: returns something else; died: its process ended. * some of the "
    "calls of that line, not all. optimize is NumPy's, with optimize=True. A lone index "
    "is in one operand alone, and summed."
)


def lines(columns: Sequence[Column], width: int) -> Iterator[Line]:
    """All there is to read, no line longer than ``width``."""
    asked = [column for column in columns if column.answers]
    if width >= _LEAST_TABLE and asked:
        yield from _tables(asked, width)
    for column in asked:
        yield from _notes(column, width)
    yield from _wrapped(LEGEND, width, "dim")
    for column in columns:
        if column.reason:
            yield from _wrapped(f"{column.shown}: {column.reason}", width, "dim")


def _tables(columns: Sequence[Column], width: int) -> Iterator[Line]:
    """As many libraries side by side as fit."""
    names = list(columns[0].answers)
    first = max(map(len, names)) + 1
    widths = [max(len(c.shown), len(c.version), len("refuses*")) + 1 for c in columns]
    begin = 0
    while begin < len(columns):
        end, used = begin, first
        while end < len(columns) and (end == begin or used + widths[end] <= width):
            used += widths[end]
            end += 1
        together = list(zip(columns[begin:end], widths[begin:end], strict=True))
        for heading in ("shown", "version"):
            texts = [getattr(c, heading).ljust(w) for c, w in together]
            yield [(" " * first, ""), ("".join(texts), "bold")]
        for name in names:
            yield [(name.ljust(first), ""), *(_cell(c, name, w) for c, w in together)]
        yield []
        begin = end


def _cell(column: Column, name: str, width: int) -> tuple[str, str]:
    verdict = column.verdict(name)
    some = any(answer.verdict != verdict for answer in column.answers[name])
    return f"{verdict}{'*' * some}".ljust(width), _STYLES[verdict]


def _notes(column: Column, width: int) -> Iterator[Line]:
    """What is not right of one library: what it returned, and what it said."""
    right = sum(column.verdict(name) == "right" for name in column.answers)
    yield [(shortened(f"{column.shown} {column.version}: {right} of {len(column.answers)} right",
                      width), "bold")]  # fmt: skip
    said: dict[str, list[str]] = {}
    for name, answers in column.answers.items():
        worst = column.verdict(name)
        if worst != "right":
            answer = next(each for each in answers if each.verdict == worst)
            said.setdefault(_said(answer), []).append(name)
    for text, names in said.items():
        yield from _wrapped(f"  {'; '.join(names)}: {text}", width)
    yield []


def _said(answer: Answer) -> str:
    if answer.verdict == "differs":
        return f"{answer.call} {answer.said}"
    return f"{answer.verdict}: {shortened(answer.said, _MOST)}"


def _wrapped(text: str, width: int, style: str = "") -> Iterator[Line]:
    for line in textwrap.wrap(text, width, subsequent_indent="    ", break_on_hyphens=False):
        yield [(line, style)]
