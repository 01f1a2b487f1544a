"""Workers forked of a process that has imported all they need; see `einbench.measure.template`."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

from einbench.libraries.runtime import Runtime
from einbench.measure.process import WorkerEnded, environment
from einbench.plugins import loaded_here

#: elsewhere a fork of a process with threads, which the system's own libraries start, may not go on
AVAILABLE = sys.platform == "linux"


class Template:
    """The process that workers of one library are forked of; ``close`` ends it and them."""

    def __init__(self, library: Runtime, threads: int) -> None:
        self._made = environment(library, threads), Path.cwd()
        self._arguments = [library.name, str(threads), *["plugins"] * bool(loaded_here)]
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - a module of our own
                [sys.executable, "-P", "-m", "einbench.measure.template", str(theirs.fileno())],
                env=self._made[0], pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip

    def serves(self, library: Runtime, threads: int) -> bool:
        """Whether it runs, in what is this process's environment and folder now."""
        now = environment(library, threads), Path.cwd()
        return self._process.poll() is None and self._made == now

    def fork(self) -> Forked:
        """A new worker.

        Raises:
            WorkerEnded: the process has ended.
        """
        (read_in, stdin), (stdout, write_out), (stderr, write_log) = (os.pipe() for _ in range(3))
        pipes = [read_in, write_out, write_log]
        try:
            pid = self.ask(pipes, do="fork", arguments=self._arguments)["pid"]
        except BaseException:
            for end in (stdin, stdout, stderr):
                os.close(end)
            raise
        finally:
            for end in pipes:
                os.close(end)
        return Forked(
            self, pid, os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb"), os.fdopen(stderr, "rb")
        )

    def ask(self, pipes: list[int], **request: Any) -> Any:
        """The answer to a request, sent with these pipes."""
        try:
            message = json.dumps(request).encode()
            if pipes:
                socket.send_fds(self._channel, [message], pipes)
            else:
                self._channel.sendall(message)
            answer = self._channel.recv(1 << 16)
        except OSError:
            answer = b""
        if not answer:
            raise WorkerEnded("the process that workers are forked of has ended", "unchecked")
        return json.loads(answer)

    def close(self) -> None:
        """Workers end with it."""
        self._channel.close()
        self._process.wait()


class Forked:
    """A forked worker, with the interface of `subprocess.Popen` that `Process` needs."""

    def __init__(
        self, template: Template, pid: int, stdin: IO[bytes], stdout: IO[bytes], stderr: IO[bytes]
    ) -> None:
        self._template = template
        self._status: int | None = None
        self.pid = pid
        self.stdin: IO[bytes] | None = stdin
        self.stdout: IO[bytes] | None = stdout
        self.stderr: IO[bytes] | None = stderr

    def wait(self, timeout: float | None = None) -> int:
        """Its status: an exit code, or a signal as a negative number.

        Raises:
            subprocess.TimeoutExpired: it has not ended.
        """
        if self._status is None:
            try:
                answer = self._template.ask([], do="wait", pid=self.pid, timeout_s=timeout)
            except WorkerEnded:
                answer = {"status": -signal.SIGKILL}  # it ends with its parent
            self._status = answer["status"]
        if self._status is None:
            raise subprocess.TimeoutExpired("worker", timeout or 0.0)
        return self._status

    def kill(self) -> None:
        """End it at once."""
        if self._status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
