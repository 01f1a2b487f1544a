"""A comparison or a choice as HTML for a notebook: tables without scripts or outside files."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from einbench.record import WRONG
from einbench.report.choice import explained_choice
from einbench.report.grid import (
    Batch,
    Block,
    Cell,
    batch_text,
    blocks,
    spread_text,
    timed_beside,
)
from einbench.report.notes import Note, legend, notes, wrong
from einbench.report.provenance import cost_text, machine_text
from einbench.report.summary import all_batches, row_names, win

if TYPE_CHECKING:
    from einbench.choose.decision import Decision
    from einbench.record import Record
    from einbench.report.compared import Compared

# colours that can be read on white and on black; all else is the page's own
_GREEN, _RED, _AMBER = "#1a9850", "#d73027", "#b8860b"
_TABLE = "border-collapse:collapse;margin:.4em 0;font-variant-numeric:tabular-nums"
_CELL = "text-align:right;padding:.25em .9em;border-top:1px solid #8886;vertical-align:top"
_LEFT = _CELL.replace("right", "left", 1)
_SMALL = "font-size:85%;opacity:.7"
#: of the fastest kernel's bar; that of one twice as slow is half as long
_BAR_EM = 5.0


def as_html(comparison: Compared) -> str:
    """The whole report as one ``<div>``; a cell's tooltip tells its interval and its samples."""
    grouped = blocks(comparison.records)
    parts = [_block(block) for block in grouped]
    parts.append(_summary(grouped) if grouped else "<p>No cell was measured.</p>")
    parts.extend(_note(note) for note in wrong(grouped))
    cost = cost_text(comparison.wall_s, comparison.settings, comparison.interrupted)
    parts.append(f"<p>{escape(machine_text(comparison.machine))}<br>{escape(cost)}</p>")
    if grouped:
        parts.append(_legend(grouped))
    return "<div>\n" + "\n".join(parts) + "\n</div>"


def choice_html(decision: Decision, records: Sequence[Record]) -> str:
    """A choice as one ``<div>``: why that kernel, every candidate, and which were left out."""
    found = explained_choice(decision, records)
    sentences = "<br>".join(map(escape, [found.setting, *found.origin]))
    parts = [
        f"<strong>{escape(found.verdict)}</strong>",
        f'<div style="{_SMALL}">{sentences}</div>',
    ]
    rows = []
    times = {record.kernel: record.median_s or record.predicted_s for record in records}
    shown = {candidate[1] for candidate in found.candidates}
    best = min((s for kernel, s in times.items() if s and kernel in shown), default=None)
    for mark, kernel, *numbers in found.candidates:
        name = f'<span style="color:{_GREEN}">{escape(mark)}</span> {escape(kernel)}'
        told = [*numbers, *([found.beside.get(kernel, "")] if found.beside else [])]
        cells = "".join(f'<td style="{_CELL}">{escape(text)}</td>' for text in told)
        own = times.get(kernel)
        bar = _bar(best / own if best and own else None)
        rows.append(f'<td style="{_LEFT}">{name}</td>{cells}<td style="{_LEFT}">{bar}</td>')
    if rows:
        body = "".join(f"<tr>{row}</tr>\n" for row in rows)
        parts.append(f'<table style="{_TABLE}"><tbody>{body}</tbody></table>')
    parts += [
        f'<div style="{_SMALL}">left out: {escape(kernel)}: {escape(why)}</div>'
        for kernel, why in found.left_out
    ]
    return "<div>\n" + "\n".join(parts) + "\n</div>"


def _block(block: Block) -> str:
    title = f"<strong>{escape(block.operation)}</strong> <code>{escape(block.formula)}</code>"
    setting = f'<div style="{_SMALL}">{escape(block.setting)}</div>'
    rows = [
        _th(kernel) + "".join(_record(block, kernel, batch) for batch in block.batches)
        for kernel in block.kernels
    ]
    table = _table(["kernel", *map(batch_text, block.batches)], rows)
    return f'<div style="margin-top:1.2em">{title}{setting}</div>\n{table}\n' + "\n".join(
        map(_note, notes(block))
    )


def _record(block: Block, kernel: str, batch: Batch) -> str:
    cell = block.cell(kernel, batch)
    record = block.records.get((kernel, batch))
    hint = escape(spread_text(record)) if record is not None else ""
    shown = _cell(cell, block.baseline) + _bar(_part(block, record, batch))
    return f'<td style="{_CELL}" title="{hint}">{shown}</td>'


def _part(block: Block, record: Record | None, batch: Batch) -> float | None:
    """The best time of the batch over the kernel's own."""
    times = [
        s
        for kernel in block.kernels
        if (s := _time(block.records.get((kernel, batch)))) is not None
    ]
    own = _time(record)
    return None if own is None else min(times) / own


def _time(record: Record | None) -> float | None:
    return record.median_s or None if record is not None and record.status == "ok" else None


def _bar(part: float | None) -> str:
    """How fast it is beside the fastest, as a length; nothing where there is no time."""
    if part is None:
        return ""
    length = f"width:{max(_BAR_EM * part, 0.1):.2f}em"
    return f'<div style="height:.35em;margin:.15em 0 0 auto;background:{_GREEN};{length}"></div>'


def _cell(cell: Cell, baseline: str) -> str:
    if cell.word:
        wrong_here = cell.status in WRONG
        style = f"background:{_RED};color:#fff;padding:0 .4em" if wrong_here else _SMALL
        return f'<span style="{style}">{escape(cell.word)}</span>'
    doubts = f'<span style="color:{_AMBER}">{escape(cell.doubts)}</span>'
    time = f"{escape(cell.mark)} {escape(cell.time)}".strip()
    if cell.mark:
        weight = "bold" if cell.mark == "*" else "normal"
        time = f'<span style="color:{_GREEN};font-weight:{weight}">{time}</span>'
    speedup = "" if cell.speedup == "-" else f"{escape(cell.speedup)} {escape(baseline)}"
    rate = "" if cell.rate == "-" else f"{cell.rate} GF/s, "
    best = "" if cell.best == "-" else f"{cell.best} best, "
    beside = f"BLAS {cell.blas}, pause {cell.pause}, " if timed_beside([cell]) else ""
    numbers = f"{beside}{rate}{best}err {cell.error}"
    small = f"{_SMALL};white-space:nowrap"
    return f'{time}{doubts}<br>{speedup}<div style="{small}">{escape(numbers)}</div>'


def _summary(grouped: Sequence[Block]) -> str:
    batches = all_batches(grouped)
    rows = []
    for name, block in zip(row_names(grouped), grouped, strict=True):
        cells = []
        for batch in batches:
            found = win(block, batch)
            text = "-"
            if found is not None:
                text = f"<strong>{escape(found.kernel)}</strong> {escape(found.speedup)}"
                text += "".join(f"<br>= {escape(other)}" for other in found.ties)
            cells.append(f'<td style="{_CELL}">{text}</td>')
        rows.append(_th(name) + "".join(cells))
    return "<p><strong>Summary</strong></p>\n" + _table(
        ["operation", *map(batch_text, batches)], rows
    )


def _table(headings: Sequence[str], rows: Sequence[str]) -> str:
    first, *others = headings
    head = f'<th style="{_LEFT}">{escape(first)}</th>'
    head += "".join(f'<th style="{_CELL}">{escape(text)}</th>' for text in others)
    body = "".join(f"<tr>{row}</tr>\n" for row in rows)
    return f'<table style="{_TABLE}"><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>'


def _th(text: str) -> str:
    return f'<th style="{_LEFT}">{escape(text)}</th>'


def _note(note: Note) -> str:
    style = f"color:{_RED};font-weight:bold" if note.alarming else _SMALL
    return f'<div style="{style}">{escape(note.text)}</div>'


def _legend(grouped: Sequence[Block]) -> str:
    lines = "<br>".join(
        f"<strong>{escape(m)}</strong> {escape(text)}" for m, text in legend(grouped)
    )
    return f'<div style="{_SMALL}">{lines}</div>'
