"""A 95 % interval of a median, free of any assumption about how times are spread.

The number of samples below the median is binomial(n, 1/2), so the k-th smallest and the k-th
largest enclose it with 1 - 2 P(below < k) (Conover, Practical Nonparametric Statistics, 3.2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from einbench.record import CONFIDENCE


def median_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The narrowest such pair with at least 95 %; None for fewer than 6 values."""
    n = len(values)
    in_order = sorted(values)
    # P(below < k) grows with k: take the last that leaves 2.5 % outside at either end
    outside, k = 0.0, 0
    while k < n // 2:
        log_term = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        outside += math.exp(log_term - n * math.log(2))
        if outside > (1 - CONFIDENCE) / 2:
            break
        k += 1
    return (in_order[k - 1], in_order[n - k]) if k else None
