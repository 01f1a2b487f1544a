"""What must hold while a stranger's file is read; a promise that is broken raises `Finding`.

Watched: the files that are opened for writing, moved or removed, code that is run, processes and
libraries that are started, the time, and the peak of the memory.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

#: beside a multiple of the file's size
SPARE_BYTES = 64 * 2**20
TIMES_SIZE = 4
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
#: event -> how many of its first arguments are paths that it changes
_CHANGES = {
    "os.chmod": 1, "os.chown": 1, "os.link": 2, "os.mkdir": 1, "os.remove": 1, "os.rename": 2,
    "os.rmdir": 1, "os.symlink": 2, "os.truncate": 1, "os.utime": 1, "shutil.move": 2,
    "shutil.rmtree": 1,
}  # fmt: skip
_STARTS = frozenset({
    "ctypes.dlopen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system",
    "pickle.find_class", "socket.connect", "subprocess.Popen",
})  # fmt: skip


class Finding(AssertionError):  # noqa: N818 - of a reader, not of the test
    """A reader broke a promise."""


class _Watch:
    """One reading, in one thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = os.path.realpath(folder)
        self.thread = threading.get_ident()
        self.broken: list[str] = []

    def see(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note what the event does that it should not."""
        what = ""
        if event == "open":
            path, mode, flags = arguments
            writes = set(mode or "") & set("wax+") or (flags or 0) & _WRITES
            if writes and not self._inside(path):
                what = f"writes {path!r}"
        elif event in _CHANGES:
            outside = [p for p in arguments[: _CHANGES[event]] if not self._inside(p)]
            what = f"{event} {outside[0]!r}" if outside else ""
        elif event in _STARTS:
            what = f"{event} {arguments!r:.200}"
        elif event == "exec" and not _imports():
            what = f"runs code, {arguments[0]!r:.200}"
        if what:
            self.broken.append(what)
            raise Finding(what)

    def _inside(self, path: Any) -> bool:
        if isinstance(path, int) or os.fspath(path) == os.devnull:
            return True
        found = os.path.realpath(os.fsdecode(path))
        return found == self.folder or found.startswith(self.folder + os.sep)


_watch: _Watch | None = None
_hooked = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watch is not None and threading.get_ident() == _watch.thread:
        _watch.see(event, arguments)


def _imports() -> bool:
    """Whether a module is being imported, which runs its code."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


@contextmanager
def watched(folder: Path) -> Iterator[None]:
    """Inside, this thread writes below the folder only, and runs and starts nothing.

    Raises:
        Finding: it did, also where the reader caught what was raised there.
    """
    global _watch, _hooked  # noqa: PLW0603 - a hook is never removed, so there is one
    if not _hooked:
        sys.addaudithook(_hook)
        _hooked = True
    _watch = watch = _Watch(folder)
    try:
        yield
    finally:
        _watch = None
        if watch.broken:
            raise Finding(watch.broken[0])


@contextmanager
def in_time(seconds: float) -> Iterator[None]:
    """Inside, no more than this passes.

    Raises:
        Finding: it did, also where the reader caught what was raised there.
    """
    rung = []

    def ring(number: int, frame: FrameType | None) -> None:
        rung.append(True)
        raise Finding(f"takes longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    # again every second: the reader may have caught it
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if rung:
            raise Finding(f"takes longer than {seconds:g} s")


def peak_bytes(read: Callable[[], object]) -> int:
    """The most that Python and NumPy held at once while it ran, beyond what they held before."""
    started = not tracemalloc.is_tracing()
    if started:
        tracemalloc.start(1)
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        read()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if started:
            tracemalloc.stop()


def in_memory(read: Callable[[], object], size: int) -> None:
    """Read, and hold no more than `TIMES_SIZE` times the size and `SPARE_BYTES`.

    Raises:
        Finding: it held more.
    """
    held, most = peak_bytes(read), TIMES_SIZE * size + SPARE_BYTES
    if held > most:
        raise Finding(f"holds {held:,} bytes for {size:,}; expected at most {most:,}")
