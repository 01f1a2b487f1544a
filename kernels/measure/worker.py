"""A process that calls kernels and times them: it answers requests, a line of JSON each.

    python -m einbench.measure.worker RUNTIME THREADS [plugins]

An exception of a kernel is an answer too, and the process goes on; its output goes to the log. What
a kernel has changed of the process stands in the answer, and the parent then ends the process.
Before and after a turn no thread runs; processor time used between turns is reported.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TextIO

import numpy as np

from einbench.jit.spinning import settle, settled, stop_spinning
from einbench.kernel import Kernel
from einbench.libraries.library_kernels import LibraryBody, Way
from einbench.libraries.runtime import NUMPY, Array, Runtime
from einbench.libraries.runtimes import runtime
from einbench.measure.confined import limit_memory, pin_to_cores
from einbench.measure.locked import locked
from einbench.measure.results import ResultEncoder, Words, raised
from einbench.measure.shared import Attached, Place, flagged
from einbench.measure.state import State
from einbench.measure.transfer import found, unpickled
from einbench.measure.turns import after_s, turn_s
from einbench.problem import Problem


class Answering(Protocol):
    """What answers requests: a method for each."""

    def judged(self) -> Words:
        """What stands in every answer beside what the method gives."""


class Worker:
    """The state of the process between requests."""

    def __init__(self, library: Runtime, most_bytes: int | None = None) -> None:
        self._library = library
        self._most_bytes = most_bytes
        # a library may set up its process as it likes: no other kernels run there
        self._state = State() if library is NUMPY else None
        self._pid = os.getpid()
        self._kernels: dict[str, Kernel] = {}
        self._ways: dict[str, tuple[Kernel, Way]] = {}
        self._attached = Attached()
        self._encoder = ResultEncoder()
        self._inputs: tuple[int, list[Array], list[Any]] = (-1, [], [])
        self._pending: list[Array] = []
        self._quiet_s = time.process_time()
        self._idle_s: list[float] = []

    def load(self, kernel: str, names: Words | None = None, pickle: str = "") -> Words:
        """Load a kernel under that key."""
        self._encoder.forget()
        made = unpickled(pickle) if names is None else found(names)
        if self._state is not None:
            self._state.accept()
        if made is not None:
            self._kernels[kernel] = made
        return {"found": made is not None}

    def call(
        self, kernel: str, memory: str, places: list[Place], options: Mapping[str, str], outs: int,
        errors: Mapping[str, Any], strict: bool, results: Words,
    ) -> Words:  # fmt: skip
        """One call with arrays in shared memory, the last of which are memory for its result."""
        buffer = self._attached.memory(memory, "inputs") if memory else b""
        views = [flagged(place, buffer) for place in places]
        count = len(views) - outs
        arrays = [self._library.wrap(view) for view in views[:count]]
        chosen = self._kernels[kernel]
        held: Any = views[count:]
        out = {"out": held[0] if outs == 1 else tuple(held)} if outs else {}
        with warnings.catch_warnings(), np.errstate(**errors):
            if strict:
                warnings.simplefilter("error", RuntimeWarning)
            try:
                with self._watched():
                    result = self._called(chosen, views[:count], arrays, options, out)
            finally:
                copied = self._library.copies
                for view, array in zip(views, arrays, strict=False):
                    if copied and view.flags.writeable:
                        view[...] = self._library.unwrap(array)
        if outs:
            result = None
        given = [self._library.unwrap(array) for array in arrays] if copied else views[:count]
        alike = [g if g.strides == v.strides else v for g, v in zip(given, views, strict=False)]
        return self._encoded(result, alike, results)

    def fetch(self, results: Words) -> Words:
        """Results for which the buffer was too small."""
        return self._written(results)

    def bind(
        self, key: str, kernel: str, memory: str, places: list[Place], stamp: int,
        options: Mapping[str, str], results: Words,
    ) -> Words:  # fmt: skip
        """Prepare a kernel for arrays and call it once; arrays are copied once per stamp."""
        if self._inputs[0] != stamp:
            buffer = self._attached.memory(memory, "inputs") if memory else b""
            views = locked(places, [flagged(place, buffer) for place in places])
            self._inputs = (stamp, views, [self._library.wrap(view) for view in views])
        _, views, arrays = self._inputs
        start_s = time.perf_counter()
        chosen = self._kernels[kernel]
        self._ways[key] = chosen, self._way(chosen, views, arrays, options)
        answer = self.result(key, results)
        return {**answer, "prepare_s": time.perf_counter() - start_s}

    def timed(self, key: str, calls: int, warm: bool) -> Words:
        """A turn: seconds of a call, and processor time by wall time of the calls."""
        kernel, way = self._ways[key]
        self._idle_s.append(time.process_time() - self._quiet_s)
        with self._turn(kernel):
            way.before()
            start_s, processor_s = time.perf_counter(), time.process_time()
            call_s = turn_s(way.call, calls, warm)
            processor_s = time.process_time() - processor_s
            cores = processor_s / (time.perf_counter() - start_s)
        return {"call_s": call_s, "cores": cores}

    def after(self, key: str, context: str, like_s: float, warm: bool) -> Words:
        """Seconds of one call in a context other than alone; threads of BLAS are ended after it."""
        kernel, way = self._ways[key]
        with self._turn(kernel):
            way.before()
            call_s = after_s(way.call, context, like_s, warm)
            stop_spinning()
        return {"call_s": call_s}

    def result(self, key: str, results: Words) -> Words:
        """The result of one more call."""
        kernel, way = self._ways[key]
        with self._turn(kernel):
            way.before()
            found = self._arrays(kernel, way, way.call())
        self._encoder.forget()
        return self._encoded(found, [], results)

    def release(self) -> Words:
        """Free everything that was prepared."""
        self._ways, self._inputs, self._pending = {}, (-1, [], []), []
        self._encoder.forget()
        self._library.close()
        gc.collect()
        self._quiet_s = settle()
        return {}

    def facts(self) -> Words:
        """Versions, threads, and processor time between turns, in which it disturbed others."""
        idle_s = statistics.median(self._idle_s) if self._idle_s else None
        return {"facts": {**self._library.facts(), "idle_s": idle_s}}

    def judged(self) -> Words:
        """What kernels have changed of the process since it was last asked, and what it may take.

        A child that a kernel has forked, and that returns from it, ends here.
        """
        if os.getpid() != self._pid:
            os._exit(0)
        limit = {"most_bytes": self._most_bytes}
        return {"changed": self._state.said(), **limit} if self._state is not None else limit

    @contextmanager
    def _turn(self, kernel: Kernel) -> Iterator[None]:
        try:
            with self._around(kernel), np.errstate(all="ignore"), self._watched():
                yield
        finally:
            self._library.after()
            self._quiet_s = settle()
            if self._state is not None and not settled():
                self._state.note("leaves threads running")

    def _watched(self) -> AbstractContextManager[None]:
        return nullcontext() if self._state is None else self._state.watched()

    def _called(
        self, kernel: Kernel, views: Sequence[Array], arrays: Sequence[Any],
        options: Mapping[str, str], out: Mapping[str, Any],
    ) -> Any:  # fmt: skip
        if out:
            return kernel.body(*arrays, **options, **out)
        way = self._way(kernel, views, arrays, options)
        with self._around(kernel):
            way.before()
            return self._arrays(kernel, way, way.call())

    def _way(
        self, kernel: Kernel, views: Sequence[Array], arrays: Sequence[Any],
        options: Mapping[str, str],
    ) -> Way:  # fmt: skip
        if isinstance(kernel.body, LibraryBody):
            return kernel.body.way(Problem.of(kernel.operation, views, options), arrays)
        call = partial(kernel.prepared(views, options), *arrays)
        wait = self._library.wait
        return Way(call if wait is None else lambda: wait(call()))

    def _around(self, kernel: Kernel) -> Any:
        body = kernel.body
        return body.around() if isinstance(body, LibraryBody) else self._library.mode("")

    def _arrays(self, kernel: Kernel, way: Way, result: Any) -> Any:
        if isinstance(kernel.body, LibraryBody):
            return kernel.body.arrays(way, result)
        if isinstance(result, tuple | list):
            unwrapped = list(map(self._library.unwrap, result))
            return unwrapped if isinstance(result, list) else tuple(unwrapped)
        return self._library.unwrap(result)

    def _encoded(self, result: Any, inputs: Sequence[Array], results: Words) -> Words:
        words, self._pending = self._encoder.encoded(result, inputs)
        return {"result": words, **self._written(results)}

    def _written(self, results: Words) -> Words:
        """Write the numbers to the buffer, or report how many bytes they need."""
        needed = sum(array.nbytes for array in self._pending)
        if needed > results["size"]:
            return {"needs": needed}
        if needed:
            memory, begin = self._attached.memory(results["name"], "results"), 0
            for array in self._pending:
                np.ndarray(array.shape, array.dtype, memory, begin)[...] = array
                begin += array.nbytes
        self._pending = []
        return {"needs": 0}


def serve(start: Callable[[], Answering]) -> None:
    """Report that the library is loaded, or why not, and answer until the input ends."""
    requests, answers = _own_streams()
    faulthandler.enable()
    try:
        worker = start()
    except Exception as problem:
        _send(answers, {"raised": raised(problem)})
        return
    _send(answers, {})
    for line in requests:
        request = json.loads(line)
        try:
            answer = getattr(worker, request.pop("do"))(**request)
        except BaseException as problem:  # whatever a kernel raises is its result
            answer = {"raised": raised(problem)}
        sys.stdout.flush()
        _send(answers, {**answer, **worker.judged()})


def _own_streams() -> tuple[TextIO, TextIO]:
    """Standard input and output for requests and answers alone.

    What a library prints goes to the log, and what it reads is empty.
    """
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return requests, answers


def _send(answers: TextIO, answer: Words) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def main(arguments: Sequence[str]) -> None:
    """Serve one library's kernels."""
    name, threads, *more = arguments

    def start() -> Worker:
        pin_to_cores(int(threads))
        if more:
            from einbench.plugins import load_plugins

            load_plugins()
        library = runtime(name)
        library.start(int(threads))
        return Worker(library, limit_memory())

    serve(start)


if __name__ == "__main__":
    main(sys.argv[1:])
