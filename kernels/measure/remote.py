"""A kernel that is called in a worker process, with the interface of a local kernel.

Its effects are reproduced here: changed inputs are copied back, a result aliases what it aliased
there, exceptions are raised again, and if the process dies that is the reason of the failure.
"""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from operator import is_
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.body import Function, copy_to
from einbench.check.sized import Incomplete
from einbench.kernel import Kernel
from einbench.libraries.runtime import Runtime
from einbench.libraries.runtimes import runtime
from einbench.measure import transfer
from einbench.measure.process import Process, WorkerEnded
from einbench.measure.results import ResultDecoder
from einbench.measure.workers import Workers
from einbench.plugins import of_plugin

Array = npt.NDArray[Any]


def in_workers(
    kernels: Iterable[Kernel], workers: Workers, isolate: bool | None = False
) -> list[Kernel]:
    """Local kernels unchanged, the others as `Remote`; all as `Remote` where isolated.

    Args:
        kernels: of any runtime.
        workers: that they are called in.
        isolate: None isolates those of plugins.
    """
    return [k if stays(k, isolate) else replace(k, body=Remote(workers, k)) for k in kernels]


def stays(kernel: Kernel, isolate: bool | None) -> bool:
    """Whether it is called in this process."""
    return kernel.here and not (of_plugin(kernel.origin.module) if isolate is None else isolate)


def remote(kernel: Kernel) -> Remote | None:
    """The body of a kernel that is called in a worker; None for any other."""
    return kernel.body if isinstance(kernel.body, Remote) else None


class Remote:
    """The body of a kernel that is called in a worker."""

    def __init__(self, workers: Workers, kernel: Kernel) -> None:
        self._workers = workers
        self._kernel = kernel
        self._process: Process | None = None
        self._decoder = ResultDecoder()
        self.source = kernel.body.source
        self.parallel = kernel.body.parallel
        self.takes_out = kernel.takes_out
        self.without = kernel.without
        self.compile_s = None
        self.prepare_s: float | None = None
        #: processor time by wall time of every turn since the pool was last released
        self._cores: list[float] = []
        self._cores_since = -1
        self._bound: RemoteCall | None = None

    def files(self) -> frozenset[str]:
        """Source files of the kernel itself."""
        return self._kernel.body.files()

    def why_unavailable(self) -> str:
        """The library is missing, or the kernel cannot be sent to another process."""
        try:
            library: Runtime = runtime(self._kernel.runtime)
        except ValueError as problem:
            return str(problem)
        return library.reason or self._kernel.body.why_unavailable()

    def __call__(self, *arrays: Array, out: Any = None, **options: str) -> Any:
        """One call in the worker, with these arrays."""
        outs = () if out is None else out if isinstance(out, tuple) else (out,)
        given = (*arrays, *outs) if self.takes_out else arrays
        strict = any(f[0] == "error" and issubclass(RuntimeWarning, f[2]) for f in warnings.filters)
        # threads share the process and the memory of the inputs
        with self._workers.calling, self.running() as process:
            memory, where, _ = self._workers.put(given)
            try:
                answer = process.ask(
                    "call", kernel=self.key, memory=memory, places=where, options=dict(options),
                    outs=len(given) - len(arrays), errors=np.geterr(), strict=strict,
                    results=self._workers.buffer(0),
                )  # fmt: skip
            finally:
                kept = not process.alive or self._workers.copy_back(given)
            if not kept:
                raise ValueError("it writes to a read-only array")
            result = self._workers.decoded(process, answer, self._decoder, arrays)
        if out is None:
            return result
        if not self.takes_out:
            copy_to(out, result)
        return out

    def prepared(self, arrays: Sequence[Array], options: Mapping[str, str]) -> Function:
        """A function that calls it in the worker."""
        return partial(self, **options) if options else self

    def entry(
        self, arrays: Sequence[Array], options: Mapping[str, str], out: Any = None
    ) -> Function:
        """As `prepared`; with ``out`` the last argument is memory for the result."""
        if out is None:
            return self.prepared(arrays, options)
        return lambda *given: self(*given[:-1], out=given[-1], **options)

    def bound(self, arrays: Sequence[Array], options: Mapping[str, str]) -> RemoteCall:
        """A call with these arrays that is timed in the worker."""
        bound = RemoteCall(self, self._workers, tuple(arrays), dict(options))
        if self._bound is None or not self._bound.serves(bound):
            self._bound = bound
        return self._bound

    def ready(self) -> None:
        """Start the process and send the kernel.

        Raises:
            Refused: it cannot be sent to another process.
        """
        with suppress(WorkerEnded, ImportError), self.running():
            pass

    @property
    def key(self) -> str:
        """Identifies the kernel in its process."""
        return f"{self._kernel.runtime}: {self._kernel.operation.name}[{self._kernel.method}]"

    @contextmanager
    def running(self) -> Iterator[Process]:
        """The process, with the kernel loaded; records what it did to it.

        Raises:
            WorkerEnded: as it did before: it is not called again.
        """
        if self.fate is not None:
            raise self.fate
        try:
            yield self._started()
        except WorkerEnded as problem:
            self._workers.fates[self.key] = problem
            raise

    @property
    def fate(self) -> WorkerEnded | None:
        """What it did to a process of its own; None where that goes on."""
        return self._workers.fates.get(self.key)

    @property
    def cores(self) -> float | None:
        """Processor time by wall time of its calls, the median turn's; None before any."""
        return statistics.median(self._cores) if self._cores else None

    def note_cores(self, cores: float) -> None:
        """Of one more turn."""
        if self._cores_since != self._workers.generation:
            self._cores, self._cores_since = [], self._workers.generation
        self._cores.append(cores)

    def _started(self) -> Process:
        process = self._workers.process(self._kernel)
        if process is not self._process:
            names = transfer.named(self._kernel)
            known = names is not None and process.ask("load", kernel=self.key, names=names)["found"]
            if not known:
                process.ask("load", kernel=self.key, **transfer.pickled(self._kernel))
            self._process, self._decoder = process, ResultDecoder()
        return process


class RemoteCall:
    """A kernel bound to its arguments in a worker: prepared with the first result, then timed."""

    def __init__(
        self, remote: Remote, workers: Workers, arrays: tuple[Array, ...], options: dict[str, str]
    ) -> None:
        self._remote = remote
        self._workers = workers
        self._arrays = arrays
        self._options = options
        #: the process in which it is prepared, and the pool's generation then
        self._bound: tuple[Process, int] | None = None

    def __call__(self) -> Any:
        """The result of one call."""
        return self.result()

    def timed(self, calls: int, warm: bool) -> float:
        """Seconds of a call on the worker's clock; no thread of either process spins before it."""
        with self._remote.running() as process:
            if self._bound != (process, self._workers.generation):
                self._bind(process)
            self._workers.quiet()
            answer = process.ask("timed", key=self._remote.key, calls=calls, warm=warm)
        self._remote.note_cores(float(answer["cores"]))
        return float(answer["call_s"])

    def after(self, context: str, like_s: float, warm: bool) -> float:
        """Seconds of a call on the worker's clock, after what precedes it in the context there."""
        with self._remote.running() as process:
            if self._bound != (process, self._workers.generation):
                self._bind(process)
            self._workers.quiet()
            answer = process.ask(
                "after", key=self._remote.key, context=context, like_s=like_s, warm=warm
            )
        return float(answer["call_s"])

    def result(self) -> Any:
        """The result of one more call; of the first, where it is not prepared yet."""
        with self._remote.running() as process:
            if self._bound != (process, self._workers.generation):
                answer = self._bind(process)
            else:
                answer = process.ask(
                    "result", key=self._remote.key, results=self._workers.buffer(0)
                )
            found = self._workers.decoded(process, answer, ResultDecoder(), self._arrays)
        without = self._remote.without
        return Incomplete(found, without) if without else found

    def serves(self, other: RemoteCall) -> bool:
        """Whether the other is the same call: identical arrays and options."""
        same = len(self._arrays) == len(other._arrays) and self._options == other._options
        return same and all(map(is_, self._arrays, other._arrays))

    def _bind(self, process: Process) -> Mapping[str, Any]:
        memory, where, stamp = self._workers.put(self._arrays)
        answer = process.ask(
            "bind", key=self._remote.key, kernel=self._remote.key, memory=memory, places=where,
            stamp=stamp, options=self._options, results=self._workers.buffer(0),
        )  # fmt: skip
        self._bound = process, self._workers.generation
        self._remote.prepare_s = float(answer["prepare_s"])
        return answer
