"""Schedulers and workers as processes of their own, for the tests of this folder."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

#: the variables that a nanny sets, and those that would reach a worker from these tests
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

Started = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    def port() -> int:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            return int(found.getsockname()[1])

    return port


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    """Start ``dask scheduler`` or ``dask worker``, as a user does; all end with the test."""
    running: list[subprocess.Popen[str]] = []

    def start(*words: str, python: str = sys.executable, **variables: str) -> Any:
        kept = {name: value for name, value in os.environ.items() if name not in _THREADS}
        with (tmp_path / f"{words[0]}-{len(running)}.log").open("w", encoding="utf-8") as log:
            process = subprocess.Popen(
                [python, "-m", "dask", *words],
                env={**kept, **variables}, stdout=log, stderr=log, text=True, cwd=tmp_path,
            )  # fmt: skip
        running.append(process)
        return process

    yield start
    for process in reversed(running):
        process.terminate()
    for process in running:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
def scheduler(started: Started, free_port: Callable[[], int]) -> str:
    """Its address; it has no workers yet."""
    pytest.importorskip("distributed", reason="dask is not installed")
    port = free_port()
    started("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    end_s = time.monotonic() + 60
    while time.monotonic() < end_s:
        with socket.socket() as found:
            if found.connect_ex(("127.0.0.1", port)) == 0:
                return f"tcp://127.0.0.1:{port}"
        time.sleep(0.1)
    raise AssertionError("the scheduler does not answer")
