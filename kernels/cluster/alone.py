"""A machine of a cluster that runs one task and nothing else, while that is measured.

Every other thread for tasks, of all workers on that host, is given a task that sleeps. They come
after what runs there already, and before what waits: a measurement begins when all of them sleep.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from einbench.cluster.kinds import Worker
from einbench.cluster.waiting import awaited

if TYPE_CHECKING:
    from distributed import Client, Future

#: before tasks that have none
PRIORITY = 1_000_000
_LOCK = "einbench-measuring"
_EVERY_S = 0.1
#: within so many seconds a worker that has nothing to do begins a task
_AT_ONCE_S = 2.0
#: (part done between 0 and 1, what is being done)
Progress = Callable[[float, str], None]


class Abandoned(Exception):  # noqa: N818 - nothing is wrong: nobody waits for it any more
    """The task that runs was given up by whoever asked for it."""


class Gone(OSError):  # noqa: N818 - as above
    """A worker left the cluster while it measured."""


@contextlib.contextmanager
def one_at_a_time(client: Client, report: Progress) -> Iterator[None]:
    """Wait until no other client measures on this cluster, and keep others waiting."""
    from distributed import Lock

    lock = Lock(_LOCK, scheduler_rpc=client.scheduler, loop=client.loop)
    while not lock.acquire(timeout=1):
        report(0.0, "waiting for another measurement on this cluster")
    try:
        yield
    finally:
        with contextlib.suppress(OSError, RuntimeError):  # the scheduler may be gone
            lock.release()


@contextlib.contextmanager
def alone(
    client: Client, measuring: Worker, neighbours: Sequence[Worker], report: Progress
) -> Iterator[None]:
    """One thread of ``measuring`` is free in the block; its others, and neighbours', sleep.

    Raises:
        Gone: a worker that was to sleep left.
    """
    slots = [w.address for w in neighbours for _ in range(w.threads)]
    slots += [measuring.address] * (measuring.threads - 1)
    held = [
        client.submit(
            _sleep, key=f"einbench_hold-{uuid.uuid4().hex}", workers=[address],
            allow_other_workers=False, pure=False, priority=PRIORITY,
        )
        for address in slots
    ]  # fmt: skip
    try:
        _wait_until_asleep(client, held, slots, report)
        yield
    finally:
        # released, as by a client that is closed: the tasks see it and end
        if client.status == "running":
            client.cancel(held, force=True)


def _wait_until_asleep(
    client: Client, held: list[Future], slots: list[str], report: Progress
) -> None:
    hosts, keys = sorted(set(slots)), [future.key for future in held]
    began_s = time.monotonic()
    while hosts:
        counts = client.run(_asleep, keys, workers=hosts, on_error="return")
        if lost := [a for a, count in counts.items() if isinstance(count, BaseException)]:
            raise Gone(f"worker {lost[0]} left while its machine was to be measured")
        left = len(keys) - sum(counts.values())
        if left <= 0:
            return
        if time.monotonic() - began_s > _AT_ONCE_S:
            report(0.0, f"waiting for {left} running task{'s' * (left != 1)} of others")
        time.sleep(_EVERY_S)


def result_of(client: Client, future: Future, address: str, look: Callable[[], None]) -> Any:
    """What a task on this worker gives; ``look`` is called while it is waited for.

    Raises:
        Gone: the worker left, or the scheduler.
    """
    looked_s = time.monotonic()

    def look_there() -> None:
        nonlocal looked_s
        look()
        if time.monotonic() - looked_s > 2:
            looked_s = time.monotonic()
            if client.status != "running" or address not in client.nthreads():
                raise Gone(f"worker {address} left while it measured")

    return awaited(future, look_there)


def refuse_abandoned() -> None:
    """Raise in a task that nobody waits for any more.

    Raises:
        Abandoned: as said.
    """
    if not _wanted():
        raise Abandoned


def _sleep() -> None:
    while _wanted():
        time.sleep(_EVERY_S)


def _wanted() -> bool:
    """Whether the task that calls this is still to give a result."""
    from distributed import get_worker

    worker = get_worker()
    task = worker.state.tasks.get(worker.get_current_task())
    return task is not None and task.state == "executing" and worker.status.name == "running"


def _asleep(keys: Sequence[str], dask_worker: Any) -> int:
    """How many of these tasks the worker runs now."""
    tasks = (dask_worker.state.tasks.get(key) for key in keys)
    return sum(task is not None and task.state == "executing" for task in tasks)
