"""``einbench dialects``: where the einsum libraries that are installed differ, measured anew."""

from __future__ import annotations

import click

from einbench.cli.parameters import json_option, separate
from einbench.cli.progress import bar
from einbench.cli.streams import console
from einbench.cli.target import Target
from einbench.libraries.contestants import CONTESTANTS, check_contestants
from einbench.libraries.einsum_runtimes import OWN


@click.command(
    epilog="\b\nExamples:\n"
    "  einbench dialects\n"
    "  einbench dialects --with torch,cotengra\n"
    "  einbench dialects --json - | jq '.libraries[].behaviours.bool.verdict'"
)
@click.option(
    "--with", "libraries", multiple=True, callback=separate, metavar="LIBRARY",
    help=f"Beside NumPy and einbench.einsum these alone, by default all of "
    f"{', '.join(CONTESTANTS)}; several with commas.",
)  # fmt: skip
@json_option("every call, with all that it returned,")
def dialects(libraries: tuple[str, ...], json_path: str | None) -> int:
    """Ask the installed einsum libraries what they accept and what they return.

    Lines are behaviours: broadcast axes, integers that overflow, out=, views and more. Columns are
    NumPy without and with its optimised path, einbench.einsum, and each library, in a process of
    its own: one that dies costs that cell. Nothing is timed.
    """
    from einbench.dialects.asking import SCHEMA, ask
    from einbench.dialects.table import lines
    from einbench.report.terminal import print_line

    asked = (*OWN, *(check_contestants(libraries) or CONTESTANTS))
    target = Target.of(json_path)
    with bar() as progress:
        columns = ask(asked, progress=progress)
    out = console(target.tables)
    for line in lines(columns, out.width):
        print_line(out, line)
    target.write({"schema": SCHEMA, "libraries": [column.to_json() for column in columns]})
    return 0
