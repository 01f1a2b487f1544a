"""What a number was taken with: the machine, and which copy of the kernels ran."""

from __future__ import annotations

import filecmp
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import einbench

_CHECKOUT = Path(__file__).resolve().parents[2] / "kernels"


def blas_text(facts: Mapping[str, Any]) -> str:
    """Vendor and version of NumPy's BLAS: ``openblas 0.3.30``."""
    return ", ".join(f"{b['vendor']} {b['version'] or '(version unknown)'}" for b in facts["blas"])


def header(facts: Mapping[str, Any]) -> list[str]:
    """Lines for the top of pytest's output, which is shown and not kept: paths may stand in it."""
    threads = facts["threads"]
    measured = Path(einbench.__file__).resolve().parent
    return [
        f"machine: {facts['cpu']}, {threads} thread{'s' if threads != 1 else ''}",
        f"with: {blas_text(facts)}, NumPy {facts['numpy']}, numba {facts['numba'] or 'missing'}",
        f"kernels: {measured}: {origin(measured, _CHECKOUT)}",
    ]


def origin(measured: Path | None = None, checkout: Path = _CHECKOUT) -> str:
    """Whether the kernels that ran are those of this checkout, which ``commit_info`` names.

    What is installed may be older than the checkout, unless it was installed with ``-e``.
    """
    measured = measured or Path(einbench.__file__).resolve().parent
    if measured == checkout:
        return "this checkout"
    names = {path.relative_to(root) for root in (measured, checkout) for path in _sources(root)}
    _, other, missing = filecmp.cmpfiles(measured, checkout, map(str, names), shallow=False)
    if count := len(other) + len(missing):
        files = f"files that differ: {count}; pip install . or make bench-ci"
        return f"installed, NOT this checkout ({files})"
    return "installed, the same files as this checkout"


def _sources(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.py") if "__pycache__" not in path.parts]


def differences(now: Mapping[str, Any], then: Mapping[str, Any]) -> list[str]:
    """Facts in which two machines differ, as ``numpy 2.3.1 -> 2.4.6``; ratios then say little."""
    if not then:
        return ["no einbench facts in the saved run"]
    keys = [key for key in {**then, **now} if then.get(key) != now.get(key)]
    return [f"{key} {then.get(key)} -> {now.get(key)}" for key in keys if key != "fingerprint"]
