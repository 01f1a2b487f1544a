"""What belongs to all of a process, and what a kernel has changed of it.

The check sees some of this in the process that it runs in (`einbench.check.state`); a kernel in a
worker is watched there, in every call, also while it is timed.
"""

from __future__ import annotations

import gc
import locale
import os
import random
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from einbench.host.denormals import are_flushed
from einbench.names import shortened

#: a handler of these changes what others' calls do; reading all takes long
_SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGSEGV", "SIGFPE", "SIGALRM", "SIGCHLD", "SIGPIPE")
    if hasattr(signal, name)
]
#: in a reason, as much of a value or of a list of names as tells
_SAID = 60


class State:
    """Watches one process."""

    def __init__(self) -> None:
        self._pools: list[Any] = []
        self._changes: dict[str, None] = {}
        self._known: dict[str, Any] = {}
        self.accept()

    def accept(self) -> None:
        """All is as it is to be: what was imported by now may have changed it, and has pools."""
        from threadpoolctl import ThreadpoolController

        self._pools = ThreadpoolController().lib_controllers
        self._known = self._now()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Note what is other after the block than before it."""
        # between calls nothing else changes
        before = self._known | {what: read() for what, read in _AROUND.items()}
        try:
            yield
        finally:
            after = self._now() | {what: read() for what, read in _AROUND.items()}
            for what, earlier in before.items():
                if what in after and after[what] != earlier:
                    self.note(f"changes {what}{_detail(earlier, after[what])}")
            self._known = after
            if _has_children():
                self.note("leaves a child process")

    def note(self, change: str) -> None:
        """One more change."""
        self._changes[change] = None

    def said(self) -> str:
        """All changes since it was last asked; empty where there is none."""
        found, self._changes = "; ".join(self._changes), {}
        return found

    def _now(self) -> dict[str, Any]:
        now = {what: read() for what, read in _READ.items()}
        if "numpy.random" in sys.modules:
            now["which numbers np.random draws next"] = _numpy_random()
        for pool in self._pools:
            now[f"the threads of {pool.internal_api}"] = pool.num_threads
        if (threads := _numba_threads()) is not None:
            now["the threads of numba"] = threads
        return now


def _environment() -> dict[str, str]:
    return dict(os.environ)


def _directory() -> str:
    try:
        return str(Path.cwd())
    except OSError:
        return "a folder that was deleted"


def _numpy_random() -> bytes:
    state: Any = np.random.get_state(legacy=False)  # noqa: NPY002 - a kernel may use it
    return bytes(state["state"]["key"].tobytes()) + str(state["state"]["pos"]).encode()


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def _handlers() -> list[Any]:
    return [signal.getsignal(number) for number in _SIGNALS]


def _printing() -> str:
    return repr(np.get_printoptions())


#: what -> how it is read, in microseconds; what is set around every call, and what is not
_AROUND: Mapping[str, Callable[[], Any]] = {
    "NumPy's error state (np.seterr)": np.geterr,
    "which warnings are shown (warnings.filters)": lambda: list(warnings.filters),
}
_READ: Mapping[str, Callable[[], Any]] = {
    "how NumPy prints (np.set_printoptions)": _printing,
    "whether denormal numbers are flushed to zero": are_flushed,
    "which numbers random draws next": random.getstate,
    "the locale": lambda: locale.setlocale(locale.LC_ALL),
    "the working directory": _directory,
    "the environment": _environment,
    "the cores it runs on": _cores,
    "where modules are found (sys.path)": lambda: list(sys.path),
    "what signals do": _handlers,
    "whether garbage is collected (gc)": gc.isenabled,
    "how often threads are switched": sys.getswitchinterval,
    "how deep calls may go": sys.getrecursionlimit,
    "what traces calls": lambda: (sys.gettrace(), sys.getprofile()),
    "where print goes": lambda: (sys.stdout, sys.stderr),
}


def _numba_threads() -> int | None:
    """None where numba has started no threads: asking would start them."""
    parallel = sys.modules.get("numba.np.ufunc.parallel")
    if parallel is None or not getattr(parallel, "_is_initialized", False):
        return None
    with suppress(Exception):
        return int(parallel.get_num_threads())
    return None


def _has_children() -> bool:
    """Running, or ended and not waited for."""
    if not hasattr(os, "waitid"):
        return False
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _detail(before: Any, after: Any) -> str:
    if isinstance(before, dict) and isinstance(after, dict):
        names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        return f" ({shortened(', '.join(sorted(names)), _SAID)})"
    if isinstance(before, str | int | float | list) and not isinstance(before, bool):
        said = f"{before} -> {after}"
        return f" ({said})" if len(said) <= _SAID else ""
    return ""
