"""What takes longer than a second says so, in one line of a terminal that is gone afterwards.

The line has what is done, since when, and how long still: from the part that is done by now. It is
drawn once a second by a thread that sleeps in between, so that it goes on while a kernel compiles.
In a pipe, a file or a notebook nothing is written.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator

#: (part done between 0 and 1, what is being done)
Progress = Callable[[float, str], None]

_EVERY_S = 1.0
#: of less that is done nothing is foreseen
_LEAST_PART = 0.05
_CLEAR = "\r\x1b[K"
#: how many show the progress themselves now
_ELSEWHERE: list[None] = []
_TELLING = threading.Lock()


@contextlib.contextmanager
def elsewhere() -> Iterator[None]:
    """Nothing is told in the block: a command has a bar of its own."""
    _ELSEWHERE.append(None)
    try:
        yield
    finally:
        _ELSEWHERE.pop()


@contextlib.contextmanager
def telling(subject: str, progress: Progress | None = None) -> Iterator[Progress]:
    """Yields what is called with the part done and what is being done; a given one is as it is."""
    if progress is not None:
        yield progress
    elif not _can_draw() or _ELSEWHERE or not _TELLING.acquire(blocking=False):
        yield lambda part, label: None  # another thread has the line
    else:
        line = _Line(subject)
        try:
            yield line.report
        finally:
            line.end()
            _TELLING.release()


class _Line:
    """The line, and the thread that draws it."""

    def __init__(self, subject: str) -> None:
        from einbench.jit.spinning import waiting  # imports more than a first answer may

        self._subject, self._part, self._label = subject, 0.0, ""
        self._began_s = time.monotonic()
        self._ended, self._drawn = threading.Event(), False
        self._thread = threading.Thread(target=self._draw, name="einbench-telling", daemon=True)
        waiting.add(self._thread)
        self._thread.start()

    def report(self, part: float, label: str) -> None:
        """What the line says when it is drawn next."""
        self._part, self._label = part, label

    def end(self) -> None:
        """Clear it."""
        self._ended.set()
        self._thread.join()
        if self._drawn:
            _write(_CLEAR)

    def _draw(self) -> None:
        while not self._ended.wait(_EVERY_S):
            self._drawn = True
            said = said_at(self._subject, self._label, self._part, time.monotonic() - self._began_s)
            _write(_CLEAR + said[: _columns() - 1])


def said_at(subject: str, label: str, part: float, elapsed_s: float) -> str:
    """The line: ``einbench: linear at batch 128: compiling tiled, for 3 s, about 4 s more``."""
    doing = f": {label}" if label else ""
    said = f"einbench: {subject}{doing}, for {_whole(elapsed_s)}"
    if part >= _LEAST_PART:
        said += f", about {_whole(elapsed_s * (1 - part) / part)} more"
    return said


def _whole(seconds: float) -> str:
    whole = max(1, round(seconds))
    return f"{whole} s" if whole < 120 else f"{round(whole / 60)} min"


def _can_draw() -> bool:
    stream = sys.stderr
    with contextlib.suppress(AttributeError, ValueError):  # there is none, or it is closed
        return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
    return False


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (AttributeError, OSError, ValueError):
        return 80


def _write(text: str) -> None:
    with contextlib.suppress(AttributeError, OSError, ValueError):  # the terminal may be gone
        sys.stderr.write(text)
        sys.stderr.flush()
