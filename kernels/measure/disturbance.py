"""others = (busy and stolen time of all cores - this process's own) / wall time, in cores.

Kernels on as many threads as there are cores stall while another process, or another virtual
machine of the host, uses one of the cores, or while a container waits for its quota: such times
are not reproducible.
"""

from __future__ import annotations

import os
import time
from typing import NamedTuple

import psutil

from einbench.host import cgroup

#: load of other processes, in cores, above which kernels on all cores are disturbed
_MOST_OTHER_CORES = 0.1
#: processor time is counted in hundredths of a second: a shorter interval has too few
_LEAST_INTERVAL_S = 0.1


class Moment(NamedTuple):
    """Seconds since an arbitrary origin."""

    wall_s: float
    idle_s: float
    own_s: float
    #: periods in which the container's quota was used up
    throttled: int = 0


class Disturbance(NamedTuple):
    """What kept kernels from the cores between two moments."""

    #: cores that other processes used
    other_cores: float = 0.0
    #: periods in which the container's quota was used up
    throttled: int = 0
    #: whether times of kernels on the threads there were are not reproducible
    disturbs: bool = False


QUIET = Disturbance()


def since(before: Moment, threads: int) -> Disturbance:
    """From a moment until now, for kernels on so many threads."""
    now = moment()
    others, throttled = other_cores(before, now), max(now.throttled - before.throttled, 0)
    return Disturbance(others, throttled, disturbs(others, threads) or throttled > 0)


def moment() -> Moment:
    """The current moment."""
    system, own = psutil.cpu_times(), psutil.Process().cpu_times()
    idle_s = system.idle + getattr(system, "iowait", 0.0)
    throttled = cgroup.throttled()
    periods = 0 if throttled is None else throttled.periods
    return Moment(time.perf_counter(), idle_s, own.user + own.system, periods)


def moment_with_workers() -> Moment:
    """As `moment`; processor time of child processes counts as this process's own."""
    now, workers_s = moment(), 0.0
    for child in psutil.Process().children():
        try:
            workers_s += sum(child.cpu_times()[:4])
        except psutil.Error:
            continue
    return now._replace(own_s=now.own_s + workers_s)


def other_cores(before: Moment, after: Moment) -> float:
    """Cores that other processes used between; 0 where the interval is too short to measure."""
    wall_s = after.wall_s - before.wall_s
    if wall_s < _LEAST_INTERVAL_S:
        return 0.0
    idle = (after.idle_s - before.idle_s) / wall_s
    own = (after.own_s - before.own_s) / wall_s
    return max(0.0, (os.cpu_count() or 1) - idle - own)


def disturbs(others: float, threads: int) -> bool:
    """Whether kernels on so many threads had fewer cores than threads."""
    return others > _MOST_OTHER_CORES and threads + others > (os.cpu_count() or 1)
