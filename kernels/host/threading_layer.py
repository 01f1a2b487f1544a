"""numba's threading layer: TBB, found and started before anything else chooses another."""

from __future__ import annotations

import ctypes
import sys

from einbench.host.forking import import_numba
from einbench.host.libraries import library
from einbench.host.locks import ForkedLock

_LOCK = ForkedLock()


def why_not_parallel() -> str:
    """Why no parallel kernel may run here; empty where it may.

    ``workqueue`` ends the process when two Python threads run parallel kernels at once, and
    ``omp`` leaves threads spinning that slow the BLAS call after it by a factor of 25: both
    would falsify comparisons. Only ``tbb`` does neither.
    """
    if library("tbb") is None:
        return "no safe threading layer (pip install tbb)"
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
        numba.get_num_threads()
