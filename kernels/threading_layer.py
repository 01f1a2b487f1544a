"""numba's threading layer: TBB, found and started before anything else chooses another."""

from __future__ import annotations

import ctypes
import functools
import os
import sys

from kernels.locks import ForkedLock

_LOCK = ForkedLock()

_TBB_NAMES = {"darwin": "libtbb.12.dylib", "win32": "tbb12.dll"}


@functools.cache
def tbb_library() -> str | None:
    """Path of the TBB library, from the ``tbb`` wheel of this environment.

    numba does not look into the environment for it, so it is loaded by path beforehand.
    """
    name = _TBB_NAMES.get(sys.platform, "libtbb.so.12")
    return _below(sys.prefix, name) or _below(_data_folder(), name)


def _data_folder() -> str:
    """Where wheels put files that are no modules: of Debian's own Python not ``sys.prefix``."""
    import sysconfig  # reading what Python was built with takes milliseconds

    return sysconfig.get_path("data")


def _below(folder: str, name: str) -> str | None:
    for part in ("lib", os.path.join("Library", "bin"), "bin"):  # noqa: PTH118 - loads slowly
        path = os.path.join(folder, part, name)  # noqa: PTH118 - as above
        if os.path.isfile(path):  # noqa: PTH113 - as above
            return path
    return None


def why_not_parallel() -> str:
    """Why no parallel kernel may run here; empty where it may.

    ``workqueue`` ends the process when two Python threads run parallel kernels at once, and
    ``omp`` leaves threads spinning that slow the BLAS call after it by a factor of 25: both
    would falsify comparisons. Only ``tbb`` does neither.
    """
    if tbb_library() is None:
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
    import numba

    with _LOCK.lock:
        if running_layer() is not None:
            return
        library = tbb_library()
        if library is None:
            raise ValueError(why_not_parallel())
        ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
        numba.config.THREADING_LAYER = "tbb"  # type: ignore[attr-defined]  # set by numba at run time
        # asking starts them; numba does so itself when it compiles a parallel loop, but not when
        # it loads a function from disk whose parallel loop is a helper's
        numba.get_num_threads()
