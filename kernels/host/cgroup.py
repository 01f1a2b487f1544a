"""What a container grants: processor time and memory, of control groups of version 1 and 2.

A group's limit holds for every group inside it, so the least of all from this process's group up
counts. Where a container does not see its own path, its group is mounted as the root.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_ROOT = "/sys/fs/cgroup"
_OWN = "/proc/self/cgroup"
#: version 1 writes a number near 2**63 where nothing is limited
_UNLIMITED = 1 << 60


class Throttled(NamedTuple):
    """How often, and how long in all, processes of a group waited for their quota."""

    periods: int
    seconds: float


def quota_cores() -> float | None:
    """Cores' worth of processor time that is granted; None without a quota."""
    found = []
    for folder in _folders("cpu"):
        quota, _, period = _read(f"{folder}/cpu.max").partition(" ")
        if not quota:
            quota = _read(f"{folder}/cpu.cfs_quota_us")
            period = _read(f"{folder}/cpu.cfs_period_us")
        if quota.isdecimal() and period.isdecimal() and int(period):
            found.append(int(quota) / int(period))
    return min(found, default=None)


def throttled() -> Throttled | None:
    """Of the most throttled group so far; None where no group counts it."""
    found = []
    for folder in _folders("cpu"):
        counts = _counts(f"{folder}/cpu.stat")
        if "nr_throttled" in counts:
            seconds = counts.get("throttled_usec", 0) / 1e6 + counts.get("throttled_time", 0) / 1e9
            found.append(Throttled(counts["nr_throttled"], seconds))
    return max(found, default=None)


def memory_limit_bytes() -> int | None:
    """Most memory that all processes of the group may use; None without a limit."""
    return min((limit for limit, _ in _memory()), default=None)


def memory_left_bytes() -> int | None:
    """What is left of it: the cache of files counts as left, for it is given up; None as above."""
    return min((max(limit - used, 0) for limit, used in _memory()), default=None)


def _memory() -> Iterator[tuple[int, int]]:
    """(limit, used) in bytes of every group that has a limit."""
    for folder in _folders("memory"):
        limit = _read(f"{folder}/memory.max") or _read(f"{folder}/memory.limit_in_bytes")
        used = _read(f"{folder}/memory.current") or _read(f"{folder}/memory.usage_in_bytes")
        if limit.isdecimal() and used.isdecimal() and int(limit) < _UNLIMITED:
            counts = _counts(f"{folder}/memory.stat")
            files = counts.get("total_inactive_file", counts.get("inactive_file", 0))
            yield int(limit), max(int(used) - files, 0)


def _folders(controller: str) -> Iterator[str]:
    """Folders of this process's group and of all around it, for one controller."""
    for line in _read(_OWN).splitlines():
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if number == "0" and not names:
            roots = [_ROOT, f"{_ROOT}/unified"]
        elif controller in names.split(","):
            roots = [f"{_ROOT}/{names}", f"{_ROOT}/{controller}"]
        else:
            continue
        parts = [part for part in path.split("/") if part and part != ".."]
        for root in dict.fromkeys(roots):
            for count in range(len(parts), -1, -1):
                yield "/".join([root, *parts[:count]])


def _counts(path: str) -> dict[str, int]:
    pairs = (line.split() for line in _read(path).splitlines())
    return {p[0]: int(p[1]) for p in pairs if len(p) == 2 and p[1].isdecimal()}


def _read(path: str) -> str:
    """A file's text; empty where there is none: which there are depends on the version."""
    try:
        # of ASCII, whose codec is a module that may not have been imported before a fork
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - loads slowly
            return file.read().strip()
    except (OSError, ValueError):
        return ""
