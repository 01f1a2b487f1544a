"""A kernel on fewer threads than a call may have.

Where a call is short, waking every thread may take longer than the last of them saves: on sixteen
cores a product of 128 rows by 784 took 170 us on all of them, and 79 on four.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, cast

from einbench.body import Array, Body, Function
from einbench.host.threading_layer import Count, count
from einbench.kernel import Kernel

#: seconds of a call from which on every thread pays
SHORT_S = 1e-3
_MOST_KEPT = 256


def fewer(kernel: Kernel, threads: int) -> Iterator[int]:
    """Numbers of threads to try beside all: halves, as long as there is one."""
    while kernel.body.parallel and threads > 1:
        threads //= 2
        yield threads


def text(method: str, threads: int) -> str:
    """The kernel in words; 0 are all threads."""
    return f"{method} on {threads} thread{'s' * (threads > 1)}" if threads else method


@lru_cache(_MOST_KEPT)
def on_threads(kernel: Kernel, threads: int) -> Kernel:
    """The same kernel, whose calls have so many threads and leave the number as it was.

    With 0 it is the kernel itself.
    """
    return replace(kernel, body=cast(Body, _OnThreads(kernel.body, threads))) if threads else kernel


def threads_of(kernel: Kernel) -> int:
    """How many threads its calls have; 0 are all."""
    return kernel.body.threads if isinstance(kernel.body, _OnThreads) else 0


class _OnThreads:
    """A body whose calls have so many threads."""

    def __init__(self, body: Body, threads: int) -> None:
        self.body, self.threads = body, threads

    def __getattr__(self, name: str) -> Any:
        if name in ("body", "threads"):  # not there yet in a copy
            raise AttributeError(name)
        return getattr(self.body, name)

    def __call__(self, *arrays: Array, out: Any = None, **options: str) -> Any:
        return _limited(self.body, self.threads, count())(*arrays, out=out, **options)

    def prepared(self, arrays: Sequence[Array], options: Mapping[str, str]) -> Function:
        return _limited(self.body.prepared(arrays, options), self.threads, count())

    def entry(
        self, arrays: Sequence[Array], options: Mapping[str, str], out: Any = None
    ) -> Function:
        return _limited(self.body.entry(arrays, options, out), self.threads, count())


def _limited(call: Callable[..., Any], threads: int, used: Count) -> Callable[..., Any]:
    get, put = used.get, used.set

    def limited(*arrays: Any, **named: Any) -> Any:
        before = get()
        if before <= threads:
            return call(*arrays, **named)
        put(threads)
        try:
            return call(*arrays, **named)
        finally:
            put(before)

    return limited
