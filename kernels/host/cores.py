"""How many cores this process may use."""

from __future__ import annotations

import math
import os

from einbench.host import cgroup


def usable_threads() -> int:
    """Cores this process may use: its affinity, and a container's quota where that is less."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota = cgroup.quota_cores()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))
