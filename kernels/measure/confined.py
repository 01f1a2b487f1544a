"""What a worker's process may take: its cores, and memory below what would have to be swapped."""

from __future__ import annotations

import os
import sys
from pathlib import Path

#: part of the memory that is free as a worker starts, which it may take
_PART = 0.9


def pin_to_cores(threads: int) -> None:
    """Restrict the process to as many cores as threads, whatever its libraries start."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def limit_memory() -> int | None:
    """Refuse this process more than 0.9 of what is free now, and return it in bytes.

    RLIMIT_DATA counts what is allocated, before a page of it is touched: the heap and private
    mappings, and no libraries, shared inputs, nor address space that is reserved alone. Linux
    alone counts so: None elsewhere, where nothing is limited.
    """
    if sys.platform != "linux":
        return None
    import resource

    from einbench.host.memory import available_bytes

    most = int(_PART * available_bytes())
    held = _data_bytes()
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = held + most if hard == resource.RLIM_INFINITY else min(held + most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    return limit - held


def _data_bytes() -> int:
    """What counts already."""
    for line in (
        Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    ):
        if line.startswith("VmData:"):
            return int(line.split()[1]) << 10
    return 0
