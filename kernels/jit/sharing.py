"""``share_threads()``: BLAS on the threads of the pool, so that no two sets of them share cores.

OpenBLAS's own threads look for work for 65 to 100 ms after a product, on every core that they have,
and a kernel of the pool that is called meanwhile waits for cores. The pool's threads look for a
tenth of a millisecond, and for work of both.
"""

from __future__ import annotations

import atexit
import os
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from einbench.host.libraries import why_missing
from einbench.host.locks import ForkedLock

if TYPE_CHECKING:
    from einbench.host.openblas import OpenBlas

_LOCK = ForkedLock()
#: path of a library -> how many have asked for it and not undone it
_HELD: Counter[str] = Counter()
#: those whose own threads sleep at once
_BRIEF: set[str] = set()
#: called when whose threads BLAS uses has changed
on_change: list[Callable[[], object]] = []


def shared() -> bool:
    """Whether an OpenBLAS of this process is on the pool's threads."""
    return bool(_HELD)


class Sharing:
    """What `share_threads` has done, until it is undone; ends a ``with`` block by undoing it."""

    def __init__(
        self,
        libraries: tuple[OpenBlas, ...],
        others: tuple[str, ...],
        awake: tuple[str, ...],
        threads: int,
    ) -> None:
        #: that are on the pool's threads now
        self.libraries = libraries
        #: BLAS libraries that are left alone
        self.others = others
        #: whose own threads look for work for long after LU, as no other call has them do
        self.awake = awake
        #: of the pool, with the caller
        self.threads = threads
        self._undone = ""

    def undo(self) -> None:
        """Have each OpenBLAS use its own threads again, once all that shared it have undone it.

        A call that is under way is finished as it began. A second time does nothing. Where another
        Python thread runs, OpenBLAS's own threads go on to sleep at once after a call.
        """
        with _LOCK.lock:
            if not self._undone:
                kept = [each.name for each in self.libraries if not _let_go(each)]
                self._undone = "undone" + "".join(
                    f"; {name} calls another's by now" for name in kept
                )
        _changed()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.undo()

    def __repr__(self) -> str:
        from einbench.host.openblas import TIMEOUT

        names = " and ".join(each.name for each in self.libraries)
        left = f"; left alone: {', '.join(self.others)}" if self.others else ""
        if self.awake:
            left += "; solve, inv and det still keep OpenBLAS's own threads awake for a while, "
            left += f"unless {'='.join(TIMEOUT)} is set before NumPy is imported"
        said = self._undone or f"{names} on the {self.threads} threads of einbench's kernels{left}"
        return f"<einbench.share_threads: {said}>"


def share_threads() -> Sharing:
    """Have BLAS and the kernels of this process share one set of threads, from now on.

    Every OpenBLAS that is loaded, NumPy's and SciPy's, hands its work to the threads that kernels
    run on: ``a @ b`` and a kernel after it no longer compete for cores. It holds for the whole
    process, in all Python threads and in children that are forked, until it is undone:

        with einbench.share_threads():
            ...
        sharing = einbench.share_threads()  # for good, or until
        sharing.undo()

    What is loaded later, by ``import scipy.linalg`` say, is shared by another call. LU
    (``np.linalg.solve``, ``inv``, ``det``) wakes OpenBLAS's own threads as well, about which it
    gives no choice. They then sleep at once, if no other Python thread runs when this is called; in
    wheels with OpenBLAS 0.3.34 or newer only if ``OPENBLAS_THREAD_TIMEOUT=4`` was set before NumPy
    was imported: else ``solve`` may take two or three times as long, and what follows it waits.
    Remembered choices made with shared threads are kept apart from others.

    Returns:
        What was done, to be printed, undone or used in a ``with`` statement.

    Raises:
        RuntimeError: there are no POSIX threads, no numba, no OpenBLAS with
            ``openblas_set_threads_callback_function`` (0.3.27), or one that is given to another
            program already, as far as it says so: of wheels from OpenBLAS 0.3.34 on nothing can be
            read, and another's function would be replaced.
    """
    if os.name != "posix":
        raise RuntimeError("share_threads: this needs POSIX threads, which are not here")
    if missing := why_missing(("numba",)):
        raise RuntimeError(f"share_threads: {missing}")
    from einbench.host.openblas import TIMEOUT, loaded
    from einbench.jit import blas_jobs, pool
    from einbench.jit.spinning import no_thread_in_blas

    with _LOCK.lock:
        found, others = loaded()
        able = tuple(
            each for each in found if 2 * each.threads - 1 <= each.most <= blas_jobs.MOST_JOBS
        )
        others += [f"{each.name} with {each.threads} threads" for each in set(found) - set(able)]
        if not able:
            raise RuntimeError(
                "share_threads: no OpenBLAS is loaded that can be given threads "
                f"(loaded: {'; '.join(others) or 'no BLAS at all'})"
            )
        address = blas_jobs.start(
            max(each.threads for each in able), min(each.most for each in able) - 1
        )
        for each in able:
            if each.given() not in (None, 0, address):
                raise RuntimeError(
                    f"share_threads: {each.name} is on the threads of another program already: "
                    "have that undo it first"
                )
        for each in able:
            _HELD[each.path] += 1
            each.give(address)
            if each.path not in _BRIEF and no_thread_in_blas() and each.restart(brief=True):
                _BRIEF.add(each.path)
        set_before = TIMEOUT[0] in os.environ
        awake = [each.name for each in able if not set_before and each.path not in _BRIEF]
        threads = 1 + len(pool.threads())
        # before the pool's own, which its import has registered
        atexit.unregister(_end)
        atexit.register(_end)
    _changed()
    return Sharing(able, tuple(others), tuple(awake), threads)


def _let_go(library: OpenBlas) -> bool:
    """Whether it is its own again, or still somebody's who asked here."""
    from einbench.jit import blas_jobs
    from einbench.jit.spinning import no_thread_in_blas

    _HELD[library.path] -= 1
    if _HELD[library.path] > 0:
        return True
    del _HELD[library.path]
    if library.given() not in (None, blas_jobs.address()):
        return False
    library.give(0)
    if library.path in _BRIEF and no_thread_in_blas():
        library.restart(brief=False)
        _BRIEF.discard(library.path)
    return True


def _changed() -> None:
    for listener in on_change:
        listener()


def _end() -> None:
    """Before the pool's threads end, BLAS uses its own again."""
    if not _HELD:
        return
    from einbench.host.openblas import loaded
    from einbench.jit import blas_jobs

    with _LOCK.lock:
        for each in loaded()[0]:
            if each.path in _HELD and each.given() in (None, blas_jobs.address()):
                each.give(0)
        _HELD.clear()
    blas_jobs.end()
