"""A cluster that cannot be used says why in one line, before anything is sent to it."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("distributed", reason="dask is not installed (pip install 'einbench[dask]')")

from distributed import Client, LocalCluster

import einbench
from einbench.cluster.connect import connected, connection


def _line(problem: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(problem.value)
    assert "\n" not in text
    return text


def test_a_scheduler_that_is_not_there(free_port: Callable[[], int]) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(OSError, match="no scheduler answers") as problem:
        connected(address, timeout_s=1)
    assert address in _line(problem)


def test_something_that_answers_nothing() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began_s = time.monotonic()
        with pytest.raises(OSError, match="no scheduler answers") as problem:
            connected(f"127.0.0.1:{silent.getsockname()[1]}", timeout_s=1)
        assert time.monotonic() - began_s < 30
        _line(problem)


@pytest.mark.parametrize("address", ["", "  ", "nowhere://1.2.3.4:5", "tcp://127.0.0.1:notaport"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises((ValueError, OSError), match="expected an address") as problem:
        connected(address, timeout_s=1)
    _line(problem)


def test_what_is_neither_address_nor_client() -> None:
    with pytest.raises(TypeError, match="not int"):
        connected(8786)  # type: ignore[arg-type]


def test_a_scheduler_without_workers(scheduler: str) -> None:
    with pytest.raises(ValueError, match="no workers; start one: dask worker") as problem:
        connected(scheduler, timeout_s=1)
    _line(problem)


def test_without_dask() -> None:
    script = (
        "import sys; sys.modules['distributed'] = None\n"
        "from einbench.cluster.connect import connected\n"
        "try:\n    connected('tcp://127.0.0.1:1')\n"
        "except ImportError as problem:\n    print(problem)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "pip install 'einbench[dask]'" in done.stdout
    assert done.stdout.count("\n") == 1


def _hidden(folder: Path, text: str) -> str:
    """A folder on PYTHONPATH that has this in place of einbench."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(text, encoding="utf-8")
    return str(folder)


_NONE = (
    "import sys\n"
    "class Without:\n"
    "    def find_spec(self, name, path=None, target=None):\n"
    "        if name == 'einbench':\n"
    "            raise ModuleNotFoundError('no einbench', name=name)\n"
    "sys.meta_path.insert(0, Without())\n"
)
_OTHER = (
    "import sys, types\nmodule = types.ModuleType('einbench')\n"
    "module.__version__ = '0.0.7'\nsys.modules['einbench'] = module\n"
)


@pytest.mark.parametrize(
    ("text", "said"), [(_NONE, "no einbench"), (_OTHER, "einbench 0.0.7")], ids=["none", "other"]
)
def test_a_worker_without_this_einbench(
    scheduler: str, started: Any, tmp_path: Path, text: str, said: str
) -> None:
    started(
        "worker", scheduler, "--no-nanny", "--no-dashboard", "--nthreads", "1",
        PYTHONPATH=_hidden(tmp_path / "path", text),
    )  # fmt: skip
    with pytest.raises(ValueError, match=said) as problem:
        connected(scheduler, timeout_s=60)
    assert f"expected einbench {einbench.__version__}" in _line(problem)


def test_a_worker_started_as_a_user_does(scheduler: str, started: Any) -> None:
    started("worker", scheduler, "--no-dashboard", "--nthreads", "1")
    with connection(scheduler) as client:
        worker = next(iter(client.nthreads()))
        with pytest.raises(ValueError, match="address of a worker, not of a scheduler"):
            connected(worker)
        assert client.submit(sum, [1, 2]).result() == 3
        assert connected(client) is client
        with connection(client) as same:
            assert same is client
        assert client.status == "running"
    assert client.status == "closed"
    with pytest.raises(ValueError, match="this client is closed"):
        connected(client)


def test_an_asynchronous_client_is_refused() -> None:
    import asyncio

    async def ask() -> None:
        async with (
            LocalCluster(
                n_workers=0, processes=False, asynchronous=True, dashboard_address=":0"
            ) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            with pytest.raises(ValueError, match="asynchronous"):
                connected(client)

    asyncio.run(ask())
