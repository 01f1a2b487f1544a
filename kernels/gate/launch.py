"""One fresh launch of a commit: answers requests on stdin, a JSON line each, until stdin ends.

This file is run by the interpreter of the commit's own environment, whatever commit that is: it
imports nothing of the suite but its public names, and nothing else that is not Python's own.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

Reply = dict[str, Any]


class Launch:
    """What this process measures: one cell at a time, its inputs made once and kept."""

    def __init__(self, kernels: Any, sizes: dict[str, int]) -> None:
        self._kernels = kernels
        self._sizes = sizes
        self._made: dict[str, Any] = {}
        self._drawn: tuple[Any, tuple[Any, ...]] = (None, ())
        self._call: Callable[[], Any] = lambda: None
        self._first: tuple[Any, ...] = ()
        self._parallel = False
        self._cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []

    def facts(self, expressions: list[str]) -> Reply:
        """Every kernel there is, what it is timed on, and versions that may make a difference.

        ``unknown`` says of an expression why this commit makes no operation of it.
        """
        operations = dict(self._kernels.operations)
        unknown = {}
        for name in expressions:
            if not hasattr(self._kernels, "expression"):
                unknown[name] = "knows no expressions"
                continue
            try:
                operations[name] = self._operation(name)
            except (ValueError, TypeError) as problem:
                unknown[name] = f"refuses it: {problem}"
        return {
            "kernels": [
                {"operation": name, "kernel": kernel.method, "reason": kernel.reason}
                for name, op in operations.items()
                for kernel in op.kernels.values()
            ],
            "problems": {
                name: {
                    "inputs": _axes(op), "sizes": {**op.sizes, **self._own(op)},
                    "options": _options(op), "leading": _leading(op),
                }
                for name, op in operations.items()
            },
            "unknown": unknown,
            "versions": _versions(),
        }  # fmt: skip

    def _operation(self, name: str) -> Any:
        """By its name; of an expression, letters or words with dots, at the sizes that were given.

        Its loops are compiled for the sizes that it is made with.
        """
        if "->" not in name or name in self._kernels.operations:
            return self._kernels.operation(name)
        if name not in self._made:
            axes = "named" if "." in name else "letters"
            make = partial(self._kernels.expression, name.replace(".", " "), axes=axes)
            self._made[name] = make(**self._own(make()))
        return self._made[name]

    def _own(self, op: Any) -> dict[str, int]:
        """Sizes that were given of an operation's axes."""
        return {axis: size for axis, size in self._sizes.items() if axis in op.sizes}

    def check(self, operation: str, batch: int, dtype: str) -> Reply:
        """Why each rejected kernel of an operation is wrong; empty for the right ones."""
        op = self._operation(operation)
        verdicts = self._kernels.check(op, batch=batch, dtype=dtype, **self._own(op))
        return {"wrong": {v.kernel.method: "" if v.passed else v.reason for v in verdicts}}

    def probe(self, operation: str, kernel: str, batch: int, dtype: str, limit_s: float) -> Reply:
        """Seconds of a call, or of a smaller batch's call scaled up where that is beyond limit."""
        tried = min(batch, 1)
        while True:
            call_s = self.ready(operation, kernel, tried, dtype)["call_s"]
            expected_s = call_s * max(batch, 1) / max(tried, 1)
            if tried == batch or expected_s > limit_s < 10 * call_s:
                return {"call_s": expected_s}
            # overhead makes a prediction too high, never too low: one below the limit is reliable
            tried = batch if expected_s <= limit_s else min(batch, 10 * max(tried, 1))

    def ready(self, operation: str, kernel: str, batch: int, dtype: str) -> Reply:
        """Draw, compile, touch memory; seconds of the second call."""
        op = self._operation(operation)
        if self._drawn[0] != (operation, batch, dtype):
            drawn = op.draw(**_batch(op, batch), dtype=dtype, **self._own(op))
            self._drawn = (operation, batch, dtype), tuple(drawn.values())
        function, arrays = op.kernels[kernel].function, self._drawn[1]
        options = _options(op)
        self._call = lambda: function(*arrays, **options)
        self._parallel = getattr(function, "parallel", False)
        self._stay_on(self._cores)
        self._first = _bits(self._call())
        return {"call_s": self.sample(1)["call_s"]}

    def sample(self, calls: int, turn: int = 0) -> Reply:
        """Seconds per call over that many calls, after one that is not timed.

        Both commits take a turn on the same core, for a core may be busier than the next one.
        """
        call = self._call
        if self._cores and not self._parallel:
            self._stay_on([self._cores[turn % len(self._cores)]])
        clock = time.perf_counter
        if calls > 1:
            call()
        gc.disable()
        try:
            start_s = clock()
            for _ in repeat(None, calls):
                call()
            stop_s = clock()
        finally:
            gc.enable()
        return {"call_s": (stop_s - start_s) / calls}

    def _stay_on(self, cores: list[int]) -> None:
        # threads that a kernel starts stay where this one is allowed to be when it starts them
        if cores:
            os.sched_setaffinity(0, cores)

    def same(self) -> Reply:
        """Whether the kernel still gives, to the bit, what it gave at first."""
        return {"same": _bits(self._call()) == self._first}


def _batch(op: Any, batch: int) -> dict[str, int]:
    return {} if _leading(op) is None else {"batch": batch}


def _leading(op: Any) -> str | None:
    """Its axis of rows; before version 0.2 none had another name than batch."""
    named = any("batch" in axes.split() for axes in _axes(op).values())
    return getattr(op, "leading", "batch" if named else None)


def _axes(op: Any) -> dict[str, str]:
    """Axes of every input; before version 0.2 an input was its axes."""
    return {name: getattr(each, "axes", each) for name, each in op.inputs.items()}


def _options(op: Any) -> dict[str, Any]:
    return {name: choices[0] for name, choices in op.options.items()}


def _bits(result: Any) -> tuple[bytes, ...]:
    outputs = result if isinstance(result, tuple) else (result,)
    return tuple(output.tobytes() for output in outputs)


def _versions() -> dict[str, str | None]:
    from importlib import metadata

    found: dict[str, str | None] = {"python": sys.version.split()[0]}
    for name in ("numpy", "numba", "llvmlite", "scipy", "tbb"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def main() -> None:
    """Answer requests until stdin ends."""
    # what kernels print must not get among the answers
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(reply: Reply) -> None:
        answers.write(json.dumps(reply) + "\n")
        answers.flush()

    try:
        # by its path, for the suite that this file belongs to is not the one that is measured
        finder = runpy.run_path(str(Path(__file__).with_name("installed.py")))
        launch = Launch(finder["import_installed"](), json.loads(sys.argv[1]))
    except Exception as problem:  # an old or broken commit: reported, not raised
        say({"problem": f"{type(problem).__name__}: {problem}"})
        return
    say({})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            say(getattr(launch, request.pop("do"))(**request))
        except (Exception, SystemExit) as problem:  # whatever a kernel raises is its result
            said = str(problem).strip().splitlines()
            say({"problem": ": ".join([type(problem).__name__, *said[:1]])})


if __name__ == "__main__":
    main()
