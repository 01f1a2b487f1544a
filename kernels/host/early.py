"""Ctrl-C while the einbench command is still importing: it ends with 130, and shows no traceback.

The package of the command is imported before its first line runs, NumPy with it, and code in C may
turn a KeyboardInterrupt into another error. What this module imports itself is not covered: little.
"""

from __future__ import annotations

import os
import signal
import sys

_NAMES = ("einbench", "einbench.exe", "einbench-script.py", "einbench-script.pyw")


def end_command_on_interrupt() -> None:
    """In the einbench command, until it handles Ctrl-C itself; in other programs do nothing."""
    if _is_command() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        try:  # noqa: SIM105 - contextlib is one more import
            signal.signal(signal.SIGINT, _end)
        except ValueError:
            pass  # not in the main thread


def _is_command() -> bool:
    """``einbench ...`` or ``python -m einbench.cli ...``, whose first argument comes later."""
    begun = sys.argv[0] if getattr(sys, "argv", None) else ""
    if begun == "-m":
        return "einbench.cli" in sys.orig_argv
    return os.path.basename(begun) in _NAMES  # noqa: PTH119 - pathlib loads slowly


def _end(number: int, frame: object) -> None:
    os.write(2, b"einbench: interrupted before anything was finished\n")
    os._exit(130)
