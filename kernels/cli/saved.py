"""Results on disk for commands: read, with a warning for every file that was not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from einbench.records.read import Reading


def read_saved(paths: Sequence[str]) -> Reading:
    """Rows of files and folders; warnings go to stderr, a line each.

    Raises:
        ValueError: nothing could be read.
        OSError: a path does not exist.
    """
    from einbench.records.read import read

    reading = read(paths)
    for warning in reading.warnings:
        click.echo(f"einbench: warning: {warning}", err=True)
    if not reading.rows:
        raise ValueError(
            f"no times in {', '.join(paths)}; expected asv results, pytest-benchmark JSON or "
            "what einbench compare saves"
        )
    return reading
