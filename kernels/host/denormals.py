"""Whether this thread takes denormal numbers for zero, as a library built for speed may have set.

Libraries linked with ``-ffast-math`` set the processor's flush-to-zero mode where they are loaded,
for all that the process computes from then on.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def are_flushed() -> bool:
    """Whether a denormal times one is zero."""
    tiny = np.full(4, np.finfo(np.float32).smallest_subnormal)
    return not (tiny * np.float32(1)).any()


def least(dtype: np.dtype[Any]) -> float:
    """The smallest number that results may differ by: the smallest that is not flushed to zero."""
    info = np.finfo(dtype)
    return float(info.smallest_normal if are_flushed() else info.smallest_subnormal)
