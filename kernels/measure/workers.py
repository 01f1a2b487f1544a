"""A pool of processes in which kernels run, and the memory that they share with this one.

There is one process for each library, kept for as long as the pool is; the isolated kernels of an
operation have one of their own.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from operator import is_
from typing import Any

import numpy.typing as npt

from einbench.jit.spinning import settle, stop_spinning
from einbench.kernel import Kernel
from einbench.libraries.runtimes import LIBRARIES, NUMPY, runtime
from einbench.measure.process import PATIENCE_S, Process, WorkerEnded
from einbench.measure.results import ResultDecoder
from einbench.measure.shared import Arena, Place, fill, places, view
from einbench.operation import Operation

Array = npt.NDArray[Any]

#: processor time after which a look is worth its time: threads may be spinning
_DISTURBING_S = 0.002


class Workers:
    """A pool; use it in a ``with`` block: processes and shared memory end with it."""

    def __init__(self, threads: int, patience_s: float = PATIENCE_S) -> None:
        self.threads = threads
        self._patience_s = patience_s
        self._processes: dict[str, Process] = {}
        self._inputs, self._results = Arena(), Arena()
        self._held: tuple[Array, ...] = ()
        self._places: list[Place] = []
        self._stamp = 0
        #: one more with every release: what was made ready before is no more
        self.generation = 0
        #: libraries that did not start, which are not tried again
        self._absent: dict[str, Exception] = {}
        self._quiet_s = 0.0

    def process(self, kernel: Kernel) -> Process:
        """The one that a kernel runs in; a new one where there is none, or it has died."""
        library = runtime(kernel.runtime)
        key = _isolated(kernel.operation) if library is NUMPY else library.name
        running = self._processes.get(key)
        if running is not None and not running.alive:
            self._processes.pop(key).close()
        if key in self._absent:
            raise self._absent[key]
        if key not in self._processes:
            try:
                self._processes[key] = Process(library, self.threads, self._patience_s)
            except Exception as problem:
                self._absent[key] = problem
                raise
        return self._processes[key]

    def put(self, arrays: Sequence[Array]) -> tuple[str, list[Place], int]:
        """Into shared memory: its name, where they lie, and a stamp, the same for the same ones."""
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

    def take_back(self, arrays: Sequence[Array]) -> None:
        """What a call has left of arrays that it may write to."""
        memory = self._inputs.reserve(0)
        for place, array in zip(self._places, arrays, strict=True):
            if array.flags.writeable:
                array[...] = view(place, memory)

    def room(self, size: int) -> dict[str, Any]:
        """Memory for results of so many bytes."""
        found = len(self._results.reserve(size))
        return {"name": self._results.name, "size": found}

    def decoded(
        self,
        process: Process,
        answer: Mapping[str, Any],
        decoder: ResultDecoder,
        inputs: Sequence[Array],
    ) -> Any:
        """The result in an answer."""
        if answer["needs"]:
            process.ask("fetch", results=self.room(answer["needs"]))
        memory, begin = self._results.reserve(0), 0

        def take(size: int) -> bytes:
            nonlocal begin
            begin += size
            return bytes(memory[begin - size : begin])

        return decoder.result(answer["result"], take, inputs)

    def quiet(self) -> None:
        """No thread of this process spins while a worker has its turn."""
        if time.process_time() - self._quiet_s > _DISTURBING_S:
            stop_spinning()
            self._quiet_s = settle()

    def release(self) -> None:
        """Memory of what was made ready is free."""
        self.generation += 1
        self._held = ()
        for process in self._processes.values():
            if process.alive:
                with contextlib.suppress(WorkerEnded):
                    process.ask("release")

    def end(self, operation: Operation) -> None:
        """The process of an operation's isolated kernels is over."""
        running = self._processes.pop(_isolated(operation), None)
        if running is not None:
            running.close()

    def facts(self) -> dict[str, Any]:
        """Of each library's process: versions, threads, processor time between its turns."""
        return {
            key: dict(process.ask("facts")["facts"])
            for key, process in self._processes.items()
            if process.alive and key in LIBRARIES
        }

    def close(self) -> None:
        """Every process and all shared memory."""
        try:
            while self._processes:
                self._processes.popitem()[1].close()
        finally:
            self._held = ()
            self._inputs.close()
            self._results.close()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


def _isolated(operation: Operation) -> str:
    return f"isolated {operation.name}"
