"""What the gate found, for a terminal, for a job's summary page, and as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from einbench.report.provenance import machine_text
from einbench.units import seconds_text

if TYPE_CHECKING:
    from rich.console import Console

    from einbench.gate.estimate import Estimate
    from einbench.gate.gate import Finding, Outcome
    from einbench.gate.revision import Revision

SCHEMA = "einbench.gate/1"


@dataclass(frozen=True)
class _Section:
    """Findings of one kind: how it is headed, which they are, how it looks."""

    title: str
    statuses: tuple[str, ...]
    style: str


_SECTIONS = (
    _Section("REGRESSIONS, found twice", ("regression",), "bold red"),
    _Section("WRONG in head, whatever its speed", ("wrong",), "bold white on red"),
    _Section("COULD NOT BE MEASURED", ("missing", "failed"), "bold yellow"),
    _Section("Slower at first, not when measured again: no regression", ("unconfirmed",), ""),
    _Section("Too noisy to be distinguished from the threshold", ("unclear",), ""),
    _Section("Faster (measured once)", ("faster",), "green"),
    _Section("Not compared", ("new", "repaired", "unavailable"), "dim"),
)


def show(outcome: Outcome, console: Console) -> None:
    """Print everything there is to say, at the console's width."""
    from einbench.report.terminal import print_paragraph

    console.print()
    for section in _SECTIONS:
        found = outcome.of(*section.statuses)
        if found:
            print_paragraph(console, section.title, section.style or "bold")
            for finding in found:
                print_paragraph(console, f"  {finding_line(finding)}")
            console.print()
    rows = list(_by_operation(outcome))
    if rows:
        print_paragraph(console, "head / base by operation, all its kernels", "bold")
        _print_table(rows, console)
        console.print()
    for line in _ending(outcome):
        print_paragraph(console, line, "dim")
    print_paragraph(console, verdict(outcome), _verdict_style(outcome))


def markdown(outcome: Outcome) -> str:
    """The same for a job's summary page, in GitHub's flavour."""
    lines = [f"## einbench gate: {verdict(outcome)}", ""]
    for section in _SECTIONS:
        found = outcome.of(*section.statuses)
        if found:
            lines += [f"**{section.title}**", ""]
            lines += [f"- {_escaped(finding_line(finding))}" for finding in found]
            lines.append("")
    rows = list(_by_operation(outcome))
    if rows:
        lines.append("| " + " | ".join(_HEAD) + " |")
        lines.append("|---|" + "--:|" * (len(_HEAD) - 2) + "---|")
        lines += ["| " + " | ".join(map(_escaped, row)) + " |" for row in rows]
        lines.append("")
    lines += [f"{_escaped(line)}  " for line in _ending(outcome)]
    return "\n".join(lines) + "\n"


def document(outcome: Outcome) -> dict[str, Any]:
    """Everything as plain data for JSON."""
    return {
        "schema": SCHEMA,
        "machine": dict(outcome.machine),
        "settings": {**asdict(outcome.settings), "thresholds": asdict(outcome.thresholds)},
        "base": _side(outcome.base, outcome.versions.get("base")),
        "head": _side(outcome.head, outcome.versions.get("head")),
        "status": outcome.status,
        "strict": outcome.strict,
        "problem": outcome.problem,
        "resumed": outcome.resumed,
        "notes": list(outcome.notes),
        "cells": [_plain(finding) for finding in outcome.findings],
    }


def verdict(outcome: Outcome) -> str:
    """The last line: what the exit status says, in words."""
    if outcome.problem:
        return f"could not be measured: {outcome.problem}"
    counts = []
    for status, name in (("regression", "regression"), ("wrong", "wrong kernel")):
        if number := len(outcome.of(status)):
            counts.append(f"{number} {name}{'s' * (number != 1)}")
    missing = len(outcome.of("missing", "failed"))
    unclear = len(outcome.of("unclear"))
    cells = "1 cell was" if unclear == 1 else f"{unclear} cells were"
    noisy = f"{cells} too noisy to be distinguished from the threshold"
    if counts:
        more = f", and {missing} could not be measured" if missing else ""
        return " and ".join(counts) + more + (f"; {noisy}" if unclear else "")
    if missing:
        more = f"; {noisy}" if unclear else ""
        return (
            f"{missing} of the kernels or cells could not be measured: neither pass nor fail{more}"
        )
    if not unclear:
        return "nothing was measured: neither pass nor fail" if outcome.status else "no regression"
    if outcome.status:
        return f"no regression was found, but {noisy}: neither pass nor fail"
    return f"no regression, but {noisy}: try a quieter machine or more --launches"


def finding_line(finding: Finding) -> str:
    """One finding in one line."""
    name = finding.cell.name
    if finding.first is None:
        return f"{name}: {finding.reason}"
    first = finding.first
    said = f"{name}: {_ratio(first)}"
    if finding.second is not None:
        said += f", then {_ratio(finding.second)}"
    times = f"{seconds_text(first.base_s)} -> {seconds_text(first.head_s)}"
    return f"{said}; {times}; threshold {finding.threshold:g}"


def _ratio(found: Estimate) -> str:
    launches = f"{found.launches} launches"
    return f"{found.ratio:.2f}x [{found.low:.2f}, {found.high:.2f}] in {launches}"


_HEAD = ("operation", "batch", "cells", "median", "slowest", "which")


def _by_operation(outcome: Outcome) -> Iterator[tuple[str, ...]]:
    """A row for every operation and batch that was measured."""
    import numpy as np

    groups: dict[tuple[str, int | None], list[tuple[float, str]]] = {}
    for finding in outcome.findings:
        if finding.first is not None:
            key = finding.cell.operation, finding.cell.batch
            # a suspect is shown as it was the second time
            ratio = (finding.second or finding.first).ratio
            groups.setdefault(key, []).append((ratio, finding.cell.kernel))
    for (operation, batch), found in groups.items():
        slowest, which = max(found)
        median = float(np.median([ratio for ratio, _ in found]))
        size = "" if batch is None else f"{batch:,}"
        yield operation, size, str(len(found)), f"{median:.2f}x", f"{slowest:.2f}x", which


def _print_table(rows: Sequence[tuple[str, ...]], console: Console) -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="")
    for place, name in enumerate(_HEAD):
        words = name in ("operation", "which")
        # where the width is too small names are cut, and numbers never
        table.add_column(
            name, justify="left" if words else "right", no_wrap=True,
            min_width=None if words else max(len(name), *(len(row[place]) for row in rows)),
        )  # fmt: skip
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _ending(outcome: Outcome) -> Iterator[str]:
    """What was compared, with what, and how much of it was left out."""
    yield f"base {_named(outcome.base)}"
    yield f"head {_named(outcome.head)}"
    changed = [
        f"{name} {before or 'none'} -> {outcome.versions['head'].get(name) or 'none'}"
        for name, before in outcome.versions.get("base", {}).items()
        if before != outcome.versions["head"].get(name)
    ]
    if changed:
        yield f"not the same in both environments: {', '.join(changed)}"
    yield from outcome.notes
    if outcome.resumed:
        yield f"{outcome.resumed} launches of each were there from a run that was interrupted"
    if measured := sum(finding.first is not None for finding in outcome.findings):
        yield (
            f"{measured} cells in {outcome.settings.launches} fresh launches of each commit, up "
            f"to {outcome.settings.most_launches} where undecided; "
            f"{len(outcome.of('left_out'))} left out as too slow"
        )
    yield f"{machine_text(outcome.machine)}; BLAS on one thread"


def _named(revision: Revision) -> str:
    return f"{revision.short}, {revision.date[:10]}: {revision.subject}"


def _verdict_style(outcome: Outcome) -> str:
    return ("bold green", "bold white on red", "bold yellow")[outcome.status]


def _escaped(text: str) -> str:
    """Text as it is, in a table of Markdown."""
    for mark in "\\|<>*_`[]":
        text = text.replace(mark, "\\" + mark)
    return " ".join(text.split())


def _side(revision: Revision, versions: Mapping[str, Any] | None) -> dict[str, Any]:
    return {**asdict(revision), "versions": dict(versions or {})}


def _plain(finding: Finding) -> dict[str, Any]:
    first = asdict(finding.first) if finding.first else {}
    return {
        **asdict(finding.cell), "status": finding.status, "reason": finding.reason,
        "threshold": finding.threshold, **first,
        "second": asdict(finding.second) if finding.second else None,
    }  # fmt: skip
