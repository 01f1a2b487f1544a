"""The machines of a cluster: what each of them measures, remembers, and says of itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from einbench.choose import machines
from einbench.choose.exchange import Export, exported, import_choices
from einbench.choose.kept import refuse_unwritable
from einbench.choose.tune import plan
from einbench.choose.tune import tune as fill
from einbench.choose.wisdom import wisdom as remembered
from einbench.cluster.connect import connection
from einbench.cluster.kinds import Kind, kinds
from einbench.cluster.measured import Job, on_each
from einbench.host.machine import machine
from einbench.moment import now
from einbench.records.einbench_file import SEVERAL
from einbench.verbs.tuned import row

if TYPE_CHECKING:
    from distributed import Client

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class OnMachine:
    """What one machine of a cluster gave, and what it could not."""

    #: as `einbench machine` states them
    machine: Mapping[str, Any]
    #: of its kind there are so many
    workers: int
    #: rows of what was tuned, or one comparison as a document
    found: list[dict[str, Any]]
    #: a line for each failure
    reasons: list[str]
    #: how many choices it remembers now, where they were brought home
    choices: int = 0


def tune_fleet(
    client: str | Client,
    names: Sequence[str],
    settings: Mapping[str, Any],
    progress: Progress | None = None,
) -> list[OnMachine]:
    """Tune on every distinct machine of a cluster, and bring what they remember home.

    Each is stored in the memory of the machine itself, and in those of others of its kind. Ctrl-C
    keeps what was measured by then, on the machines and, of those that were finished, here.

    Args:
        client: of a cluster, or the scheduler's address.
        names: of operations.
        settings: of `tune_here`.
        progress: called with the part done and what is being done.

    Raises:
        As `einbench.cluster.connect.connected`.
    """
    report = progress or (lambda part, label: None)
    memory = remembered()
    refuse_unwritable(memory, [])
    with connection(client) as connected:
        report(0.0, "asking which machines there are")
        all_kinds = kinds(connected)
        jobs = [Job(name, tune_here, (name, dict(settings))) for name in names]
        rows: dict[int, list[dict[str, Any]]] = {}
        reasons: dict[int, list[str]] = {}
        try:
            for answer in on_each(connected, all_kinds, jobs, report):
                number = all_kinds.index(answer.kind)
                rows.setdefault(number, []).extend(answer.found or [])
                if answer.reason:
                    reasons.setdefault(number, []).append(answer.reason)
        finally:
            gathered = {
                number: _brought_home(connected, all_kinds[number], reasons.setdefault(number, []))
                for number in rows
            }
    return [
        OnMachine(
            kind.facts, len(kind.workers), rows.get(number, []),
            list(dict.fromkeys(reasons.get(number, []))), gathered.get(number, 0),
        )
        for number, kind in enumerate(all_kinds)
    ]  # fmt: skip


def gather(client: str | Client) -> list[OnMachine]:
    """What all machines of a cluster remember, brought home with their machine.

    Raises:
        As `einbench.cluster.connect.connected`.
    """
    refuse_unwritable(remembered(), [])
    found = []
    with connection(client) as connected:
        for kind in kinds(connected):
            reasons: list[str] = []
            choices = _brought_home(connected, kind, reasons)
            found.append(OnMachine(kind.facts, len(kind.workers), [], reasons, choices))
    return found


def compare_fleet(
    client: str | Client,
    names: Sequence[str],
    settings: Mapping[str, Any],
    progress: Progress | None = None,
) -> list[OnMachine]:
    """Compare on every distinct machine of a cluster; of each a document in ``found``.

    Raises:
        As `einbench.cluster.connect.connected`.
    """
    report = progress or (lambda part, label: None)
    budget_s = settings.get("budget_s")
    given = {**settings, "budget_s": budget_s and budget_s / len(names)}
    with connection(client) as connected:
        report(0.0, "asking which machines there are")
        all_kinds = kinds(connected)
        jobs = [Job(name, compare_here, (name, given)) for name in names]
        documents: dict[int, list[dict[str, Any]]] = {}
        reasons: dict[int, list[str]] = {}
        stopped = False
        try:
            for answer in on_each(connected, all_kinds, jobs, report):
                number = all_kinds.index(answer.kind)
                if answer.found:
                    documents.setdefault(number, []).append(json.loads(answer.found))
                if answer.reason:
                    reasons.setdefault(number, []).append(answer.reason)
        except KeyboardInterrupt:
            stopped = True
    return [
        OnMachine(
            kind.facts, len(kind.workers),
            _together(documents.get(number, []), budget_s, stopped),
            list(dict.fromkeys(reasons.get(number, []))),
        )
        for number, kind in enumerate(all_kinds)
    ]  # fmt: skip


def comparisons(found: Iterable[OnMachine]) -> dict[str, Any]:
    """One document of several machines' comparisons."""
    return {
        "schema": SEVERAL,
        "date": now(),
        "comparisons": [document for each in found for document in each.found],
    }


def tune_here(
    name: str, settings: Mapping[str, Any], *, progress: Progress
) -> list[dict[str, Any]]:
    """In a worker: fill this machine's memory for one operation.

    Raises:
        ValueError: nothing can be kept here, or something requested does not exist or fit.
    """
    given = dict(settings)
    problems = plan([name], given["batches"], given["dtypes"], given["sizes"])
    refuse_unwritable(remembered(), [each.operation.name for each in problems])
    return [
        row(tuned)
        for tuned in fill(
            problems, given["rigor"], given["threads"] or 1, again=given["again"],
            context=given["context"], progress=progress,
        )
    ]  # fmt: skip


def compare_here(name: str, settings: Mapping[str, Any], *, progress: Progress) -> str:
    """In a worker: a comparison of one operation, as JSON.

    Raises:
        As `einbench.compare`.
    """
    from einbench.verbs.compare import compare

    given = dict(settings)
    sizes = given.pop("sizes")
    threads = given.pop("threads") or 1
    found = compare(name, threads=threads, progress=progress, **given, **sizes)
    return json.dumps(found.document(), allow_nan=False)


def export_here() -> str:
    """In a worker: all that this machine remembers, as JSON."""
    return json.dumps(exported(remembered(), machine(), now()), allow_nan=False)


def import_here(document: str) -> int:
    """In a worker: take in what another machine of its kind remembers; how many choices."""
    given = json.loads(document)
    found = machines.read(given)
    export = Export(dict(found.books), given.get("paces"))
    imported = import_choices(remembered(), export, found.date)
    return imported.answers + imported.hints


def _brought_home(client: Client, kind: Kind, reasons: list[str]) -> int:
    """How many choices; they are given to the other memories of that kind as well."""
    first, *others = [worker.address for worker in kind.memories]
    try:
        text = client.submit(
            export_here, key=f"wisdom-{first}", workers=[first], pure=False
        ).result(timeout=60)
        known = machines.read(json.loads(text))
        machines.keep(remembered(), json.loads(text))
        for address in others:
            client.submit(import_here, text, workers=[address], pure=False).result(timeout=60)
    except Exception as problem:  # whatever a worker raises; other machines are brought home
        reasons.append(f"not brought home: {' '.join(str(problem).split())[:200]}")
        return 0
    return sum(len(book.choices) for book in known.books.values())


def _together(
    documents: list[dict[str, Any]], budget_s: float | None, stopped: bool
) -> list[dict[str, Any]]:
    """One document of a machine's comparisons, an operation each."""
    if not documents:
        return []
    first = documents[0]
    settings = {**first["settings"], "operations": [
        name for each in documents for name in each["settings"]["operations"]
    ]}  # fmt: skip
    if budget_s:
        settings["budget_s"] = budget_s
    settings["timed_s"] = sum(each["settings"].get("timed_s") or 0.0 for each in documents)
    return [{
        **first,
        "date": max(each["date"] for each in documents),
        "settings": settings,
        "wall_s": sum(each["wall_s"] for each in documents),
        "interrupted": stopped or any(each["interrupted"] for each in documents),
        "records": [record for each in documents for record in each["records"]],
    }]  # fmt: skip
