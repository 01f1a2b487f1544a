"""``einbench export``: saved results of any harness as one tidy table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from einbench.cli.parameters import verbose_option
from einbench.cli.saved import read_saved
from einbench.cli.target import naming, refuse_unwritable

if TYPE_CHECKING:
    from einbench.records.read import Reading

FORMATS = ("csv", "json", "parquet")


@click.command(
    epilog="\b\nExamples:\n"
    "  einbench export\n"
    "  einbench export results/asv .benchmarks --output table.parquet\n"
    "  einbench export run.json --format json | jq '.records[].median_s'"
)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option(
    "--format", "form", metavar="csv|json|parquet",
    help="By default what the name of --output ends in, else csv.",
)  # fmt: skip
@click.option(
    "--output", metavar="FILE", help="Where to write the table, whole or not at all; else stdout."
)
@verbose_option
def export(paths: tuple[str, ...], form: str | None, output: str | None, verbose: bool) -> int:
    """Put asv results, pytest-benchmark JSON and saved comparisons into one table.

    PATHs are files, or folders with JSON anywhere below, by default results. One row is one
    kernel at one batch, dtype, commit and machine. A file that is broken or foreign is named on
    stderr and skipped, many foreign ones in one line; exit status 2 where nothing could be read.
    """
    chosen = _format(form, output)
    if chosen == "parquet":
        from einbench.records.write import pyarrow

        pyarrow()
    if output is not None:
        refuse_unwritable(Path(output), "--output")
    reading = read_saved(paths or ("results",), verbose)
    content = _content(reading, chosen)
    if output is None:
        click.echo(content, nl=False)
    else:
        with naming(Path(output), "--output FILE"):
            _write(Path(output), content)
        rows = len(reading.rows)
        click.echo(f"{rows:,} row{'s' * (rows != 1)} in {output}", err=True)
    return 0


def _format(given: str | None, output: str | None) -> str:
    from einbench.names import unknown

    suffix = Path(output).suffix.lower().lstrip(".") if output else ""
    if suffix and given is None and suffix not in FORMATS:
        raise ValueError(
            f"--output {output}: no format ends in .{suffix}; expected .{', .'.join(FORMATS)}, or "
            "name one with --format"
        )
    chosen = given or suffix or "csv"
    if chosen not in FORMATS:
        raise ValueError(unknown("format", chosen, FORMATS))
    if chosen == "parquet" and output is None:
        raise ValueError("parquet is no text for a terminal or a pipe: name a file with --output")
    return chosen


def _content(reading: Reading, form: str) -> bytes:
    from einbench.records import write

    if form == "csv":
        return write.as_csv(reading.rows)
    if form == "json":
        return write.as_json(reading.rows, reading.machines)
    return write.as_parquet(reading.rows, reading.machines)


def _write(path: Path, content: bytes) -> None:
    from einbench.host.documents import write_whole

    if path.exists() and not path.is_file():  # /dev/null or a pipe: never replaced by a file
        path.write_bytes(content)
    else:
        write_whole(path, content)
