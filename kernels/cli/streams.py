"""Where text goes: how wide it may be, in colour or not, and in which letters."""

from __future__ import annotations

import codecs
import os
import sys
from typing import IO, TYPE_CHECKING

from einbench.report.terminal import NARROWEST, PIPE_WIDTH

if TYPE_CHECKING:
    from rich.console import Console

#: marks that an encoding may lack; each stays one letter wide
_SPELLINGS = {"─": "-", "±": "^", "µ": "u", "·": ",", "…": "."}


def console(stream: IO[str] | None = None) -> Console:
    """A console on stdout or another stream, without colours in a pipe."""
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            """Raise, where rich would end the process with 1: that means a rejected kernel."""
            raise  # noqa: PLE0704 - called where the BrokenPipeError is handled

    out = stream or sys.stdout
    return Plain(file=out, width=width_of(out), highlight=False, force_jupyter=False)


def width_of(stream: IO[str]) -> int:
    """$COLUMNS where it says so, else the terminal's width, else 100; never below 40."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return max(int(given), NARROWEST)
    try:
        return max(os.get_terminal_size(stream.fileno()).columns or PIPE_WIDTH, NARROWEST)
    except (AttributeError, OSError, ValueError):  # a pipe, a file, or a stream that is closed
        return PIPE_WIDTH


def spell_out_for_narrow_encodings() -> None:
    """In an encoding that lacks a mark, write a similar letter instead of failing."""
    codecs.register_error("einbench", _spell_out)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="einbench")


def _spell_out(problem: UnicodeError) -> tuple[str, int]:
    if not isinstance(problem, UnicodeEncodeError):
        raise problem
    letters = problem.object[problem.start : problem.end]
    return "".join(_SPELLINGS.get(letter, "?") for letter in letters), problem.end
