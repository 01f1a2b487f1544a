"""A worker's process, seen from its parent: requests and answers, with a timeout."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Protocol

from einbench.blame import Misbehaved
from einbench.host.awake import within
from einbench.jit.spinning import waiting
from einbench.libraries.runtime import Runtime
from einbench.measure.log import Log
from einbench.measure.results import raise_again
from einbench.plugins import loaded_here
from einbench.units import bytes_text

#: environment variables of thread pools: BLAS and OpenMP, numba, XLA, sesum
_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS", "NPROC", "MAX_NUM_THREADS_SESUM",
)  # fmt: skip
#: long enough to import PyTorch from a cold disk and compile with it
TIMEOUT_S = 300.0
#: seconds for an idle process to exit by itself before it is killed
_EXIT_S = 5.0
#: a kernel that writes more than this in one request does not compute only
_MOST_OUTPUT_BYTES = 1 << 20
#: signals that a kernel does not cause by a fault of its own: they come from outside
_OUTSIDE = ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT")


class WorkerEnded(Misbehaved):
    """A worker's process has ended, or is not to be used again; the message says why."""


class Running(Protocol):
    """A process that was started, with pipes to it; as `subprocess.Popen`."""

    pid: int
    stdin: IO[bytes] | None
    stdout: IO[bytes] | None
    stderr: IO[bytes] | None

    def wait(self, timeout: float | None = None) -> int:
        """Its status: an exit code, or a signal as a negative number."""

    def kill(self) -> None:
        """End it at once."""


def spawned(
    library: Runtime, threads: int, module: str = "einbench.measure.worker"
) -> subprocess.Popen[bytes]:
    """A new interpreter with that module as its program."""
    return subprocess.Popen(  # noqa: S603 - this interpreter and a module of our own
        [sys.executable, "-P", "-m", module, library.name, str(threads),
         *["plugins"] * bool(loaded_here)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment(library, threads),
        start_new_session=True,  # Ctrl-C is for this process, which ends its workers itself
    )  # fmt: skip


def environment(library: Runtime, threads: int) -> dict[str, str]:
    """Of a worker's process: the threads of its libraries, and the same ``sys.path`` as here."""
    own = {key: value for key, value in os.environ.items() if key != "PYTHONSAFEPATH"}
    own |= dict.fromkeys(_THREADS, str(threads)) | dict(library.environment)
    # without the folder of the module that is run
    own["PYTHONPATH"] = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    return own


class Process:
    """A worker's process; ``close`` ends it."""

    def __init__(self, running: Running, timeout_s: float = TIMEOUT_S) -> None:
        """Wait until its library is imported.

        Raises:
            WorkerEnded: it did not start.
            Exception: what importing the library raised.
        """
        self._timeout_s = timeout_s
        self._busy = False
        #: a kernel has changed it: no other is to be called there
        self._spoiled = False
        self._ended = threading.Event()
        self._process = running
        assert running.stderr is not None  # noqa: S101 - it is a pipe
        self._log = Log(running.stderr)
        self._answers: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._listener = threading.Thread(
            target=self._listen, name="einbench-listener", daemon=True
        )
        waiting.add(self._listener)
        self._listener.start()
        try:
            self._answer("to start", max(timeout_s, TIMEOUT_S))
        except BaseException:
            self.close()
            raise

    def ask(self, do: str, **fields: Any) -> Mapping[str, Any]:
        """Send a request and wait for its answer.

        Raises:
            WorkerEnded: the process died, no answer came in time, or what was asked for changed
                the process or wrote more than 1 MiB.
            Exception: what the kernel raised, as the same type where Python has it.
        """
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - it is a pipe
        self._busy = True
        self._log.begin()
        # where the process has ended, reading its answer raises
        with contextlib.suppress(BrokenPipeError, ValueError):
            stdin.write(json.dumps({"do": do, **fields}).encode() + b"\n")
            stdin.flush()
        reply = self._answer(f"to {do}", self._timeout_s)
        if self._log.bytes > _MOST_OUTPUT_BYTES:
            self._spoil(f"prints {bytes_text(self._log.bytes)} (asked to {do})")
        return reply

    @property
    def alive(self) -> bool:
        """Whether it accepts requests: not after a timeout, an interrupt or a change of it."""
        return not (self._busy or self._spoiled or self._ended.is_set())

    def close(self) -> None:
        """Close its stdin and wait; kill it if it is busy or does not exit."""
        process = self._process
        if self._busy or self._spoiled:
            self._kill()
        with contextlib.suppress(BrokenPipeError):
            if process.stdin is not None:
                process.stdin.close()
        try:
            process.wait(_EXIT_S)
        except subprocess.TimeoutExpired:
            self._kill()
            process.wait()
        self._listener.join(_EXIT_S)
        self._log.close(_EXIT_S)

    def _answer(self, asked: str, timeout_s: float) -> Mapping[str, Any]:
        try:
            line = within(timeout_s, lambda piece_s: self._answers.get(timeout=piece_s))
        except queue.Empty:
            self._kill()
            raise WorkerEnded(f"no answer within {timeout_s:g} s (asked {asked})", "hung") from None
        if line is None:
            raise self._how_it_ended(asked)
        self._busy = False
        reply: Mapping[str, Any] = json.loads(line)
        changed = reply.get("changed", "")
        self._spoiled = bool(changed)
        if "raised" in reply:
            try:
                raise_again(reply["raised"])
            except MemoryError as problem:
                self._spoiled = True  # it may hold what it got so far
                most = reply.get("most_bytes")
                if most:
                    said = f"{problem}; its process may take {bytes_text(most)}".lstrip("; ")
                    raise MemoryError(said) from None
                raise
        if changed:
            self._spoil(changed)
        return reply

    def _spoil(self, reason: str) -> None:
        self._spoiled = True
        raise WorkerEnded(reason, "rejected")

    def _how_it_ended(self, asked: str) -> WorkerEnded:
        try:
            status = self._process.wait(_EXIT_S)
        except subprocess.TimeoutExpired:
            self._kill()
            return WorkerEnded(f"closed the pipes of its process (asked {asked})")
        self._log.close(1.0)
        last = self._log.last()
        said = f" (asked {asked}){': ' if last else ''}{last}"
        if status >= 0:
            return WorkerEnded(f"ended its process with exit code {status}{said}")
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        if name in _OUTSIDE:
            return WorkerEnded(
                f"its process was ended by {name}, from outside or as memory ran out{said}",
                "unchecked",
            )
        return WorkerEnded(f"ended its process with {name}{said}")

    def _kill(self) -> None:
        """End it, and what it has started."""
        import psutil

        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self._process.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    child.kill()
        self._process.kill()

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        with self._process.stdout as answers:
            for line in answers:
                self._answers.put(line)
        self._ended.set()
        self._answers.put(None)
