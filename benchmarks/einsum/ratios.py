"""`einbench.einsum` over the best library, from the samples of a race.

    ratio = quartile(einbench) / quartile(best library)

of the lower quartiles of samples: what other processes delay is not what is compared. The best
library is the one of the least in every other round; the ratio is taken in the rounds between
these, so that luck that made it the best is no part of it.
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
    """Of one expression; ``low`` and ``high`` are the 95 % interval, of rounds drawn again."""

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
    quartiles = {name: _quartile(each[0::2]) for name, each in samples.items()}
    known = {name: s for name, s in quartiles.items() if np.isfinite(s)}
    if not known or not np.isfinite(own).any():
        return None
    best = min(known, key=lambda name: known[name])
    theirs, ours = samples[best][1::2], own[1::2]
    both = np.isfinite(theirs) & np.isfinite(ours)
    theirs, ours = theirs[both], ours[both]
    if not ours.size:
        return None
    rounds = np.random.default_rng(0).integers(0, ours.size, (_RESAMPLES, ours.size))
    drawn = [np.quantile(each[rounds], 0.25, axis=1) for each in (ours, theirs)]
    low, high = np.quantile(drawn[0] / drawn[1], [0.025, 0.975])
    own_s, best_s = _quartile(ours), _quartile(theirs)
    return Ratio(best, best_s, own_s, own_s / best_s, float(low), float(high))


def over_own(contestants: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Each library's time over that of einbench; those without samples are left out."""
    times = {name: _quartile(_samples(facts)) for name, facts in contestants.items()}
    own = times.pop(OWN, np.nan)
    return {name: s / own for name, s in times.items() if np.isfinite(s / own)}


def mean(values: Sequence[float]) -> float:
    """Geometric; NaN of none."""
    return float(np.exp(np.mean(np.log(values)))) if len(values) else float("nan")


def _samples(facts: Mapping[str, Any]) -> np.ndarray:
    return np.array([np.nan if s is None else s for s in facts.get("samples_s", ())], np.float64)


def _quartile(samples: np.ndarray) -> float:
    taken = samples[np.isfinite(samples)]
    return float(np.quantile(taken, 0.25)) if taken.size else float("nan")
