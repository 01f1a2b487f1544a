"""Settings in the environment: numba's, with which it cannot be imported or used, and our own."""

from __future__ import annotations

import os

_LAYERS = {"tbb", "omp", "workqueue"}
#: how kernels are chosen: see `einbench.choose.policy`
ON, FROZEN, OFF = CHOICES = ("on", "frozen", "off")


def choice_setting() -> str:
    """What ``EINBENCH_CHOICE`` says; ``on`` where it says nothing.

    Raises:
        ValueError: it is none of on, frozen and off.
    """
    said = os.environ.get("EINBENCH_CHOICE", "").strip().lower()
    return check_choice(said, "EINBENCH_CHOICE=", " (or unset it)") if said else ON


def check_choice(choice: str, name: str = "choice ", advice: str = "") -> str:
    """The choice.

    Raises:
        ValueError: there is none of this name.
    """
    if choice not in CHOICES:
        raise ValueError(f"{name}{choice}: expected {', '.join(CHOICES[:-1])} or {OFF}{advice}")
    return choice


def why_unusable() -> str:
    """Which one is wrong, and what it should be; empty where numba can be used."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return "numba's compiler is switched off (unset NUMBA_DISABLE_JIT)"
    return _why_refused()


def check_settings() -> None:
    """Refuse what numba would raise at, and what is none of our own settings.

    Raises:
        ValueError: names the setting.
    """
    choice_setting()
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
