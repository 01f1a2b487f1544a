"""others = (busy and stolen time of all cores - this process's own) / wall time, in cores.

Kernels on as many threads as there are cores stand still while another process, or another guest
of the same host, has one of the cores: what was timed then says nothing of other times.
"""

from __future__ import annotations

import os
import time
from typing import NamedTuple

import psutil

#: cores' worth of other people's work that kernels on all cores do not bear
_BEARABLE_CORES = 0.1
#: processor time is counted in hundredths of a second
_TELLING_S = 0.1


class Moment(NamedTuple):
    """Seconds since some time before."""

    wall_s: float
    idle_s: float
    own_s: float


def moment() -> Moment:
    """Of now."""
    system, own = psutil.cpu_times(), psutil.Process().cpu_times()
    idle_s = system.idle + getattr(system, "iowait", 0.0)
    return Moment(time.perf_counter(), idle_s, own.user + own.system)


def other_cores(before: Moment, after: Moment) -> float:
    """Cores that others had meanwhile; 0 where too little time went by to tell."""
    wall_s = after.wall_s - before.wall_s
    if wall_s < _TELLING_S:
        return 0.0
    idle = (after.idle_s - before.idle_s) / wall_s
    own = (after.own_s - before.own_s) / wall_s
    return max(0.0, (os.cpu_count() or 1) - idle - own)


def disturbs(others: float, threads: int) -> bool:
    """Whether so many cores taken by others were missed by kernels on so many threads."""
    return others > _BEARABLE_CORES and threads + others > (os.cpu_count() or 1)
