"""A worker's process, seen from its parent: requests and answers, with a timeout."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from einbench.jit.spinning import waiting
from einbench.libraries.runtime import Runtime
from einbench.measure.results import raise_again
from einbench.plugins import loaded_here

#: environment variables of thread pools: BLAS and OpenMP, numba, XLA, sesum
_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS", "NPROC", "MAX_NUM_THREADS_SESUM",
)  # fmt: skip
#: long enough to import PyTorch from a cold disk and compile with it
TIMEOUT_S = 300.0
#: seconds for an idle process to exit by itself before it is killed
_EXIT_S = 5.0


class WorkerEnded(Exception):  # noqa: N818 - a state of a process, not a mistake of the caller
    """A worker's process has ended; the message says why."""


class WorkerStopped(WorkerEnded, TimeoutError):  # noqa: N818 - as above
    """It gave no answer in time, or was killed, as for want of memory: not by its kernel."""


class Process:
    """A worker's process; ``close`` ends it."""

    def __init__(
        self, library: Runtime, threads: int, timeout_s: float = TIMEOUT_S,
        module: str = "einbench.measure.worker",
    ) -> None:  # fmt: skip
        """Start it, with that module as its program, and wait until its library is imported.

        Raises:
            WorkerEnded: it did not start.
            Exception: what importing the library raised.
        """
        self._timeout_s = timeout_s
        self._busy = False
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        environment = {key: v for key, v in os.environ.items() if key != "PYTHONSAFEPATH"}
        environment |= dict.fromkeys(_THREADS, str(threads)) | dict(library.environment)
        # the same sys.path as here, without the folder of the module that is run
        environment["PYTHONPATH"] = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter and a module of our own
            [sys.executable, "-P", "-m", module, library.name, str(threads),
             *["plugins"] * bool(loaded_here)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, env=environment,
            text=True, encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for this process, which ends its workers itself
        )  # fmt: skip
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        waiting.add(self._listener)
        self._listener.start()
        try:
            self._answer("to start")
        except BaseException:
            self.close()
            raise

    def ask(self, do: str, **fields: Any) -> Mapping[str, Any]:
        """Send a request and wait for its answer.

        Raises:
            WorkerEnded: the process died, or no answer came in time.
            Exception: what the kernel raised, as the same type where Python has it.
        """
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - it is a pipe
        self._busy = True
        # where the process has ended, reading its answer raises
        with contextlib.suppress(BrokenPipeError, ValueError):
            stdin.write(json.dumps({"do": do, **fields}) + "\n")
            stdin.flush()
        return self._answer(f"to {do}")

    @property
    def alive(self) -> bool:
        """Whether it accepts requests: not after a timeout or an interrupt, nor once it ended."""
        return not self._busy and self._process.poll() is None

    def close(self) -> None:
        """Close its stdin and wait; kill it if it is busy or does not exit."""
        process = self._process
        with contextlib.suppress(BrokenPipeError):
            if process.stdin is not None:
                process.stdin.close()
        try:
            process.wait(0 if self._busy else _EXIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._listener.join()
        self._log.close()

    def _answer(self, asked: str) -> Mapping[str, Any]:
        try:
            line = self._answers.get(timeout=self._timeout_s)
        except queue.Empty:
            self._process.kill()
            raise WorkerStopped(
                f"no answer within {self._timeout_s:.0f} s (asked {asked})"
            ) from None
        self._busy = False
        if line is None:
            status = self._process.wait()
            how = WorkerStopped if status == -9 else WorkerEnded  # SIGKILL
            raise how(f"died with status {status} (asked {asked}): {self._last_log_line()}")
        reply: Mapping[str, Any] = json.loads(line)
        if "raised" in reply:
            raise_again(reply["raised"])
        return reply

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        with self._process.stdout as answers:
            for line in answers:
                self._answers.put(line)
        self._answers.put(None)

    def _last_log_line(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip() if lines else "nothing in its log"
