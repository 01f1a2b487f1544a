"""Numbers that functions are given beside arrays: seconds of timing, seeds, rows."""

from __future__ import annotations

from typing import Any

import numpy as np


def check_budget(budget_s: Any) -> float:
    """Seconds above 0.

    Raises:
        TypeError: no number.
        ValueError: not above 0.
    """
    if isinstance(budget_s, bool) or not isinstance(budget_s, int | float | np.number):
        raise TypeError(f"budget_s={budget_s!r}: expected seconds, a number above 0, 0.5 say")
    if not budget_s > 0:
        raise ValueError(f"budget_s={budget_s!r}: expected more than 0 seconds")
    return float(budget_s)


def check_time_limit(time_limit_s: Any) -> float:
    """Seconds above 0.

    Raises:
        TypeError: no number.
        ValueError: not above 0.
    """
    if isinstance(time_limit_s, bool) or not isinstance(time_limit_s, int | float | np.number):
        raise TypeError(
            f"time_limit_s={time_limit_s!r}: expected seconds, a number above 0, 0.5 say"
        )
    if not time_limit_s > 0:
        raise ValueError(f"time_limit_s={time_limit_s!r}: expected more than 0 seconds")
    return float(time_limit_s)


def check_memory(memory_bytes: Any) -> int:
    """A whole number of bytes from 0.

    Raises:
        TypeError: no whole number.
        ValueError: below 0.
    """
    said = f"memory_bytes={memory_bytes!r}: expected a whole number of bytes from 0"
    if isinstance(memory_bytes, bool) or not isinstance(memory_bytes, int | np.integer):
        raise TypeError(said)
    if memory_bytes < 0:
        raise ValueError(said)
    return int(memory_bytes)


def check_seed(seed: Any) -> int:
    """A whole number from 0.

    Raises:
        TypeError: no whole number.
        ValueError: below 0.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise TypeError(f"seed={seed!r}: expected a whole number from 0")
    if seed < 0:
        raise ValueError(f"seed={seed!r}: expected a whole number from 0")
    return int(seed)


def check_rows(batch: Any) -> int:
    """A whole number from 0, also one that is written as 128.0.

    Raises:
        TypeError: no number.
        ValueError: not whole, or below 0.
    """
    if isinstance(batch, bool) or not isinstance(batch, int | float | np.number):
        raise TypeError(f"batch {batch!r}: expected a whole number from 0")
    if not 0 <= batch < float("inf") or batch != int(batch):
        raise ValueError(f"batch {batch!r}: expected a whole number from 0")
    return int(batch)
