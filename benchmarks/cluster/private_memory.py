"""The most private memory that a worker has: pages of its own, no file that is mapped."""

from __future__ import annotations

import threading
import time
from pathlib import Path

_EVERY_S = 0.005
_PEAK = [0]


def private_bytes() -> int:
    """Of this process now, as Linux counts them: ``RssAnon``."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("RssAnon:")[2].split()[0]) * 1024


def begin_watching() -> None:
    """Look every few milliseconds from now on."""
    _PEAK[0] = private_bytes()
    threading.Thread(target=_watch, daemon=True).start()


def peak_bytes() -> int:
    """The most so far."""
    return max(_PEAK[0], private_bytes())


def _watch() -> None:
    while True:
        _PEAK[0] = max(_PEAK[0], private_bytes())
        time.sleep(_EVERY_S)
