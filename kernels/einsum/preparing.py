"""The machine's code, loaded or compiled beside the program that will use it.

It is loaded in a tenth of a second, and compiled in some seconds once for a user of this computer.
A call does not wait that long: another kernel computes until the code is there. Functions are
prepared one by one, so that a program that ends in the meantime does so after the present one; the
rest is compiled by the next.
"""

from __future__ import annotations

import atexit
import contextlib
import threading
import time
from typing import Any

import numpy as np

from einbench.einsum import fetching, machine, rows, terms, tile
from einbench.host import background
from einbench.host.forking import import_numba
from einbench.host.locks import ForkedLock
from einbench.host.threading_layer import start_threads, why_not_parallel
from einbench.jit import code_cache, pool

#: in this order, callees first
_FUNCTIONS = (
    terms.few_terms, terms.multiply_rows, tile.down, tile.move, tile.pack, fetching.fetch,
    tile.product_of_few, tile.product, rows.dot_rows, rows.sums, machine.one_step,
    machine.one_piece, machine.execute,
)  # fmt: skip
#: seconds from its beginning that calls wait for the machine: as long as loading its code takes
_PATIENCE_S = 0.5
_LOCK = ForkedLock()
_BEGUN: dict[str, Preparing] = {}
_ENDING = threading.Event()


class Preparing:
    """What one thread makes ready for a dtype."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._began_s = time.monotonic()
        self._done = threading.Event()
        #: whether it is loaded, and by now, or takes as long as compiling does
        self._known = threading.Event()
        self._problem: Exception | None = None
        self.ready = False
        self.thread = background.working(
            threading.Thread(target=self._prepare, name="einbench-compiler", daemon=True)
        )
        code_cache.on_miss.append(self._compiling)
        self.thread.start()

    @property
    def ended(self) -> bool:
        """Whether it is ready, or never will be."""
        return self._done.is_set()

    @property
    def failed(self) -> bool:
        """Whether it never will be ready."""
        return self.ended and not self.ready

    def wait(self, seconds: float | None) -> bool:
        """Whether the code is there after so many seconds; None: however long it takes.

        Raises:
            Exception: what compiling raised, where it is waited for.
        """
        self._done.wait(seconds)
        if seconds is None and self._problem is not None:
            raise self._problem
        return self.ready

    def soon(self) -> bool:
        """Whether the code is there in the time that loading it takes, of all calls together.

        Where some of it must be compiled nobody waits.
        """
        self._known.wait(max(0.0, self._began_s + _PATIENCE_S - time.monotonic()))
        return self.ready

    def _prepare(self) -> None:
        try:
            import_numba()
            pool.start()
            for each in _FUNCTIONS:
                if _ENDING.is_set():
                    return
                each.prepare(self._dtype)
            self.ready = True
        except Exception as problem:  # whoever waits for it is told
            self._problem = problem
        finally:
            self._done.set()
            self._known.set()

    def _compiling(self) -> None:
        if threading.current_thread() is self.thread:
            self._known.set()


def preparing(dtype: np.dtype[Any]) -> Preparing:
    """The one for a dtype, begun now where there is none."""
    with _LOCK.lock:
        found = _BEGUN.get(dtype.char)
        # in a forked child a thread that had not ended does not exist
        if found is None or not (found.ended or found.thread.is_alive()):
            if not why_not_parallel():
                with contextlib.suppress(ImportError):  # the other thread says what is wrong
                    start_threads()  # TBB warns in every fork of the thread that did not start it
            found = _BEGUN[dtype.char] = Preparing(dtype)
        return found


def begun() -> bool:
    """Whether this process has a machine already, for any dtype."""
    return bool(_BEGUN)


def _end() -> None:
    _ENDING.set()
    for each in _BEGUN.values():
        each.thread.join()


atexit.register(_end)
