"""``--scheduler``: what compare and tune do on the machines of a Dask cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from einbench.cli.outcome import INTERRUPTED, REJECTED, WRONG_USE
from einbench.cli.progress import bar
from einbench.cli.streams import console
from einbench.cli.target import Target
from einbench.cli.warned import in_one_line
from einbench.moment import now
from einbench.record import WRONG

if TYPE_CHECKING:
    from einbench.operation import Operation
    from einbench.problem import Problem
    from einbench.verbs.fleet import OnMachine

TUNED = "einbench.tunes/1"


def tune_machines(
    address: str, problems: Sequence[Problem], settings: dict[str, Any], target: Target
) -> int:
    """Tune on every distinct machine, print what each found, and say where it is kept."""
    from einbench.choose.machines import folder
    from einbench.choose.wisdom import wisdom
    from einbench.report.machines import tuned_lines
    from einbench.report.terminal import print_line
    from einbench.verbs.fleet import tune_fleet

    names = list(dict.fromkeys(each.operation.name for each in problems))
    with in_one_line(), bar() as progress:
        found = tune_fleet(address, names, settings, progress)
    out = console(target.tables)
    try:
        target.write({
            "schema": TUNED,
            "date": now(),
            "settings": {"operations": names, **settings},
            "machines": [
                {"machine": dict(each.machine), "cells": each.found, "reasons": each.reasons}
                for each in found
            ],
        })  # fmt: skip
    finally:
        for line in tuned_lines(found, out.width):
            print_line(out, line)
        out.print(f"wisdom of other machines: {folder(wisdom())}", style="dim", soft_wrap=True)
    return _status(found, any(cell["kernel"] is None for each in found for cell in each.found))


def compare_machines(
    address: str, ops: Sequence[Operation], settings: dict[str, Any], target: Target
) -> int:
    """Compare on every distinct machine: a table each, and all records in one file."""
    from einbench.report.machines import head_lines, reason_lines
    from einbench.report.terminal import print_line
    from einbench.verbs.comparison import of_document
    from einbench.verbs.fleet import compare_fleet, comparisons

    with in_one_line(), bar() as progress:
        found = compare_fleet(address, [op.name for op in ops], settings, progress)
    documents = [document for each in found for document in each.found]
    interrupted = any(document["interrupted"] for document in documents)
    out = console(target.tables)
    try:
        if documents:
            target = target.write(comparisons(found))
    finally:
        for each in found:
            for line in (*head_lines(each, out.width), *reason_lines(each, out.width)):
                print_line(out, line)
            for document in each.found:
                _show(of_document(document), target)
            out.print()
    if not documents:
        if any(each.reasons for each in found):
            return WRONG_USE
        text = "interrupted before the first operation was measured; no file was written"
        click.echo(f"einbench: {text}", err=True)
        return INTERRUPTED
    kept = "stdout" if target.stdout else target.path
    out.print(f"all numbers: {kept}", markup=False, soft_wrap=True)
    if interrupted:
        click.echo("einbench: interrupted; what was finished is kept", err=True)
        return INTERRUPTED
    wrong = any(r["status"] in WRONG for document in documents for r in document["records"])
    return _status(found, wrong)


def _status(found: Sequence[OnMachine], wrong: bool) -> int:
    if any(each.reasons for each in found):
        return WRONG_USE
    return REJECTED if wrong else 0


def _show(comparison: Any, target: Target) -> None:
    from einbench.report.terminal import show

    show(comparison, console(target.tables))
