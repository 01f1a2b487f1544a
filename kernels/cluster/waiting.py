"""Waiting for a cluster: what is computed is not half done here, so that a Ctrl-C is heard at once.

A terminal sends it to the processes of a `LocalCluster` too, whose workers end and are not started
again: what waits for the end of a step would wait for ever.
"""

from __future__ import annotations

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
_LOOK_S = 0.5
#: within which a result that is ready comes over the network, before it is asked for again
_FETCH_S = 60.0
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
            return awaited(future)
        except KilledWorker:
            # as long as somebody has it the scheduler answers so without trying
            future.release()
    return awaited(submit())


def awaited(future: Future) -> Any:
    """The result; signals that a training has put off are delivered while it is waited for.

    Raises:
        Exception: what the task raised.
    """
    said, since_s = False, time.monotonic()
    while True:
        try:
            return future.result(_FETCH_S if future.status == "finished" else _LOOK_S)
        except TimeoutError:
            if future.status == "error":
                raise
        deliver()
        if said or time.monotonic() - since_s < _ALONE_S:
            continue
        since_s = time.monotonic()
        if not future.client.nthreads():
            said = True
            where = future.client.scheduler.address
            warnings.warn(
                f"einbench: the cluster has no workers; this waits for one (dask worker {where}), "
                "or for Ctrl-C",
                RuntimeWarning,
                stacklevel=2,
            )
