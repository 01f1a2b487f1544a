"""A process that has imported everything, of which workers are forked in milliseconds.

    python -m einbench.measure.template SOCKET

Requests come on a socket, with the pipes of the worker to be. It starts no thread and calls no
kernel, so that a fork of it is as good as a new process.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from einbench.measure import worker

#: prctl(2): a signal for this process when its parent ends, and becoming the parent of orphans
_PDEATHSIG, _CHILD_SUBREAPER = 1, 36
#: of processes that start others as they are ended
_GENERATIONS = 20
_POLL_S = 0.005


def serve(channel: socket.socket) -> None:
    """Answer requests until the parent has closed its end."""
    workers: set[int] = set()
    while True:
        message, pipes, _, _ = socket.recv_fds(channel, 1 << 16, 3)
        if not message:
            return
        request = json.loads(message)
        if request["do"] == "fork":
            pid = _forked(channel, pipes, request["arguments"])
            workers.add(pid)
            answer: dict[str, Any] = {"pid": pid}
        else:
            pid = request["pid"]
            answer = {"status": _status(pid, request["timeout_s"])}
            if answer["status"] is not None:
                workers.discard(pid)
                _end_orphans(workers)
        channel.sendall(json.dumps(answer).encode())


def _forked(channel: socket.socket, pipes: Sequence[int], arguments: Sequence[str]) -> int:
    pid = os.fork()
    if not pid:
        code = 1
        try:
            channel.close()
            os.setsid()
            _prctl(_PDEATHSIG, signal.SIGKILL)
            _prctl(_CHILD_SUBREAPER, 1)  # orphans are seen as its children
            for number, pipe in enumerate(pipes):
                os.dup2(pipe, number)
                os.close(pipe)
            worker.main(arguments)
            code = 0
        finally:
            # neither what this process would do at its end nor threads that a kernel left
            os._exit(code)
    for pipe in pipes:
        os.close(pipe)
    return pid


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _status(pid: int, timeout_s: float | None) -> int | None:
    """Of a worker that has ended; None where it goes on."""
    end_s = time.monotonic() + (1e9 if timeout_s is None else timeout_s)
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end_s:
            return None
        time.sleep(_POLL_S)


def _end_orphans(workers: Collection[int]) -> None:
    """End what a worker has left, and what that has in turn."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    for _ in range(_GENERATIONS if children.exists() else 0):
        left = set(map(int, children.read_text().split())) - set(workers)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        if not left:
            return


def _import_all() -> None:
    """What every worker needs, in one thread."""
    from einbench.deferred import load
    from einbench.host.libraries import why_missing

    load()
    import numpy.random  # noqa: F401
    import threadpoolctl  # noqa: F401

    if not why_missing(("numba",)):
        from einbench.host.forking import import_numba

        import_numba()


def main(arguments: Sequence[str]) -> None:
    """Import, and serve the socket of that number."""
    channel = socket.socket(fileno=int(arguments[0]))
    _prctl(_CHILD_SUBREAPER, 1)
    _import_all()
    gc.freeze()  # what a worker collects is its own
    serve(channel)


if __name__ == "__main__":
    main(sys.argv[1:])
