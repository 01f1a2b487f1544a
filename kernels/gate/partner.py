"""A launch seen from the gate: a process that answers requests, with a timeout."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from einbench.host.awake import within

_LAUNCH = Path(__file__).with_name("launch.py")
#: BLAS runs on one thread: its threads wait for each other where another process takes a core,
#: and one such wait is longer than any regression. numba's parallel kernels get all of theirs.
_BLAS_THREADS = ("OPENBLAS", "OMP", "MKL", "BLIS", "VECLIB_MAXIMUM")
_ANSWER_S = 120.0
#: importing NumPy and the suite, on a machine that does something else meanwhile
_START_S = 120.0


class LaunchError(Exception):
    """A launch did not start, died, or gave no answer in time."""


class CellError(Exception):
    """A kernel raised; the launch goes on."""


class Partner:
    """A process of one commit's environment; use it in a ``with`` block, it ends with it."""

    def __init__(
        self, side: str, python: Path, log: Path, threads: int, sizes: Mapping[str, int]
    ) -> None:
        self.side = side
        self._log = log
        environment = {
            name: value
            for name, value in os.environ.items()
            # an interpreter's settings are the caller's, not the commit's
            if not name.startswith(("PYTHON", "VIRTUAL_ENV"))
        }
        environment.update(
            {f"{name}_NUM_THREADS": "1" for name in _BLAS_THREADS}, NUMBA_NUM_THREADS=str(threads)
        )
        self._stderr = log.open("ab")
        # -I: neither the checkout's kernels/ nor PYTHONPATH shadows the installed package
        self._process = subprocess.Popen(  # noqa: S603 - the environment's own interpreter
            [str(python), "-I", str(_LAUNCH), json.dumps(dict(sizes))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            cwd=log.parent,
            env=environment,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for the gate, which ends its launches itself
        )
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._listener = threading.Thread(
            target=self._listen, name="einbench-listener", daemon=True
        )
        self._listener.start()
        self._request = "to start"
        try:
            self.answer(_START_S)
        except CellError as problem:
            self.close()
            raise LaunchError(f"{self.side} could not be started: {problem}") from None
        except BaseException:
            self.close()
            raise

    def ask(self, do: str, **fields: Any) -> Mapping[str, Any]:
        """Send a request and wait for its answer; raises as `answer` does."""
        self.send(do, **fields)
        return self.answer()

    def send(self, do: str, **fields: Any) -> None:
        """Send a request; `answer` must be called before the next one."""
        self._request = f"{do} {' '.join(map(str, fields.values()))}".strip()
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - it is a pipe
        # where the process has ended, `answer` raises
        with contextlib.suppress(BrokenPipeError, ValueError):
            stdin.write(json.dumps({"do": do, **fields}) + "\n")
            stdin.flush()

    def answer(self, timeout_s: float = _ANSWER_S) -> Mapping[str, Any]:
        """What the process answers.

        Raises:
            CellError: the kernel raised, as the message says.
            LaunchError: no answer came in time, or the process has died.
        """
        try:
            line = within(timeout_s, lambda piece_s: self._answers.get(timeout=piece_s))
        except queue.Empty:
            self._process.kill()
            raise LaunchError(
                f"{self.side} gave no answer within {timeout_s:.0f} s ({self._request})"
            ) from None
        if line is None:
            raise LaunchError(self._death())
        reply: Mapping[str, Any] = json.loads(line)
        if "problem" in reply:
            raise CellError(str(reply["problem"]))
        return reply

    def close(self) -> None:
        """End the process: its stdin is closed, and it is killed where that does not end it."""
        process = self._process
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        try:
            process.wait(0.5 if process.poll() is None else 0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._listener.join()
        self._stderr.close()

    def __enter__(self) -> Partner:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        with self._process.stdout as answers:
            for line in answers:
                self._answers.put(line)
        self._answers.put(None)

    def _death(self) -> str:
        status = self._process.wait()
        died = f"{self.side} died with status {status} ({self._request})"
        return f"{died}; the last line of its log: {self._last_line()} ({self._log})"

    def _last_line(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else "none"
