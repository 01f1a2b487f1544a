"""The table of epochs printed as they end, for a pipe, a file, or a terminal that draws no bar."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from einbench.cli.progress import can_draw

if TYPE_CHECKING:
    from rich.console import Console

    from einbench.network import History

#: back to the line's first column, and the line cleared
_CLEAR = "\r\x1b[2K"


@dataclass
class EpochRows:
    """Prints a row an epoch; a reader that leaves, or a full disk, stops no training."""

    out: Console
    epochs: int
    printed: int = 0

    @classmethod
    def begun(cls, out: Console, epochs: int, title: str) -> EpochRows:
        """A table of so many, and above it what is trained."""
        from einbench.report.terminal import print_paragraph

        with contextlib.suppress(OSError):
            print_paragraph(out, title, "bold cyan")
            out.print()
        return cls(out, epochs)

    def on_epoch(self, history: History) -> None:
        """The epoch that has ended, and before it those that were taken over."""
        from einbench.report.terminal import print_line
        from einbench.report.training import new_epoch_lines

        with contextlib.suppress(OSError):
            if can_draw(sys.stderr):  # a bar, and the pipe may end on the same terminal
                sys.stderr.write(_CLEAR)
                sys.stderr.flush()
            for record in history.records[self.printed :]:
                for line in new_epoch_lines(record, self.epochs, self.out.width):
                    print_line(self.out, line)
        self.printed = history.epochs
