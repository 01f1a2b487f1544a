"""A bar where stderr is a terminal; a line a step, or nothing, in a pipe."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator

from einbench.cli.streams import console, width_of

#: columns from which on there is space for the time beside what is being done
_WIDE = 60


@contextlib.contextmanager
def bar(*, lines: bool = False) -> Iterator[Callable[[float, str], None] | None]:
    """Yields what is to be called with the part done and what is being done.

    In a pipe, and on a terminal that can move no cursor, that is None, or prints a line to stderr
    for each step where ``lines`` is set.

    The bar is drawn when something is reported and never by a thread of its own, which would
    take time from the kernels that are being timed.
    """
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield _line_by_line() if lines else None
        return
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn

    columns: list[ProgressColumn] = [
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.description}"),
    ]
    if width_of(sys.stderr) >= _WIDE:
        columns.insert(2, TimeElapsedColumn())
    with Progress(
        *columns, console=console(sys.stderr), auto_refresh=False, transient=True,
        redirect_stdout=False, redirect_stderr=False,
    ) as progress:  # fmt: skip
        task = progress.add_task("starting", total=1.0)

        def report(part: float, label: str) -> None:
            progress.update(task, completed=part, description=label, refresh=True)

        yield report


def _line_by_line() -> Callable[[float, str], None]:
    said = ""

    def report(part: float, label: str) -> None:
        nonlocal said
        if label != said:
            print(f"{100 * part:3.0f} % {label}", file=sys.stderr, flush=True)
        said = label

    return report
