"""Who competes beside an operation's own kernels, and in which processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from einbench.kernel import Kernel
from einbench.libraries import guests
from einbench.libraries.runtimes import modules_of
from einbench.measure.remote import hosted, remote
from einbench.measure.workers import Workers
from einbench.operation import Operation
from einbench.problem import Problem


class Entrants:
    """Libraries that were asked for, and kernels that do not run in this process."""

    def __init__(self, libraries: tuple[str, ...] = (), isolate: bool = False) -> None:
        """Processes start when they are first needed.

        Raises:
            ValueError: no library is called so; the message lists the nearest names.
        """
        self._names = list(modules_of(libraries))
        self._guests = guests(*self._names) if self._names else {}
        self._isolate = isolate
        self._workers: Workers | None = None

    def settings(self) -> dict[str, Any]:
        """What was asked for, where it was."""
        named = {"with": self._names} if self._names else {}
        return {**named, **({"isolate": True} if self._isolate else {})}

    @contextmanager
    def started(self, threads: int) -> Iterator[None]:
        """The pool is there inside the block, and nothing of it after."""
        with Workers(threads) as self._workers:
            yield

    def kernels(self, op: Operation) -> dict[str, Kernel]:
        """The operation's own; those that run in workers have been given to them.

        Raises:
            Refused: one cannot be given to another process.
        """
        if not self._isolate and all(kernel.here for kernel in op):
            return dict(op.kernels)
        assert self._workers is not None  # noqa: S101 - it was started
        found = {k.method: k for k in hosted(op, self._workers, self._isolate)}
        for kernel in found.values():
            body = remote(kernel)
            if body is not None and kernel.available:
                body.ready()
        return found

    def guests(self, problem: Problem) -> dict[str, Kernel]:
        """The libraries' kernels that there are for a problem."""
        here = self._guests.get(problem.operation.name, [])
        if not here or self._workers is None:
            return {}
        applying = [k for k in here if k.body.applies(problem)]  # type: ignore[attr-defined]
        return {k.method: k for k in hosted(applying, self._workers)}

    def release(self) -> None:
        """A problem is over."""
        if self._workers is not None:
            self._workers.release()

    def end(self, op: Operation) -> None:
        """An operation is over."""
        if self._workers is not None:
            self._workers.end(op)

    def facts(self) -> dict[str, Any]:
        """Of each library's process."""
        found = self._workers.facts() if self._workers is not None else {}
        return {"libraries": found} if found else {}
