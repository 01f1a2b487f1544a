"""ratio = median over launches of (median over rounds of head_s / base_s).

Its interval is bootstrapped over launches, each of which is one observation: an interval from
within one process says nothing about the next one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

RESAMPLES = 4000
#: nominal: of seven launches, 89 % of such intervals hold the ratio, of many nearly 95 %. What
#: keeps false alarms away is that a regression must be found a second time
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """How much slower head is, over a number of launches; times in seconds per call.

    ``head_s`` is ``ratio * base_s``: the median of head's own times knows nothing of which
    launches were disturbed.
    """

    ratio: float
    low: float
    high: float
    base_s: float
    head_s: float
    launches: int

    def slower(self, threshold: float, floor_s: float) -> bool:
        """Beyond the threshold with the whole interval, and by more than the floor."""
        return self.low > threshold and self.head_s - self.base_s > floor_s

    def undecided(self, threshold: float, floor_s: float) -> bool:
        """Beyond the threshold, but not with the whole interval."""
        return self.ratio > threshold >= self.low and self.head_s - self.base_s > floor_s

    def open(self, threshold: float) -> bool:
        """The threshold lies within the interval: more launches may decide."""
        return self.low <= threshold < self.high

    def faster(self, threshold: float, floor_s: float) -> bool:
        """What `slower` would say with both commits exchanged."""
        return self.high < 1 / threshold and self.base_s - self.head_s > floor_s


def estimate(launches: Sequence[Mapping[str, Any]], seed: int = 0) -> Estimate:
    """What these launches say together.

    Args:
        launches: ``base_s`` and ``head_s`` of each, a sample a round, taken in turns.
        seed: of the resamples.

    Raises:
        ValueError: there is no launch.
    """
    if not launches:
        raise ValueError("no launch to estimate from; expected one at least")
    ratios = np.array([np.median(np.divide(one["head_s"], one["base_s"])) for one in launches])
    low, high = interval(ratios, seed)
    ratio = float(np.median(ratios))
    base_s = float(np.median([np.median(one["base_s"]) for one in launches]))
    return Estimate(ratio, low, high, base_s, ratio * base_s, len(launches))


def interval(values: Array, seed: int = 0) -> tuple[float, float]:
    """Percentile-bootstrap interval of the median of a few values."""
    rng = np.random.default_rng(seed)
    drawn = values[rng.integers(values.size, size=(RESAMPLES, values.size))]
    low, high = np.quantile(np.median(drawn, axis=1), ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return float(low), float(high)
