"""Waiting for a cluster: what is computed is not half done here, so that a Ctrl-C is heard at once.

A terminal sends it to the processes of a `LocalCluster` too, whose workers end and are not started
again: what waits for the end of a step would wait for ever.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from einbench.network.interrupts import deliver

if TYPE_CHECKING:
    from distributed import Future

#: that a task is submitted
_TIMES = 5
#: seconds between two looks at what has come meanwhile
_LOOK_S = 0.1
#: without any worker, after which that is said
_ALONE_S = 30.0


def through_deaths(submit: Callable[[], Future]) -> Any:
    """The result of what is submitted; once more where workers died with it, and then again.

    Dask gives a task up that four workers died with, which random deaths may well be.

    Raises:
        distributed.KilledWorker: so many died that the task is at fault.
    """
    from distributed import KilledWorker

    for _ in range(_TIMES - 1):
        future = submit()
        try:
            return awaited(future, _watching(future))
        except KilledWorker:
            # as long as somebody has it the scheduler answers so without trying
            future.release()
    future = submit()
    return awaited(future, _watching(future))


def awaited(future: Future, look: Callable[[], object]) -> Any:
    """The result; ``look`` is called while it is waited for, and may raise.

    Raises:
        Exception: what the task raised, or ``look``, after which the future is released.
    """
    # by another thread, for `result(timeout)` may raise UnboundLocalError (distributed 2026.8)
    found: list[Any] = []
    fetching = threading.Thread(target=_fetch, args=(future, found), daemon=True)
    fetching.start()
    try:
        while fetching.is_alive():
            fetching.join(_LOOK_S)
            look()
    except BaseException:
        future.release()  # which ends the thread
        raise
    result, problem = found[0]
    if problem is not None:
        raise problem
    return result


def _watching(future: Future) -> Callable[[], object]:
    """What delivers signals that a training has put off, and says where there is no worker."""
    said, since_s = False, time.monotonic()

    def look() -> None:
        nonlocal said, since_s
        deliver()
        if said or future.done() or time.monotonic() - since_s < _ALONE_S:
            return
        since_s = time.monotonic()
        if said := not future.client.nthreads():
            _say_alone(future.client.scheduler.address)

    return look


def _fetch(future: Future, found: list[Any]) -> None:
    try:
        found.append((future.result(), None))
    except BaseException as problem:
        found.append((None, problem))


def _say_alone(where: str) -> None:
    warnings.warn(
        f"einbench: the cluster has no workers; this waits for one (dask worker {where}), or for "
        "Ctrl-C",
        RuntimeWarning,
        stacklevel=4,
    )
