"""Winners that saved results name, as tables: one for each machine, operation and size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from einbench.record import WRONG
from einbench.records.choice import Cell, machine_of, run_of, setting_of
from einbench.records.columns import Row
from einbench.report.columns import Line
from einbench.report.grid import Batch, batches_text, setting_text
from einbench.report.terminal import wrapped_lines
from einbench.units import ratio_text, seconds_text

#: what `run_of` tells runs apart by
Run = tuple[Any, ...]

_GAP = "  "
#: columns of names: the winner, the next best, the run
_NAMES = (1, 4, 6)


def winner_lines(cells: Sequence[Cell], width: int) -> Iterator[Line]:
    """Everything there is to read: machines, tables, sources, and kernels that are wrong."""
    for number, (_, group) in enumerate(groupby(_by_machine(cells), _machine)):
        if number:
            yield []
        yield from _machine_lines(list(group), width)


def facts_text(row: Mapping[str, Any]) -> str:
    """``A Processor, openblas 0.3.30, NumPy 2.4.6, numba 0.68.1, Python 3.11.7``."""
    parts = [str(row["machine"] or "unknown machine")]
    if row["cpu"] != row["machine"]:
        parts.append(str(row["cpu"] or "unknown processor"))
    if row["blas"]:
        parts.append(str(row["blas"]))
    named = (("numpy", "NumPy"), ("numba", "numba"), ("python", "Python"))
    parts += [f"{name} {row[key]}" for key, name in named if row[key]]
    return ", ".join(parts)


def run_text(row: Mapping[str, Any]) -> str:
    """``commit 1a2b3c4d of 2026-11-22, asv: results/asv/reference/1a2b3c4d-env.json``."""
    date = str(row["commit_date"] or row["date"] or "")[:10]
    commit = str(row["commit"] or "")
    dirty = "-dirty" if commit.endswith("-dirty") else ""
    parts = [f"commit {commit.removesuffix('-dirty')[:8]}{dirty}"] if commit else []
    origin = " of ".join([*parts, date] if date else parts) or "no date"
    return f"{origin}, {row['harness']}: {row['file']}"


def _machine(cell: Cell) -> tuple[Any, ...]:
    return machine_of(cell.facts)


def _by_machine(cells: Sequence[Cell]) -> list[Cell]:
    places = {_machine(cell): number for number, cell in reversed([*enumerate(cells)])}
    return sorted(cells, key=lambda cell: places[_machine(cell)])


def _machine_lines(cells: Sequence[Cell], width: int) -> Iterator[Line]:
    yield from wrapped_lines(facts_text(cells[0].facts), width, "bold")
    runs = {run: n for n, run in enumerate(dict.fromkeys(run_of(c.facts) for c in cells), 1)}
    for _, group in groupby(cells, lambda cell: setting_of(cell.facts)):
        table = list(group)
        first = table[0].facts
        yield []
        yield from _title(str(first["operation"]), _setting(first), width)
        yield from _table(table, runs, width)
    yield []
    facts = {run_of(cell.facts): cell.facts for cell in cells}
    for run, number in runs.items():
        mark = f"[{number}] " if len(runs) > 1 else ""
        yield from wrapped_lines(f"{mark}{run_text(facts[run])}", width, "dim")
    yield from _remarks(cells, width)


def _setting(row: Row) -> str:
    return setting_text(*(row[name] for name in ("sizes", "options", "dtype", "layout", "threads")))


def _title(operation: str, setting: str, width: int) -> Iterator[Line]:
    if len(operation) + len(_GAP) + len(setting) <= width:
        yield [(operation, "bold cyan"), (f"{_GAP}{setting}", "dim")]
    else:
        yield from wrapped_lines(operation, width, "bold cyan")
        yield from wrapped_lines(setting, width, "dim")


def _table(cells: Sequence[Cell], runs: Mapping[Run, int], width: int) -> Iterator[Line]:
    base = next((cell.baseline for cell in cells if cell.baseline), "baseline")
    heading: tuple[str, ...] = ("batch", "winner", "time", f"vs {base}", "next best", "takes", "")
    rows = [_fields(cell, runs) for cell in cells]
    widths = [max(len(row[i]) for row in (heading, *rows)) for i in range(len(heading))]
    folded = _span(widths) > width  # the next best then goes below the winner
    if folded:
        widths[4:6] = 0, 0
    if _span(widths) > width:  # no table fits: sentences
        for cell, row in zip(cells, rows, strict=True):
            text = f"batch {row[0]}: {row[1]}, {row[2]}, {row[3]} {heading[3]} {row[6]}"
            yield from wrapped_lines(text.rstrip(), width, _style(cell))
            yield from _beside(cell, row, "  ", width, following=True)
        return
    yield [(_joined(heading, widths), "dim")]
    yield [("─" * _span(widths), "dim")]
    indent = " " * (widths[0] + len(_GAP))
    for cell, row in zip(cells, rows, strict=True):
        yield [(_joined(row, widths), _style(cell))]
        yield from _beside(cell, row, indent, width, following=folded)


def _beside(
    cell: Cell, row: Sequence[str], indent: str, width: int, *, following: bool
) -> Iterator[Line]:
    """Under a winner: its ties, and the next best where the table is too narrow for it."""
    for name in cell.ties:
        yield from wrapped_lines(f"{indent}= {name}", width, "green")
    if following and cell.runner_up:
        yield from wrapped_lines(f"{indent}next {row[4]}, takes {row[5]}", width, "dim")


def _style(cell: Cell) -> str:
    return "bold green" if cell.winner else "bold red"


def _span(widths: Sequence[int]) -> int:
    shown = [n for n in widths if n]
    return sum(shown) + len(_GAP) * (len(shown) - 1)


def _joined(fields: Sequence[str], widths: Sequence[int]) -> str:
    """Names to the left, numbers to the right; a field of width 0 takes no space."""
    shown = [
        field.ljust(n) if i in _NAMES else field.rjust(n)
        for i, (field, n) in enumerate(zip(fields, widths, strict=True))
        if n
    ]
    return _GAP.join(shown).rstrip()


def _fields(cell: Cell, runs: Mapping[Run, int]) -> tuple[str, ...]:
    batch = cell.facts["batch"]
    first = "-" if batch is None else f"{batch:,}"
    run = f"[{runs[run_of(cell.facts)]}]" if len(runs) > 1 else ""
    if cell.winner is None:
        statuses = sorted({str(row["status"]) for row in cell.rows})
        return first, f"none: {' or '.join(statuses)}", "", "", "", "", run
    won_s = cell.winner["median_s"]
    following = cell.runner_up
    return (
        first,
        cell.winner["kernel"],
        seconds_text(won_s),
        "-" if cell.speedup is None else "~" * cell.speedup_predicted + ratio_text(cell.speedup),
        following["kernel"] if following else "-",
        _times(following["median_s"] / won_s) if following else "",
        run,
    )


def _times(ratio: float) -> str:
    """Two decimals where the ratio is close to one."""
    return f"{ratio:.2f}x" if ratio < 10 else ratio_text(ratio)


def _remarks(cells: Sequence[Cell], width: int) -> Iterator[Line]:
    """Kernels that are wrong or ranked without a check, each reason once."""
    wrong: dict[tuple[str, str], list[Batch]] = {}
    for cell in cells:
        for row in cell.rows:
            if row["status"] in WRONG:
                name = f"{row['status'].upper()} {row['operation']}[{row['kernel']}]"
                batches = wrong.setdefault((name, str(row["reason"] or "no reason given")), [])
                if row["batch"] not in batches:
                    batches.append(row["batch"])
    for (name, reason), batches in wrong.items():
        text = f"{name} at {batches_text(batches)}: {reason}"
        yield from wrapped_lines(text, width, "bold white on red")
    unchecked = dict.fromkeys(
        f"{cell.facts['operation']}[{name}]" for cell in cells for name in cell.unchecked
    )
    if unchecked:
        text = f"ranked, though the file has no error to say they are right: {', '.join(unchecked)}"
        yield from wrapped_lines(text, width, "bold yellow")
