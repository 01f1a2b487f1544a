"""``einbench wisdom show`` as a document, and as lines for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from einbench.choose.shown import Kept, Shown
    from einbench.choose.signature import Signature

SCHEMA = "einbench.choices/1"


def shown_document(found: Shown) -> dict[str, Any]:
    """Every choice with what has changed since: nothing has where it is an answer."""
    from einbench.host.machine import machine

    return {
        "schema": SCHEMA,
        "machine": machine(),
        "folder": found.folder,
        "size_bytes": found.size_bytes,
        "choices": [_row(kept) for kept in found.kept],
        "not_registered": found.foreign,
    }


def print_choices(found: Shown, out: Console) -> None:
    """The folder, the winners over ranges of batches, and how many choices are only hints."""
    from einbench.report.choice import plain_text
    from einbench.report.ranges import range_lines
    from einbench.report.terminal import print_line, print_paragraph
    from einbench.units import bytes_text

    answers = [kept for kept in found.kept if not kept.changed]
    out.print(f"{found.folder}", style="bold", markup=False, soft_wrap=True)
    text = f"{len(answers):,} answer{'s' * (len(answers) != 1)}, {bytes_text(found.size_bytes)}"
    print_paragraph(
        out, text if found.kept else "nothing is remembered; einbench tune fills it", "dim"
    )
    for setting, group in groupby(_in_order(answers), key=_setting):
        out.print()
        print_paragraph(out, plain_text(setting), "dim")
        for line in range_lines(_rows(list(group)), out.width):
            print_line(out, line)
    notes = [*_hints(found), *(
        f"{name}: {count:,} choices, and no such operation is registered here"
        for name, count in found.foreign.items()
    )]  # fmt: skip
    if notes:
        out.print()
    for note in notes:
        print_paragraph(out, plain_text(note), "yellow")


def _row(kept: Kept) -> dict[str, Any]:
    choice, signature = kept.choice, kept.choice.signature
    return {
        "operation": kept.operation,
        "sizes": dict(signature.sizes),
        "options": dict(signature.options),
        "dtype": signature.dtype,
        "layout": signature.layout,
        "threads": signature.threads._asdict(),
        "context": signature.context,
        "rigor": choice.rigor,
        "date": choice.date,
        "kernel": choice.kernel,
        "on_threads": choice.threads or None,
        "tie": list(choice.tie),
        "median_s": choice.times[choice.kernel].median_s,
        "changed": list(kept.changed),
    }


def _in_order(answers: list[Kept]) -> list[Kept]:
    """Settings together, those of most choices first; within them as they were."""
    count = Counter(map(_setting, answers))
    return sorted(answers, key=lambda kept: (-count[_setting(kept)], _setting(kept)))


def _setting(kept: Kept) -> str:
    """``float32 · C order · 2 threads``."""
    from einbench.report.grid import setting_text

    signature = kept.choice.signature
    blas, numba = signature.threads
    layout = "C" if set(signature.layout) == {"C"} else f"layout {signature.layout}"
    text = setting_text(None, None, signature.dtype, layout, blas, signature.context)
    return text if blas == numba else f"{text} of BLAS, {numba} of numba"


def _rows(group: list[Kept]) -> list[tuple[str, str]]:
    """One for each operation, other sizes than batch, and options."""
    from einbench.choose.shown import operation_of
    from einbench.report.ranges import Won, ranges_text

    rows: list[tuple[str, str]] = []
    together: dict[tuple[str, str], list[Won]] = {}
    for kept in group:
        signature, choice = kept.choice.signature, kept.choice
        op = operation_of(kept.operation)
        leading = "" if op is None else op.leading or ""
        batch = dict(signature.sizes).get(leading)
        won = Won(batch, choice.kernel, choice.tie, choice.threads)
        together.setdefault((kept.operation, _unusual(kept.operation, signature)), []).append(won)
    for (name, unusual), choices in together.items():
        in_order = sorted(choices, key=lambda won: won.batch or 0)
        rows.append((f"{name}{unusual}", ranges_text(in_order)))
    return rows


def _unusual(name: str, signature: Signature) -> str:
    """Sizes and options that are not the operation's own: `` classes 100, reduction sum``."""
    from einbench.choose.shown import operation_of

    op = operation_of(name)
    if op is None:
        return ""
    parts = [
        f"{axis} {size:,}"
        for axis, size in signature.sizes
        if axis != op.leading and op.sizes.get(axis) != size
    ]
    usual = op.choose_options({})
    parts += [
        f"{option} {value}" for option, value in signature.options if usual.get(option) != value
    ]
    parts += [signature.integers] if signature.integers.replace("int64", "").strip() else []
    return f" {', '.join(parts)}" if parts else ""


def _hints(found: Shown) -> Iterator[str]:
    from einbench.report.origin import component_text

    hints = [kept for kept in found.kept if kept.changed]
    if not hints:
        return
    count = Counter(name for kept in hints for name in kept.changed)
    changed = ", ".join(f"{component_text(name)} ({n:,})" for name, n in count.most_common())
    more = " more" if len(hints) < len(found.kept) else ""
    are = "is only a hint" if len(hints) == 1 else "are only hints"
    yield f"{len(hints):,}{more} {are}, for something has changed since: {changed}"
