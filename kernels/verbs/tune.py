"""tune() and wisdom(): measure ahead, and see what is remembered, here or on a whole cluster."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from einbench.choose import machines
from einbench.choose.book import RIGORS
from einbench.choose.kept import refuse_unwritable
from einbench.choose.tune import BATCHES, plan
from einbench.choose.tune import tune as fill
from einbench.choose.wisdom import wisdom as remembered
from einbench.contexts import check_context
from einbench.host.machine import machine
from einbench.names import unknown
from einbench.operation import Operation
from einbench.verbs.fleet import OnMachine, Progress, gather, tune_fleet
from einbench.verbs.tuned import row


@dataclass(frozen=True)
class Machines:
    """What was tuned, or is remembered, machine by machine; print it."""

    machines: tuple[OnMachine, ...]

    def __repr__(self) -> str:
        """In a line; `print` has the winners."""
        cells = sum(len(each.found) for each in self.machines)
        choices = sum(each.choices for each in self.machines)
        return f"<{len(self.machines)} machines, {cells} cells tuned, {choices} choices remembered>"

    def __str__(self) -> str:
        from einbench.report.machines import tuned_lines

        width = max(shutil.get_terminal_size((100, 24)).columns, 40)
        lines = tuned_lines(self.machines, width)
        return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def tune(
    names: Operation | str | Iterable[Operation | str] = (),
    batches: Sequence[int] = BATCHES,
    dtypes: Sequence[npt.DTypeLike] = ("float32",),
    *,
    rigor: str = "measure",
    threads: int | None = None,
    again: bool = False,
    context: str | None = None,
    client: Any = None,
    progress: Progress | None = None,
    **sizes: int,
) -> Machines:
    """Measure ahead which kernels are fastest, here or on every machine of a Dask cluster.

    What is remembered already is not measured again. On a cluster every distinct machine measures
    on one of its workers, one machine after the other, each while it runs nothing else; the choices
    go to the memory of that machine, to those of others of its kind, and come home with their
    machine, where ``einbench fastest --machine`` answers from them.

    Args:
        names: operations or their names, by default all.
        batches: rows per call.
        dtypes: float32, float64 or both.
        rigor: ``measure``, or ``patient`` for up to ten times as long.
        threads: of BLAS and compiled kernels; None leaves them as they are here, and takes 1 on a
            cluster, which is what a task has.
        again: measure whatever is remembered.
        context: that kernels are to be the fastest in; None takes what `choosing` says.
        client: a `distributed.Client`, or the address of a scheduler.
        progress: called with the part done, between 0 and 1, and what is being done.
        sizes: of other axes than rows.

    Returns:
        `Machines`, one or several, with a row a cell and a line for each failure.

    Raises:
        ValueError: anything requested does not exist or does not fit, nothing can be kept, or the
            cluster has no worker, or one without this einbench.
        OSError: the scheduler does not answer, or the folder of choices cannot be written.
        ImportError: dask is not installed.
    """
    if rigor not in RIGORS[1:]:
        raise ValueError(unknown("rigor", rigor, RIGORS[1:]))
    if context is not None:
        check_context(context)
    given = [names] if isinstance(names, Operation | str) else list(names)
    problems = plan(given, batches, dtypes, sizes)
    ops = list(dict.fromkeys(each.operation.name for each in problems))
    if client is None:
        refuse_unwritable(remembered(), ops)
        done = fill(problems, rigor, threads, again=again, context=context, progress=progress)
        rows = [row(tuned) for tuned in done]
        return Machines((OnMachine(machine(), 1, rows, []),))
    settings = {
        "batches": list(batches), "dtypes": [str(each.dtype) for each in problems],
        "sizes": sizes, "rigor": rigor, "threads": threads, "again": again, "context": context,
    }  # fmt: skip
    return Machines(tuple(tune_fleet(client, ops, settings, progress)))


def wisdom(client: Any = None) -> Machines:
    """How many choices each machine remembers: those brought home, or all of a cluster's now.

    With a client every distinct machine of the cluster is asked, and all that it remembers is kept
    here, with the machine.

    Raises:
        ValueError, OSError, ImportError: as `tune`.
    """
    if client is not None:
        return Machines(tuple(gather(client)))
    own = machines.here(remembered())
    found, _ = machines.known(remembered())
    others = [known for known in found if known.facts["fingerprint"] != own.facts["fingerprint"]]
    return Machines(
        tuple(
            OnMachine(
                known.facts, 0, [], [], sum(len(book.choices) for book in known.books.values())
            )
            for known in (own, *others)
        )
    )
