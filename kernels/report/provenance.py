"""The machine and the cost of a set of numbers, in a line each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from einbench.host.openblas import SHARED
from einbench.units import seconds_text

_VENDORS = {
    "openblas": "OpenBLAS", "mkl": "MKL", "blis": "BLIS", "accelerate": "Accelerate",
    "flexiblas": "FlexiBLAS",
}  # fmt: skip


def machine_text(machine: Mapping[str, Any]) -> str:
    """``Intel Xeon, 2 threads, OpenBLAS 0.3.30, NumPy 2.4.6, numba 0.68.1, Python 3.11.7``."""
    parts = [str(machine.get("cpu") or "unknown processor")]
    threads = machine.get("threads")
    if threads:
        parts.append(f"{threads} thread{'s' * (threads != 1)}")
    if machine.get("quota_cores"):
        parts.append(f"a quota of {machine['quota_cores']:.3g} cores")
    if machine.get("throttled_periods"):
        waited = seconds_text(machine.get("throttled_s") or 0.0)
        parts.append(f"throttled {machine['throttled_periods']:,} times ({waited})")
    # SciPy brings a BLAS of its own where it is loaded: which is NumPy's is not recorded
    libraries = sorted({
        f"{blas_text(library)}{' on shared threads' * (library.get('threading_layer') == SHARED)}"
        for library in machine.get("blas") or []
    })  # fmt: skip
    if libraries:
        parts.append(" and ".join(libraries))
    for key, name in (("numpy", "NumPy"), ("numba", "numba"), ("python", "Python")):
        if machine.get(key):
            parts.append(f"{name} {machine[key]}")
    return ", ".join(parts)


def blas_text(library: Mapping[str, Any]) -> str:
    """``OpenBLAS 0.3.30``."""
    vendor = str(library.get("vendor") or "BLAS")
    return f"{_VENDORS.get(vendor.lower(), vendor)} {library.get('version') or ''}".strip()


def cost_text(wall_s: float, settings: Mapping[str, Any], interrupted: bool) -> str:
    """``took 31 s, 12 s of it timing, images from MNIST, seed 0``."""
    parts = [f"took {seconds_text(wall_s)}"]
    if settings.get("timed_s") is not None:
        parts[0] += f", {seconds_text(settings['timed_s'])} of it timing"
    if settings.get("data"):
        parts.append(f"images from {settings['data']}")
    if settings.get("seed") is not None:
        parts.append(f"seed {settings['seed']}")
    if interrupted:
        parts.append("interrupted before its end")
    return ", ".join(parts)
