"""A bar where stderr is a terminal that can draw one; a line for each step in a pipe."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import IO

from einbench.choose.telling import elsewhere
from einbench.cli.streams import console, width_of

#: columns from which on there is space for the time beside what is being done
_WIDE = 60


def can_draw(stream: IO[str]) -> bool:
    """Whether it is a terminal whose cursor can go back."""
    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


@contextlib.contextmanager
def bar() -> Iterator[Callable[[float, str], None]]:
    """Yields what is to be called with the part done and what is being done.

    The bar is drawn when something is reported and never by a thread of its own, which would
    take time from the kernels that are being timed.
    """
    if not can_draw(sys.stderr):
        yield _lines()
        return
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn

    columns: list[ProgressColumn] = [
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.description}"),
    ]
    if width_of(sys.stderr) >= _WIDE:
        columns.insert(2, TimeElapsedColumn())
    with elsewhere(), Progress(
        *columns, console=console(sys.stderr), auto_refresh=False, transient=True,
        redirect_stdout=False, redirect_stderr=False,
    ) as progress:  # fmt: skip
        task = progress.add_task("starting", total=1.0)

        def report(part: float, label: str) -> None:
            progress.update(task, completed=part, description=label, refresh=True)

        yield report


def _lines() -> Callable[[float, str], None]:
    """Prints each step once, as it begins."""
    said = ""

    def report(part: float, label: str) -> None:
        nonlocal said
        if label != said:
            said = label
            # its reader may leave: what is being measured goes on, and is kept
            with contextlib.suppress(OSError):
                print(f"{part:4.0%} {label}", file=sys.stderr, flush=True)

    return report
