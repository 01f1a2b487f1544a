"""A pool of worker processes in which kernels run, and the memory shared with them.

There is one process for each library, kept for as long as the pool is; the isolated kernels of an
operation have one of their own. One that has died, or that a kernel has changed, is not used again.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping, Sequence
from operator import is_
from typing import Any

import numpy.typing as npt

from einbench.check.unchanged import same_bits
from einbench.jit.spinning import settle, stop_spinning
from einbench.kernel import Kernel
from einbench.libraries.runtime import NUMPY, Runtime
from einbench.libraries.runtimes import runtime
from einbench.measure import forked
from einbench.measure.process import TIMEOUT_S, Process, WorkerEnded, spawned
from einbench.measure.results import ResultDecoder
from einbench.measure.shared import Arena, Place, fill, places, view
from einbench.operation import Operation

Array = npt.NDArray[Any]

#: how the key of a process begins that is no library's
_ISOLATED = "isolated "
#: for one answer of an isolated kernel, compiling included
ISOLATED_TIMEOUT_S = 60.0
#: processor time since the last check above which threads may be spinning
_DISTURBING_S = 0.002


class Workers:
    """A pool; a ``with`` block ends its processes and frees its shared memory."""

    def __init__(self, threads: int, timeout_s: float | None = None) -> None:
        """Processes start when they are first needed.

        Args:
            threads: of each.
            timeout_s: for one answer; None takes 60 s of isolated kernels, 300 s of libraries.
        """
        self.threads = threads
        #: key of a kernel -> what it did to its process: it is not called again
        self.fates: dict[str, WorkerEnded] = {}
        #: held by the thread whose call is in the memory that all calls share
        self.calling = threading.RLock()
        self._timeout_s = timeout_s
        self._processes: dict[str, Process] = {}
        self._template: forked.Template | None = None
        self._inputs, self._results = Arena(), Arena()
        self._held: tuple[Array, ...] = ()
        self._places: list[Place] = []
        self._stamp = 0
        #: incremented by every release, which frees what was prepared before
        self.generation = 0
        #: libraries that did not start, which are not tried again
        self._absent: dict[str, Exception] = {}
        self._quiet_s = 0.0

    def process(self, kernel: Kernel) -> Process:
        """The process that a kernel runs in; a new one where there is none, or it has died."""
        library = runtime(kernel.runtime)
        key = _isolated(kernel.operation) if library is NUMPY else library.name
        running = self._processes.get(key)
        if running is not None and not running.alive:
            self._processes.pop(key).close()
        if key in self._absent:
            raise self._absent[key]
        if key not in self._processes:
            try:
                self._processes[key] = self._start(library)
            except Exception as problem:
                if library is not NUMPY:
                    self._absent[key] = problem
                raise
        return self._processes[key]

    def _start(self, library: Runtime) -> Process:
        if library is not NUMPY or not forked.AVAILABLE:
            timeout_s = TIMEOUT_S if self._timeout_s is None else self._timeout_s
            return Process(spawned(library, self.threads), timeout_s)
        if self._template is not None and not self._template.serves(library, self.threads):
            self._template.close()
            self._template = None
        if self._template is None:
            self._template = forked.Template(library, self.threads)
        timeout_s = ISOLATED_TIMEOUT_S if self._timeout_s is None else self._timeout_s
        return Process(self._template.fork(), timeout_s)

    def put(self, arrays: Sequence[Array]) -> tuple[str, list[Place], int]:
        """Copy to shared memory: its name, the places, and a stamp that equal arrays share."""
        held = tuple(arrays)
        same = len(held) == len(self._held) and all(map(is_, held, self._held))
        if not same or any(array.flags.writeable for array in held):
            self._held = ()
            found, size = places(held)
            memory = self._inputs.reserve(size)
            for place, array in zip(found, held, strict=True):
                fill(place, memory, array)
            self._held, self._places, self._stamp = held, found, self._stamp + 1
        return self._inputs.name, self._places, self._stamp

    def copy_back(self, arrays: Sequence[Array]) -> bool:
        """Copy back the writeable arrays, which a call may have changed; whether it left the rest.

        What it has changed is not given to the next kernel.
        """
        memory = self._inputs.reserve(0)
        kept = True
        for place, array in zip(self._places, arrays, strict=True):
            if array.flags.writeable:
                array[...] = view(place, memory)
            elif not same_bits(array, view(place, memory)):
                kept, self._held = False, ()
        return kept

    def buffer(self, size: int) -> dict[str, Any]:
        """A buffer for results of at least so many bytes."""
        found = len(self._results.reserve(size))
        return {"name": self._results.name, "size": found}

    def decoded(
        self,
        process: Process,
        answer: Mapping[str, Any],
        decoder: ResultDecoder,
        inputs: Sequence[Array],
    ) -> Any:
        """Decode the result of an answer."""
        if answer["needs"]:
            process.ask("fetch", results=self.buffer(answer["needs"]))
        memory, begin = self._results.reserve(0), 0

        def take(size: int) -> bytes:
            nonlocal begin
            begin += size
            return bytes(memory[begin - size : begin])

        return decoder.result(answer["result"], take, inputs)

    def quiet(self) -> None:
        """Stop threads of this process that spin, before a worker's turn."""
        if time.process_time() - self._quiet_s > _DISTURBING_S:
            stop_spinning()
            self._quiet_s = settle()

    def release(self) -> None:
        """Free what was prepared in all processes."""
        self.generation += 1
        self._held = ()
        # one that was ended from outside may be tried again
        self.fates = {k: fate for k, fate in self.fates.items() if fate.status != "unchecked"}
        for process in self._processes.values():
            if process.alive:
                with contextlib.suppress(WorkerEnded):
                    process.ask("release")

    def end(self, operation: Operation) -> None:
        """End the process of an operation's isolated kernels."""
        running = self._processes.pop(_isolated(operation), None)
        if running is not None:
            running.close()

    def facts(self) -> dict[str, Any]:
        """Versions, threads and processor time between turns of each library's process."""
        return {
            key: dict(process.ask("facts")["facts"])
            for key, process in self._processes.items()
            if process.alive and not key.startswith(_ISOLATED)
        }

    def close(self) -> None:
        """End every process and free all shared memory."""
        try:
            while self._processes:
                self._processes.popitem()[1].close()
            if self._template is not None:
                self._template.close()
        finally:
            self._template = None
            self._held = ()
            self._inputs.close()
            self._results.close()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


def _isolated(operation: Operation) -> str:
    return f"{_ISOLATED}{operation.name}"
