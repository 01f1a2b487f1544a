"""A machine that is measured runs nothing else, and is free again whatever ends the measurement."""

from __future__ import annotations

import time
from typing import Any

import pytest

pytest.importorskip("distributed", reason="dask is not installed (pip install 'einbench[dask]')")

from distributed import Client, LocalCluster, get_worker

from einbench.cluster.alone import Abandoned, Gone, alone, refuse_abandoned
from einbench.cluster.kinds import kinds
from einbench.cluster.measured import Job, on_each


@pytest.fixture(scope="module")
def cluster() -> Any:
    with LocalCluster(
        n_workers=2, threads_per_worker=2, dashboard_address=":0", protocol="tcp://"
    ) as found:
        yield found


def nothing(part: float, label: str) -> None:
    """Nobody is told."""


def address(number: int) -> str:
    return str(get_worker().address)


def two_on(client: Client, worker: str) -> Any:
    """Two tasks that no other worker may run."""
    return [
        client.submit(address, n, workers=[worker], allow_other_workers=False, pure=False)
        for n in range(2)
    ]


def test_nothing_runs_beside_a_measurement(cluster: Any) -> None:
    with Client(cluster) as client, Client(cluster) as other:
        (kind,) = kinds(client)
        assert len(kind.workers) == 2
        measuring, neighbour = kind.workers
        with alone(client, measuring, [neighbour], nothing):
            beside = two_on(other, neighbour.address)
            # one thread is free: the one that measures
            assert set(other.gather(two_on(other, measuring.address))) == {measuring.address}
            time.sleep(1)
            assert not any(task.done() for task in beside)
        assert set(other.gather(beside)) == {neighbour.address}


def test_a_client_that_dies_leaves_the_workers_free(cluster: Any) -> None:
    with Client(cluster) as other:
        client = Client(cluster, set_as_default=False)
        (kind,) = kinds(client)
        block = alone(client, kind.workers[0], kind.workers[1:], nothing)
        block.__enter__()
        client.close()
        assert len(other.gather(other.map(address, range(8), pure=False))) == 8


def slow(path: str, progress: Any) -> str:
    """Runs until nobody wants it, and says how it ended."""
    with open(path, "w", encoding="utf-8") as log:  # noqa: PTH123 - one call
        log.write("running\n")
        log.flush()
        try:
            for n in range(600):
                progress(n / 600, "slow")
                time.sleep(0.05)
        except Abandoned:
            log.write("abandoned\n")
            raise
    return "done"


def quick(number: int, progress: Any) -> int:
    progress(0.5, "half")
    return number + 1


def fails(progress: Any) -> None:
    raise ValueError("nothing\nto measure")


def test_answers_come_home_with_their_reason_and_progress(cluster: Any) -> None:
    said: list[tuple[float, str]] = []
    jobs = [Job("quick", quick, (1,)), Job("fails", fails, ()), Job("quick", quick, (2,))]
    with Client(cluster) as client:
        answers = list(on_each(client, kinds(client), jobs, lambda p, text: said.append((p, text))))
    assert [(a.found, a.reason) for a in answers] == [
        (2, ""),
        (None, "nothing to measure"),
        (3, ""),
    ]
    parts = [part for part, _ in said]
    assert parts == sorted(parts)
    assert parts[-1] == 1.0


def test_a_task_that_nobody_waits_for_ends(cluster: Any, tmp_path: Any) -> None:
    path = tmp_path / "log"
    with Client(cluster) as client:
        answers = on_each(client, kinds(client), [Job("slow", slow, (str(path),))], stop_when(path))
        with pytest.raises(KeyboardInterrupt):
            next(answers)
        end_s = time.monotonic() + 20
        while "abandoned" not in path.read_text(encoding="utf-8"):
            assert time.monotonic() < end_s
            time.sleep(0.1)
        assert len(client.gather(client.map(address, range(8), pure=False))) == 8


def stop_when(path: Any) -> Any:
    def progress(part: float, label: str) -> None:
        if path.exists():
            raise KeyboardInterrupt

    return progress


def dies(progress: Any) -> None:
    import os

    os._exit(1)


@pytest.mark.long
def test_a_worker_that_dies_while_it_measures_is_said() -> None:
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        jobs = [Job("dies", dies, ()), Job("quick", quick, (1,))]
        answers = list(on_each(client, kinds(client), jobs, nothing))
    assert [answer.found for answer in answers] == [None, None]
    assert all("left while it measured" in answer.reason for answer in answers)


def test_what_is_outside_a_task_cannot_be_abandoned() -> None:
    with pytest.raises(ValueError, match="No worker"):
        refuse_abandoned()
    assert issubclass(Gone, OSError)
