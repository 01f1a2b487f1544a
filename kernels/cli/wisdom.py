"""``einbench wisdom``: what is remembered, to be shown, exported, imported or forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from einbench.cli.expressions import operations_named
from einbench.cli.outcome import WRONG_USE, OneLine, complain
from einbench.cli.parameters import json_option, plugins_option
from einbench.cli.streams import console
from einbench.cli.target import Target, refuse_unwritable
from einbench.cli.warned import in_one_line
from einbench.moment import now

if TYPE_CHECKING:
    from einbench.choose.exchange import Imported


@click.group(
    cls=OneLine,
    invoke_without_command=True,
    epilog="\b\nExamples:\n"
    "  einbench wisdom show softmax\n"
    "  einbench wisdom export wisdom.json\n"
    "  einbench wisdom import wisdom.json\n"
    "  einbench wisdom forget softmax",
)
@click.pass_context
def wisdom(context: click.Context) -> None:
    """Show, export, import or forget the choices that are remembered.

    They lie in one folder, a JSON file an operation or expression; EINBENCH_WISDOM names another
    folder, or is off: then choices end with the process, and einsum makes none.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@wisdom.command(
    short_help="Show what is remembered.",
    epilog="\b\nExamples:\n  einbench wisdom show\n  einbench wisdom show relu --json -",
)
@operations_named("show")
@json_option("every choice")
@plugins_option
def show(operations: tuple[str, ...], json_path: str | None) -> int:
    """Show which kernel is remembered for which sizes, and what is only a hint.

    A choice made under another version, on another processor or from other code is a hint: it
    is kept, and not used.
    """
    from einbench.choose.shown import shown
    from einbench.choose.wisdom import wisdom as remembered
    from einbench.cli.wisdom_shown import print_choices, shown_document

    memory = remembered()
    target = Target.of(json_path)
    with in_one_line():
        found = shown(memory, operations)
    if target.path or target.stdout:
        target.write(shown_document(found))
    print_choices(found, console(target.tables))
    return 0


@wisdom.command(
    "export",
    short_help="Write it all to one file.",
    epilog="\b\nExamples:\n  einbench wisdom export wisdom.json",
)
@click.argument("file")
@plugins_option
def export_(file: str) -> int:
    """Write everything that is remembered to one JSON file; - is stdout."""
    from einbench.choose.exchange import exported
    from einbench.choose.wisdom import wisdom as remembered
    from einbench.host.machine import machine

    memory = remembered()
    if file != "-":
        refuse_unwritable(Path(file), "einbench wisdom export")
    path = None if file == "-" else Path(file)
    target = Target(path, stdout=path is None, option="einbench wisdom export PATH")
    with in_one_line():
        document = exported(memory, machine(), now())
    if not document["operations"]:
        raise ValueError(f"nothing is remembered in {memory.folder}; einbench tune fills it")
    target.write(document)
    choices = sum(len(each["choices"]) for each in document["operations"].values())
    where = "stdout" if target.stdout else file
    text = f"{_counted(choices, 'choice')} of {_counted(len(document['operations']), 'operation')}"
    click.echo(f"{text} written to {where}", file=target.tables)
    return 0


@wisdom.command(
    "import",
    short_help="Take in such a file.",
    epilog="\b\nExamples:\n  einbench wisdom import wisdom.json",
)
@click.argument("file")
@plugins_option
def import_(file: str) -> int:
    """Import what einbench wisdom export wrote, or one file of a wisdom folder.

    Choices of this machine stay as they are. A kernel that was chosen on another is checked here
    before it is first called, and only kernels that are registered here can be.
    """
    from einbench.choose.book_on_disk import NewerSchema
    from einbench.choose.exchange import import_choices, read_export
    from einbench.choose.wisdom import wisdom as remembered
    from einbench.host.documents import Unreadable
    from einbench.report.terminal import print_paragraph

    try:
        export = read_export(file)
    except NewerSchema as problem:
        raise ValueError(f"{file}: {problem}; update this one; nothing was imported") from None
    except Unreadable as problem:
        raise ValueError(
            f"{file}: {problem}; expected what einbench wisdom export writes; nothing was imported"
        ) from None
    with in_one_line():
        imported = import_choices(remembered(), export, now())
    out = console()
    print_paragraph(out, _imported_text(imported), "bold green" if imported.names else "bold")
    for why, count in imported.left.items():
        print_paragraph(out, f"left out: {count} {why}", "dim")
    if imported.names:
        print_paragraph(out, "Each kernel is checked here before it is first called.", "dim")
    return 0


@wisdom.command(
    short_help="Forget choices.",
    epilog="\b\nExamples:\n  einbench wisdom forget relu\n  einbench wisdom forget",
)
@operations_named("forget")
@plugins_option
def forget(operations: tuple[str, ...]) -> int:
    """Forget the choices for these operations, by default all.

    Files that a newer einbench wrote, and damaged ones that were set aside, stay.
    """
    from einbench.choose.kept import why_closed
    from einbench.choose.shown import named
    from einbench.choose.wisdom import wisdom as remembered

    memory = remembered()
    closed: list[str] = []
    forgotten: dict[str, int] = {}
    with in_one_line():
        for name in named(memory, operations):
            if why := why_closed(memory, name):
                closed.append(f"{memory.path(name)}: {why}")
            else:
                forgotten[name] = memory.forget(name)
    for name, count in forgotten.items():
        if operations:
            click.echo(f"{name}: {_counted(count, 'choice')} forgotten")
    if not operations:
        names, total = sum(map(bool, forgotten.values())), sum(forgotten.values())
        text = f"{_counted(total, 'choice')} of {_counted(names, 'operation')} forgotten"
        click.echo(f"{text if total else 'nothing was remembered'}, in {memory.folder}")
    for line in closed:
        complain(line)
    return WRONG_USE if closed else 0


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def _imported_text(imported: Imported) -> str:
    total = imported.answers + imported.hints
    if not total:
        return "no choice was imported"
    text = f"{_counted(total, 'choice')} of {_counted(len(imported.names), 'operation')} imported: "
    text += f"{_counted(imported.answers, 'answer')} here"
    if imported.hints:
        text += f", {_counted(imported.hints, 'hint')} ({_differing(imported.differing)})"
    return text


def _differing(differing: Mapping[str, int]) -> str:
    from einbench.report.grid import listed
    from einbench.report.origin import component_text

    names = [component_text(name) for name in differing]
    return f"{listed(names)} {'differ' if len(names) > 1 else 'differs'}"
