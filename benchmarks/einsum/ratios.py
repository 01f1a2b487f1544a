"""`einbench.einsum` over the best library, from the samples of a race.

The best library is the one of the least median in every other round; the ratio is taken in the
rounds between these, so that luck that made it the best is no part of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

OWN = "einbench_einsum"
#: a miss is an interval whose lower end is beyond this, and beyond the best by so many seconds
SLOWER, SLOWER_S = 1.10, 3e-6
_RESAMPLES = 2000


@dataclass(frozen=True)
class Ratio:
    """Of one expression; ``low`` and ``high`` are the 95 % interval of the median ratio."""

    best: str
    best_s: float
    own_s: float
    ratio: float
    low: float
    high: float

    @property
    def missed(self) -> bool:
        """Whether it is slower than the best, beyond what is allowed and beyond noise."""
        return self.low > max(SLOWER, 1 + SLOWER_S / self.best_s)


def ratio(contestants: Mapping[str, Mapping[str, Any]]) -> Ratio | None:
    """None where einbench or all libraries have no samples."""
    samples = {name: _samples(facts) for name, facts in contestants.items()}
    own = samples.pop(OWN, np.empty(0))
    medians = {name: _median(each[0::2]) for name, each in samples.items()}
    known = {name: s for name, s in medians.items() if np.isfinite(s)}
    if not known or not np.isfinite(own).any():
        return None
    best = min(known, key=lambda name: known[name])
    theirs, ours = samples[best][1::2], own[1::2]
    both = np.isfinite(theirs) & np.isfinite(ours)
    logs = np.log(ours[both] / theirs[both])
    if not logs.size:
        return None
    draws = np.random.default_rng(0).choice(logs, (_RESAMPLES, logs.size))
    low, high = np.exp(np.quantile(np.median(draws, axis=1), [0.025, 0.975]))
    middle = float(np.exp(np.median(logs)))
    return Ratio(best, _median(theirs[both]), _median(ours[both]), middle, float(low), float(high))


def over_own(contestants: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Median of each library over that of einbench; those without samples are left out."""
    medians = {name: _median(_samples(facts)) for name, facts in contestants.items()}
    own = medians.pop(OWN, np.nan)
    return {name: s / own for name, s in medians.items() if np.isfinite(s / own)}


def mean(values: Sequence[float]) -> float:
    """Geometric; NaN of none."""
    return float(np.exp(np.mean(np.log(values)))) if len(values) else float("nan")


def _samples(facts: Mapping[str, Any]) -> np.ndarray:
    return np.array([np.nan if s is None else s for s in facts.get("samples_s", ())], np.float64)


def _median(samples: np.ndarray) -> float:
    taken = samples[np.isfinite(samples)]
    return float(np.median(taken)) if taken.size else float("nan")
