"""Which machines a cluster is made of: workers whose choices are alike are one kind."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from einbench.cluster.worker import machine

if TYPE_CHECKING:
    from distributed import Client


class Worker(NamedTuple):
    """A worker, and where it runs."""

    address: str
    #: which workers share its cores
    host: str
    #: tasks that it runs at once
    threads: int
    #: the folder of remembered choices
    wisdom: str
    #: that it may use
    cores: int


@dataclass(frozen=True)
class Kind:
    """Workers on machines with the same processor, caches, BLAS and versions."""

    #: as `einbench machine` states them
    facts: Mapping[str, Any]
    #: what tells choices apart: see `einbench.cluster.worker.machine`
    machine: str
    workers: tuple[Worker, ...]

    @property
    def measuring(self) -> Worker:
        """The one that measures for all of the kind: of those with most cores the first."""
        return self.workers[0]

    @property
    def memories(self) -> list[Worker]:
        """A worker of each folder of choices, the measuring one's first."""
        found: dict[tuple[str, str], Worker] = {}
        for worker in self.workers:
            found.setdefault((worker.host, worker.wisdom), worker)
        return list(found.values())


def kinds(client: Client) -> list[Kind]:
    """The distinct machines of a cluster, those with most workers first.

    Raises:
        OSError: a worker does not answer.
    """
    threads = client.nthreads()
    together: dict[tuple[Any, ...], list[tuple[dict[str, Any], Worker]]] = {}
    for address, said in sorted(client.run(_said, on_error="return").items()):
        if isinstance(said, BaseException):
            raise OSError(f"worker {address} does not say what machine it is on: {said}")
        if address not in threads:
            continue  # it has left
        facts = said["facts"]
        cores = facts["usable_cores"]
        worker = Worker(address, said["host"], threads[address], said["wisdom"], cores)
        alike = (facts["fingerprint"], said["machine"])
        together.setdefault(alike, []).append((facts, worker))
    found = []
    for alike, each in together.items():
        each.sort(key=lambda one: -one[1].cores)
        found.append(Kind(each[0][0], alike[-1], tuple(worker for _, worker in each)))
    return sorted(found, key=lambda kind: (-len(kind.workers), kind.machine))


def _said() -> dict[str, Any]:
    """Of the process that this runs in."""
    from einbench.host.folders import wisdom_folder
    from einbench.host.machine import machine as facts

    folder = wisdom_folder()
    return {
        "facts": facts(),
        "machine": machine(),
        "host": socket.gethostname(),
        # where nothing is kept on disk every process has a memory of its own
        "wisdom": f"{folder} {os.getpid()}" if folder == os.devnull else folder,
    }
