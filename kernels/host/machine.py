"""The machine a number was taken with, and how many of its threads a measurement may use."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import metadata, util
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import threadpoolctl

from einbench.host import cgroup, openblas, threading_layer
from einbench.host.cores import usable_threads
from einbench.host.cpu import cpu_model, sysctl
from einbench.host.libraries import library

_CACHES = Path("/sys/devices/system/cpu")
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def machine() -> dict[str, Any]:
    """Everything that a number needs beside it, ready for JSON; unknown facts are None.

    ``fingerprint`` names what makes a remembered choice hold: processor, cores, caches, BLAS,
    Python, NumPy, numba, and oneMKL where its kernels can run. It stays the same over reboots,
    thread limits and updates of the operating system. The host's name is not recorded.
    """
    blas = _known(blas_libraries) or []
    facts: dict[str, Any] = {
        "cpu": _known(cpu_model),
        "architecture": platform.machine() or None,
        "physical_cores": _known(partial(psutil.cpu_count, logical=False)),
        "logical_cores": os.cpu_count(),
        "usable_cores": usable_threads(),
        "quota_cores": cgroup.quota_cores(),
        "caches": _caches(),
        "memory_bytes": _known(lambda: int(psutil.virtual_memory().total)),
        "memory_limit_bytes": cgroup.memory_limit_bytes(),
        "os": platform.platform(),
        "python": platform.python_version(),
        "python_implementation": platform.python_implementation(),
        "numpy": np.__version__,
        "numba": _version("numba"),
        "llvmlite": _version("llvmlite"),
        "scipy": _version("scipy"),
        "blas": blas,
        "numba_threading_layer": threading_layer.running_layer()
        or ("tbb" if library("tbb") else None),
        "tbb": _version("tbb"),
        "mkl": _version("mkl") if library("mkl") else None,
    }
    lasting = ("cpu", "architecture", "logical_cores", "caches", "python", "numpy", "numba")
    identity = {
        **{key: facts[key] for key in lasting},
        "blas": [(b["vendor"], b["version"], b["architecture"]) for b in blas],
        # the name from before oneMKL's kernels existed stays
        **({"mkl": facts["mkl"]} if facts["mkl"] else {}),
    }
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return {**facts, "fingerprint": digest[:12]}


@contextlib.contextmanager
def limit_threads(n: int | None = None) -> Iterator[int]:
    """BLAS and numba on ``n`` threads inside the block; both as they were after it.

    Args:
        n: threads; None takes all there are.

    Yields:
        The number of threads set. numba's limit belongs to the Python thread that set it:
        parallel kernels called from another one run on all its threads.

    Raises:
        ValueError: ``n`` is no whole number from 1 to what there is.
    """
    most, why = usable_threads(), "the cores this process may use"
    ours = numba_threads()
    if ours is not None and most > ours.most:
        most, why = ours.most, "NUMBA_NUM_THREADS"
    threads = most if n is None else n
    whole = isinstance(threads, Integral) and not isinstance(threads, bool)
    if not whole or not 1 <= threads <= most:
        raise ValueError(f"threads={n!r}: expected 1 to {most}, {why}")
    threads = int(threads)
    with contextlib.ExitStack() as undone:
        undone.callback(limit_blas(threads))
        if ours is not None:
            undone.callback(ours.set, ours.get())
            ours.set(threads)
        yield threads


def limit_blas(n: int) -> Callable[[], None]:
    """BLAS on ``n`` threads, in the whole process; what is returned sets what it had before.

    Any Python thread may call either. threadpoolctl from 3.7 on lets one of them set OpenBLAS's
    threads, the first that did and lives, and does nothing, without a word, for others.
    """
    _take_control()
    limits = threadpoolctl.threadpool_limits(limits=n, user_api="blas")

    def undo() -> None:
        _take_control()
        limits.restore_original_limits()

    return undo


def _take_control() -> None:
    give_up = getattr(threadpoolctl.OpenBLASController, "clear_controlling_thread", None)
    if give_up is not None:
        give_up(force=True)


def numba_threads() -> threading_layer.Count | None:
    """How many threads compiled kernels use, to be read and set; None without numba."""
    if util.find_spec("numba") is None:
        return None
    return threading_layer.count()


def _known(fact: Callable[[], Any]) -> Any:
    """The fact, or None where this machine does not report it."""
    try:
        return fact()
    except (OSError, ValueError, KeyError, AttributeError, NotImplementedError, RuntimeError):
        return None


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _caches() -> dict[str, int | None]:
    """Bytes of the first-level data cache, the second and the third, of one core."""
    if sys.platform == "darwin":
        keys = {"L1d": "hw.l1dcachesize", "L2": "hw.l2cachesize", "L3": "hw.l3cachesize"}
        return {name: _known(partial(_sysctl_bytes, key)) for name, key in keys.items()}
    found: dict[str, int | None] = {"L1d": None, "L2": None, "L3": None}
    for folder in sorted(_CACHES.glob("cpu0/cache/index*")):
        cache = _known(partial(_cache, folder))
        if cache and cache[0] in found:
            found[cache[0]] = cache[1]
    return found


def _sysctl_bytes(key: str) -> int:
    return int(sysctl(key))


def _cache(folder: Path) -> tuple[str, int]:
    """(name, bytes) of one cache in /sys, as ("L2", 2097152)."""
    level, kind, size = (
        (folder / name).read_text(encoding="ascii").strip() for name in ("level", "type", "size")
    )
    suffix = "" if kind == "Unified" else kind[0].lower()
    return f"L{level}{suffix}", int(size.rstrip("KMG")) * _UNITS.get(size[-1], 1)


def _scipys(path: str) -> bool:
    # NumPy's own is called libscipy_openblas too: the folder distinguishes them
    return any(part in ("scipy", "scipy.libs") for part in Path(path).parts)


def _kernels_own(path: str) -> bool:
    own = library("mkl")
    return own is not None and Path(path).resolve() == Path(own).resolve()


def _whose_threads(found: Mapping[str, Any]) -> str | None:
    if found.get("filepath") in openblas.LENT:
        return openblas.SHARED
    layer: str | None = found.get("threading_layer")
    return layer


def blas_libraries() -> list[dict[str, Any]]:
    """NumPy's BLAS, as this process has loaded it; what it was built with where that is unknown.

    SciPy brings a copy of its own, which numba's ``np.dot`` calls and no kernel here does; kernels
    ``mkl`` load theirs when they are first called.
    """
    loaded = [
        found
        for found in threadpoolctl.threadpool_info()
        if found["user_api"] == "blas" and not _scipys(found.get("filepath", ""))
    ]
    # where it is the only one it is NumPy's as well
    numpys = [found for found in loaded if not _kernels_own(found.get("filepath", ""))] or loaded
    if numpys:
        return [
            {
                "vendor": found["internal_api"],
                "version": found.get("version"),
                "threading_layer": _whose_threads(found),
                "num_threads": found.get("num_threads"),
                "architecture": found.get("architecture"),
            }
            for found in numpys
        ]
    built: Any = np.show_config(mode="dicts")
    blas = built["Build Dependencies"]["blas"]
    unknown = {"threading_layer": None, "num_threads": None, "architecture": None}
    return [{"vendor": blas["name"], "version": blas.get("version"), **unknown}]
