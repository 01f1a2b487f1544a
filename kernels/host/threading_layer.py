"""numba's threading layer: TBB, found and started before anything else chooses another.

Where there is none, the pool's kernels need none: `threads_without` says how many threads they use.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import NamedTuple

from einbench.host.forking import import_numba, importing
from einbench.host.libraries import library, why_missing
from einbench.host.locks import ForkedLock

_LOCK = ForkedLock()
#: how many threads kernels of the pool use where numba has none; compiled code reads it
_WITHOUT = ctypes.c_int64(0)


def why_not_parallel() -> str:
    """Why no parallel kernel may run here; empty where it may.

    ``workqueue`` ends the process when two Python threads run parallel kernels at once, and
    ``omp`` leaves threads spinning that slow the BLAS call after it by a factor of 25: both
    would falsify comparisons. Only ``tbb`` does neither.
    """
    if why := why_missing(("tbb",)):
        return f"no safe threading layer: {why}"
    running = running_layer()
    if running not in (None, "tbb"):
        return f"no safe threading layer (numba runs on {running!r} in this process already)"
    return ""


def running_layer() -> str | None:
    """numba's threading layer where one has started in this process, else None."""
    if "numba" not in sys.modules:
        return None
    import numba  # waits where another thread is in the middle of importing it

    try:
        return str(numba.threading_layer())  # type: ignore[attr-defined]  # numba has no stubs
    except ValueError:
        return None


def start_threads() -> None:
    """Load TBB and have numba use it; must come before numba's first parallel call."""
    import_numba()
    import numba

    with _LOCK.lock:
        if running_layer() is not None:
            return
        found = library("tbb")
        if found is None:
            raise ValueError(why_not_parallel())
        ctypes.CDLL(found, mode=ctypes.RTLD_GLOBAL)
        numba.config.THREADING_LAYER = "tbb"  # type: ignore[attr-defined]  # set by numba at run time
        # asking starts them; numba does so itself when it compiles a parallel loop, but not when
        # it loads a function from disk whose parallel loop is a helper's
        with importing():
            numba.get_num_threads()


class Count(NamedTuple):
    """How many threads a job is shared among."""

    get: Callable[[], int]
    set: Callable[[int], object]
    most: int


def count() -> Count:
    """numba's, in this Python thread, on TBB; where that is missing the pool's, in the process."""
    import_numba()
    import numba

    most: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]  # as above
    if library("tbb") is not None:
        # asking and setting start the threads, on whatever layer has been requested by then
        start_threads()
        return Count(numba.get_num_threads, numba.set_num_threads, most)
    own = threads_without()

    def set_own(threads: int) -> None:
        own.value = threads
        if running_layer() is not None:  # kernels that were linked to it ask there
            numba.set_num_threads(threads)

    return Count(lambda: own.value, set_own, most)


def threads_without() -> ctypes.c_int64:
    """How many threads the pool uses where numba has no safe layer to ask."""
    if _WITHOUT.value == 0:
        import numba

        _WITHOUT.value = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]  # as above
    return _WITHOUT
