"""Kernels that run in other processes: those of libraries, and isolated ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from einbench.einsum.expression import text_of
from einbench.kernel import Kernel
from einbench.libraries import library_kernels
from einbench.libraries.contestants import CONTESTANTS, contestants
from einbench.libraries.runtimes import LIBRARIES, modules_of
from einbench.measure.remote import in_workers, remote, stays
from einbench.measure.workers import Workers
from einbench.numeric import check_time_limit
from einbench.operation import Operation
from einbench.problem import Problem


class ExternalKernels:
    """Requested libraries, and kernels that do not run in this process."""

    def __init__(
        self, libraries: tuple[str, ...] = (), isolate: bool | None = None,
        ops: Sequence[Operation] = (), time_limit_s: float | None = None,
    ) -> None:  # fmt: skip
        """Processes start when they are first needed.

        Args:
            libraries: that compete.
            isolate: whether kernels run in a process of their own; None: those of plugins.
            ops: that are asked for.
            time_limit_s: for one answer of a process; see `Workers`.

        Raises:
            TypeError: the time limit is no number.
            ValueError: it is not above 0; no library is called so, or none of the operations is of
                a kind that it has kernels of; the message lists the nearest names.
        """
        self._names = list(modules_of(libraries))
        _refuse_without(self._names, ops)
        self._library_kernels = library_kernels(*self._names) if self._names else {}
        self._isolate = isolate
        self._time_limit_s = None if time_limit_s is None else check_time_limit(time_limit_s)
        self._workers: Workers | None = None

    def settings(self) -> dict[str, Any]:
        """The settings that differ from the defaults, for the document."""
        named = {"with": self._names} if self._names else {}
        isolated = {} if self._isolate is None else {"isolate": self._isolate}
        limited = {} if self._time_limit_s is None else {"time_limit_s": self._time_limit_s}
        return {**named, **isolated, **limited}

    @contextmanager
    def started(self, threads: int) -> Iterator[None]:
        """Inside the block the worker pool is running; its processes end with it."""
        with Workers(threads, self._time_limit_s) as self._workers:
            yield

    def kernels(self, op: Operation) -> dict[str, Kernel]:
        """The operation's own; those that run in workers have been sent there.

        Raises:
            Refused: one cannot be sent to another process.
        """
        if all(stays(kernel, self._isolate) for kernel in op):
            return dict(op.kernels)
        assert self._workers is not None  # noqa: S101 - it was started
        found = {k.method: k for k in in_workers(op, self._workers, self._isolate)}
        for kernel in found.values():
            body = remote(kernel)
            if body is not None and kernel.available:
                body.ready()
        return found

    def library_kernels(self, problem: Problem) -> dict[str, Kernel]:
        """The libraries' kernels that apply to a problem."""
        op = problem.operation
        here = self._library_kernels.get(op.name) or contestants(op, self._names)
        if not here or self._workers is None:
            return {}
        applying = [k for k in here if k.body.applies(problem)]  # type: ignore[attr-defined]
        return {k.method: k for k in in_workers(applying, self._workers)}

    def release(self) -> None:
        """Free what was prepared for a problem."""
        if self._workers is not None:
            self._workers.release()

    def end(self, op: Operation) -> None:
        """End the process of an operation's isolated kernels."""
        if self._workers is not None:
            self._workers.end(op)

    def facts(self) -> dict[str, Any]:
        """Versions, threads and idle processor time of each library's process."""
        found = self._workers.facts() if self._workers is not None else {}
        return {"libraries": found} if found else {}


def _refuse_without(libraries: Sequence[str], ops: Sequence[Operation]) -> None:
    stated = [bool(text_of(op)) for op in ops]
    for name in libraries if ops else ():
        if name not in LIBRARIES and not any(stated):
            raise ValueError(
                f"{name} contracts einsum expressions alone: einbench einsum; here: "
                f"{', '.join(LIBRARIES)}"
            )
        if name not in CONTESTANTS and all(stated):
            raise ValueError(
                f"{name} has no kernel of an einsum expression; known: {', '.join(CONTESTANTS)}"
            )
