"""Results on disk for commands: read, with a warning for every file that was not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from einbench.records.read import Reading


def read_saved(paths: Sequence[str], verbose: bool = False) -> Reading:
    """Rows of files and folders; warnings go to stderr, a line each.

    Args:
        paths: files and folders.
        verbose: a line, too, for each of many files with one fault.

    Raises:
        ValueError: nothing could be read.
        OSError: a path does not exist.
    """
    from einbench.records.read import read

    reading = read(paths)
    for warning in reading.told(verbose):
        click.echo(f"einbench: warning: {warning}", err=True)
    if not reading.rows:
        raise ValueError(
            f"no times in {', '.join(paths)}; expected asv results, pytest-benchmark JSON or "
            "what einbench compare saves"
        )
    return reading
