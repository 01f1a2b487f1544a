"""ratio = median over all rounds of (a time / the other time of that round).

Its 95 % interval is bootstrapped in two stages, launches first and then rounds within each: rounds
of one launch say nothing of the next, whose processes have other placements in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

RESAMPLES = 4000


@dataclass(frozen=True)
class Ratio:
    """How many times as long; above one the first is faster."""

    median: float
    low: float
    high: float


def ratio(theirs_s: Sequence[Sequence[float]], first_s: Sequence[Sequence[float]]) -> Ratio:
    """Of the turns of two sides, a list a launch, as many rounds in each."""
    ratios = np.array(theirs_s, np.float64) / np.array(first_s, np.float64)
    low, high = _interval(ratios)
    return Ratio(float(np.median(ratios)), low, high)


def _interval(ratios: Array, seed: int = 0) -> tuple[float, float]:
    """Percentile bootstrap of the median; rows are launches."""
    rng = np.random.default_rng(seed)
    launches, rounds = ratios.shape
    medians = np.empty(RESAMPLES)
    for n in range(RESAMPLES):
        drawn = rng.integers(launches, size=(launches, 1))
        medians[n] = np.median(ratios[drawn, rng.integers(rounds, size=ratios.shape)])
    low, high = np.quantile(medians, (0.025, 0.975))
    return float(low), float(high)
