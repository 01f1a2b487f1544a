"""Something measured on every machine of a cluster, one after the other, and brought home."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from einbench.cluster.alone import (
    PRIORITY,
    Gone,
    Progress,
    alone,
    one_at_a_time,
    refuse_abandoned,
    result_of,
)
from einbench.cluster.kinds import Kind, Worker
from einbench.names import shortened

if TYPE_CHECKING:
    from distributed import Client


class Job(NamedTuple):
    """What is measured on each machine: ``function(*given, progress=...)``, plain data."""

    #: of the operation; tasks are named after it
    name: str
    function: Callable[..., Any]
    given: tuple[Any, ...]


class Answer(NamedTuple):
    """Of one job on one machine."""

    kind: Kind
    job: Job
    #: what the function gave; None where it could not
    found: Any
    #: why that was
    reason: str = ""


def on_each(
    client: Client, kinds: Sequence[Kind], jobs: Sequence[Job], progress: Progress
) -> Iterator[Answer]:
    """Answers, machine after machine, each as soon as it is there.

    A machine measures on one worker while that runs nothing else, nor any other on its host. A
    task has one thread of BLAS and of compiled kernels, unless its function takes more.
    """
    every = [worker for kind in kinds for worker in kind.workers]
    count = len(kinds) * len(jobs)
    with one_at_a_time(client, progress):
        for number, kind in enumerate(kinds):
            where = f"{number + 1} of {len(kinds)}: " if len(kinds) > 1 else ""

            def report(part: float, label: str, n: int = number, where: str = where) -> None:
                progress((n * len(jobs) + part) / count, f"{where}{label}")

            yield from _on_one(client, kind, every, jobs, report)
    progress(1.0, "done")


def _on_one(
    client: Client,
    kind: Kind,
    every: Sequence[Worker],
    jobs: Sequence[Job],
    report: Progress,
) -> Iterator[Answer]:
    measuring = kind.measuring
    neighbours = [w for w in every if w.host == measuring.host and w != measuring]
    done = 0
    try:
        with alone(client, measuring, neighbours, report):
            for job in jobs:
                report(float(done), f"{job.name} on {kind.facts['cpu']}")

                def of_job(part: float, label: str, n: int = done) -> None:
                    report(n + part, label)

                yield _answer(client, kind, job, of_job)
                done += 1
    except Gone as problem:
        for job in jobs[done:]:
            yield Answer(kind, job, None, str(problem))


def _answer(client: Client, kind: Kind, job: Job, report: Progress) -> Answer:
    address = kind.measuring.address
    topic = f"einbench-{uuid.uuid4().hex}"
    said: list[Any] = []
    client.subscribe_topic(topic, lambda event: said.append(event[1]))
    future = client.submit(
        _run, job.function, job.given, topic, key=f"{job.name}-{uuid.uuid4().hex}",
        workers=[address], allow_other_workers=False, pure=False, priority=PRIORITY,
    )  # fmt: skip

    def look() -> None:
        if said:
            part, label = said[-1]
            said.clear()
            report(float(part), str(label))

    try:
        return Answer(kind, job, result_of(client, future, address, look))
    except Gone:
        raise
    except Exception as problem:  # whatever went wrong there, other machines go on
        kept = "" if isinstance(problem, ValueError | OSError) else f"{type(problem).__name__}: "
        return Answer(kind, job, None, kept + shortened(" ".join(str(problem).split()), 300))
    finally:
        future.cancel(force=True)
        client.unsubscribe_topic(topic)


def _run(function: Callable[..., Any], given: tuple[Any, ...], topic: str) -> Any:
    """In the worker; it ends where nobody waits for it any more."""
    from distributed import get_worker

    from einbench.cluster.worker import prepare

    worker = get_worker()

    def report(part: float, label: str) -> None:
        refuse_abandoned()
        worker.log_event(topic, [part, label])

    with prepare():
        return function(*given, progress=report)
