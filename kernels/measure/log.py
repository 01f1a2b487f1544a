"""What a worker's process writes: read at once, so that it never waits, and only the end kept."""

from __future__ import annotations

import os
import threading
from typing import IO

from einbench.jit.spinning import waiting

#: enough for a traceback and faulthandler's list of threads
_KEPT_BYTES = 1 << 16


class Log:
    """Reads a pipe to its end in a thread of its own."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._kept = b""
        #: written since it was last begun
        self.bytes = 0
        self._reader = threading.Thread(target=self._read, name="einbench-listener", daemon=True)
        waiting.add(self._reader)
        self._reader.start()

    def begin(self) -> None:
        """Forget what was written: another kernel's."""
        self._kept, self.bytes = b"", 0

    def close(self, wait_s: float) -> None:
        """Wait for the end of the pipe, which another process may hold open, for so long."""
        self._reader.join(wait_s)
        if not self._reader.is_alive():
            self._pipe.close()

    def last(self) -> str:
        """Where Python was when a signal ended it, or the last line; empty where there is none."""
        lines = self._kept.decode("utf-8", "replace").strip().splitlines()
        if any(line.startswith("Fatal Python error") for line in lines):
            lines = [line for line in lines if line.startswith("  File ")][:1]
        return lines[-1].strip() if lines else ""

    def _read(self) -> None:
        while chunk := os.read(self._pipe.fileno(), _KEPT_BYTES):
            self._kept = (self._kept + chunk)[-_KEPT_BYTES:]
            self.bytes += len(chunk)
