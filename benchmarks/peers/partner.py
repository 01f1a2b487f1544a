"""The study's end of a worker: a process to ask, with patience that ends."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import blas_timeout
import psutil

from .contender import Entry

_BENCHMARKS = Path(__file__).resolve().parents[1]
#: of pools that ask the environment: BLAS and OpenMP, numba, XLA
_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS", "NPROC",
)  # fmt: skip
#: importing PyTorch from a cold disk, and compiling with it
_PATIENCE_S = 300.0


class Failed(Exception):  # noqa: N818 - a contender's state, not a mistake of ours
    """A contender cannot go on, and why, in words that follow its name."""


class Partner:
    """A contender's process; use it in a ``with`` block, it ends with it."""

    def __init__(
        self,
        entry: Entry,
        threads: int,
        folder: Path,
        worker: str = "peers.worker",
        more: Mapping[str, str] | None = None,
    ) -> None:
        """Start it.

        Args:
            entry: what it is to import.
            threads: of every pool that asks the environment.
            folder: for its log.
            worker: the module that is run.
            more: of its environment.
        """
        self.entry = entry
        self._log = folder / f"{entry.name}.log"
        environment = (
            dict(os.environ) | dict.fromkeys(_THREADS, str(threads)) | {"JAX_PLATFORMS": "cpu"}
        )
        environment |= more or {}
        environment = {**blas_timeout.wanted(), **environment}
        self._stderr = self._log.open("ab")
        contender = f"{entry.name}={entry.module}:{entry.function}"
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter and the study's own module
            [sys.executable, "-m", worker, contender, str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr,
            cwd=_BENCHMARKS, env=environment, text=True, encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for the study, which ends its workers itself
        )  # fmt: skip
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        try:
            self._answer("to start")
        except BaseException:
            self.close()
            raise

    def ask(self, do: str, **fields: Any) -> Mapping[str, Any]:
        """Send a request and wait for its answer.

        Raises:
            Failed: the contender raised, its process died, or no answer came in time.
        """
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - it is a pipe
        # where the process is gone, its answer says so
        with contextlib.suppress(BrokenPipeError, ValueError):
            stdin.write(json.dumps({"do": do, **fields}) + "\n")
            stdin.flush()
        return self._answer(f"to {do}")

    def processor_s(self) -> float:
        """Processor time of its process so far; none where it is gone."""
        with contextlib.suppress(psutil.Error):
            used = psutil.Process(self._process.pid).cpu_times()
            return float(used.user + used.system)
        return 0.0

    @property
    def alive(self) -> bool:
        """Whether it can be asked anything more."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process, politely where it listens."""
        process = self._process
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        try:
            process.wait(5 if process.poll() is None else 0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._listener.join()
        self._stderr.close()

    def __enter__(self) -> Partner:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def _answer(self, asked: str) -> Mapping[str, Any]:
        try:
            line = self._answers.get(timeout=_PATIENCE_S)
        except queue.Empty:
            self._process.kill()
            raise Failed(f"no answer within {_PATIENCE_S:.0f} s (asked {asked})") from None
        if line is None:
            status = self._process.wait()
            raise Failed(f"died with status {status} (asked {asked}): {self._last_words()}")
        reply: Mapping[str, Any] = json.loads(line)
        if "problem" in reply:
            raise Failed(str(reply["problem"]))
        return reply

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        with self._process.stdout as answers:
            for line in answers:
                self._answers.put(line)
        self._answers.put(None)

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else "it left no words"
