"""``einbench fastest --from``: the winners that saved results name, and nothing is timed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from einbench.cli.described import description, is_description, of_description
from einbench.cli.saved import read_saved
from einbench.cli.streams import console
from einbench.cli.target import Target
from einbench.names import is_expression, normalise, unknown
from einbench.records.choice import Cell, cells
from einbench.records.columns import Row
from einbench.records.kin import of_rows

SCHEMA = "einbench.winners/1"
_SHARED = (
    "operation", "batch", "dtype", "layout", "threads", "sizes", "options", "machine",
    "machine_fingerprint", "cpu", "commit", "commit_date", "environment", "harness", "file",
)  # fmt: skip


def answer(
    sources: Sequence[str],
    operations: Sequence[str],
    batches: Sequence[int],
    dtypes: Sequence[str],
    machine: str | None,
    commit: str | None,
    json_path: str | None,
    verbose: bool = False,
) -> int:
    """Print the winner of each cell, machine by machine; 1 where no kernel won any."""
    from einbench.report.terminal import print_line
    from einbench.report.winners import winner_lines

    target = Target.of(json_path)
    reading = read_saved(sources, verbose)
    source, kin = ", ".join(sources), None
    rows = reading.rows
    if machine is not None and is_description(machine):
        measured = of_rows(rows, reading.machines)
        if not measured:
            raise ValueError(f"--machine {machine}: no machine in {source} states what it is")
        kin, machine = of_description(description(machine), measured), None
        rows = [r for r in rows if r["machine_fingerprint"] == kin.facts["fingerprint"]]
    rows = _narrowed(rows, source, operations, batches, dtypes, machine, commit)
    found = cells(rows)
    document = {
        "schema": SCHEMA,
        "machine": reading.machines or None,
        **({"kin_of": dict(kin.asked), "regret": kin.regret} if kin and kin.asked else {}),
        "winners": [_plain(cell) for cell in found],
    }
    out = console(target.tables)
    try:
        target.write(document)
    finally:
        # printed even where the disk turned out to be full
        for line in kin.lines(out.width) if kin else ():
            print_line(out, line)
        for line in winner_lines(found, out.width):
            print_line(out, line)
    return 0 if any(cell.winner for cell in found) else 1


def _narrowed(
    rows: list[Row],
    source: str,
    operations: Sequence[str],
    batches: Sequence[int],
    dtypes: Sequence[str],
    machine: str | None,
    commit: str | None,
) -> list[Row]:
    """Rows that are requested; an unknown value raises, with the known ones in the message."""
    where = f" in {source}"
    if machine is not None:
        rows = _of_machine(rows, machine, where)
    if commit is not None:
        rows = _of_commit(rows, commit, where)
    if operations:
        rows = _of_operations(rows, operations, where)
    for dtype in dtypes:
        _of(rows, "dtype", [normalise(dtype)], dtype, where)
    if dtypes:
        rows = [row for row in rows if row["dtype"] in map(normalise, dtypes)]
    for batch in batches:
        # an operation without batches has one size, whatever is requested
        if not any(row["batch"] in (batch, None) for row in rows):
            known = sorted({row["batch"] for row in rows})
            raise ValueError(f"no batch {batch}{where}; known: {', '.join(f'{n}' for n in known)}")
    if batches:
        rows = [row for row in rows if row["batch"] is None or row["batch"] in batches]
    return rows


def _of_operations(rows: list[Row], operations: Sequence[str], where: str) -> list[Row]:
    """Rows of these operations; those of an expression whatever its letters."""
    forms = {name: _forms(name) for name in _known(rows, ["operation"])}
    wanted = set()
    for given in operations:
        asked = _forms(normalise(given))
        found = {name for name, each in forms.items() if each & asked}
        _of(rows, "operation", list(found), given, where)
        wanted |= found
    return [row for row in rows if row["operation"] in wanted]


def _forms(name: str) -> set[str]:
    """The name, and of an expression the canonical form."""
    if not is_expression(name):
        return {name}
    # loaded only where there is an expression
    from einbench.choose.contraction import book_of

    return {name, book_of(name)}


def _of(rows: list[Row], column: str, wanted: list[str], given: str, where: str) -> list[Row]:
    kept = [row for row in rows if row[column] in wanted]
    if not kept:
        raise ValueError(unknown(column, given, _known(rows, [column]), where))
    return kept


def _of_machine(rows: list[Row], given: str, where: str) -> list[Row]:
    columns = ("machine", "machine_fingerprint", "cpu")
    name = given.strip().casefold()
    kept = [row for row in rows if name in [str(row[c]).casefold() for c in columns if row[c]]]
    if not kept:
        raise ValueError(unknown("machine", given, _known(rows, columns), where))
    return kept


def _of_commit(rows: list[Row], given: str, where: str) -> list[Row]:
    start = given.strip().lower()
    kept = [row for row in rows if start and (row["commit"] or "").lower().startswith(start)]
    if not kept:
        known = [name[:8] for name in _known(rows, ["commit"])] or ["none"]
        raise ValueError(f"no commit {given!r}{where}; known: {', '.join(known)}")
    if len(named := {row["commit"].removesuffix("-dirty") for row in kept}) > 1:
        raise ValueError(f"commit {given!r} may be any of {', '.join(sorted(named))}")
    return kept


def _known(rows: Iterable[Row], columns: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(row[c] for row in rows for c in columns if row[c]))


def _plain(cell: Cell) -> dict[str, Any]:
    winner, following = cell.winner, cell.runner_up
    return {
        **{name: cell.facts[name] for name in _SHARED},
        "kernel": winner["kernel"] if winner else None,
        "median_s": winner["median_s"] if winner else None,
        "baseline": cell.baseline or None,
        "speedup": cell.speedup,
        "speedup_predicted": cell.speedup_predicted,
        "ties": list(cell.ties),
        "runner_up": following["kernel"] if following else None,
        "runner_up_s": following["median_s"] if following else None,
        "unchecked": list(cell.unchecked),
    }
