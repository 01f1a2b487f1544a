"""Settings of numba's in the environment with which it cannot be imported, or not be used."""

from __future__ import annotations

import os

_LAYERS = {"tbb", "omp", "workqueue"}


def why_unusable() -> str:
    """Which one is wrong, and what it should be; empty where numba can be used."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return "numba's compiler is switched off (unset NUMBA_DISABLE_JIT)"
    return _why_refused()


def check_settings() -> None:
    """Refuse what numba would raise at.

    Raises:
        ValueError: names the setting.
    """
    if problem := _why_refused():
        raise ValueError(problem)


def _why_refused() -> str:
    threads = os.environ.get("NUMBA_NUM_THREADS", "").strip()
    # what is no number numba warns of, and goes on without
    if threads.lstrip("+-").isdecimal() and int(threads) < 1:
        return f"NUMBA_NUM_THREADS={threads}: numba needs 1 thread or more (or unset it)"
    order = os.environ.get("NUMBA_THREADING_LAYER_PRIORITY", "").split()
    if order and (set(order) != _LAYERS or len(order) != len(_LAYERS)):
        return (
            f"NUMBA_THREADING_LAYER_PRIORITY={' '.join(order)}: numba needs each of "
            f"{', '.join(sorted(_LAYERS))} once (or unset it)"
        )
    return ""
