"""Ctrl-C while the einbench command is still importing: it ends with 130, and shows no traceback.

So does what else asks it to end: SIGTERM with 143, and SIGHUP with 129.

The package of the command is imported before its first line runs, NumPy with it, and code in C may
turn a KeyboardInterrupt into another error. What this module imports itself is not covered: little.
"""

from __future__ import annotations

import os
import signal
import sys

_NAMES = ("einbench", "einbench.exe", "einbench-script.py", "einbench-script.pyw")


#: Ctrl-C, the end of a job or a service, and the end of a terminal; not every system has them
STOPPING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
_UNTOUCHED = (signal.default_int_handler, signal.SIG_DFL)


def end_command_on_interrupt() -> None:
    """In the einbench command, until it handles Ctrl-C itself; in other programs do nothing."""
    if not _is_command():
        return
    for number in STOPPING:
        if signal.getsignal(number) in _UNTOUCHED:
            try:  # noqa: SIM105 - contextlib is one more import
                signal.signal(number, _end)
            except ValueError:
                pass  # not in the main thread
    hold_back(False)


def hold_back(held: bool) -> None:
    """Whether these signals wait, also where this process becomes another program."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK if held else signal.SIG_UNBLOCK, STOPPING)


def _is_command() -> bool:
    """``einbench ...`` or ``python -m einbench.cli ...``, whose first argument comes later."""
    begun = sys.argv[0] if getattr(sys, "argv", None) else ""
    if begun == "-m":
        return "einbench.cli" in sys.orig_argv
    return os.path.basename(begun) in _NAMES  # noqa: PTH119 - pathlib loads slowly


def _end(number: int, frame: object) -> None:
    os.write(2, b"einbench: interrupted before anything was finished\n")
    os._exit(128 + number)
