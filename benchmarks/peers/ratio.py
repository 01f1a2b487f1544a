"""ratio = our best kernel's time / the best peer's, formed within a round; below 1 ours is faster.

The least of several medians is biased low (selection bias). So the winners of the even rounds are
compared in the odd rounds, and those of the odd rounds in the even ones (cross-validation).
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

#: seconds of a call, round by round; kernels that are far slower have fewer rounds
Turns = Mapping[str, Sequence[float]]

RESAMPLES = 4000


def verdict(ours: Turns, peers: Turns) -> dict[str, Any]:
    """Winners by name, and the median ratio with its interval; None where a side has no kernel."""
    found: dict[str, Any] = {"ours": None, "peer": None, "ours_s": None, "peer_s": None}
    sides = {"ours": _in_all_rounds(ours), "peer": _in_all_rounds(peers)}
    for side, turns in sides.items():
        if turns:
            found[side] = _best(turns, slice(None))
            found[f"{side}_s"] = statistics.median(turns[found[side]])
    if not (ours and peers):
        return {**found, "ratio": None, "low": None, "high": None, "ratios": []}
    ratios = _ratios(sides["ours"], sides["peer"])
    low, high = _interval(ratios)
    return {**found, "ratio": statistics.median(ratios), "low": low, "high": high,
            "ratios": ratios}  # fmt: skip


def _in_all_rounds(turns: Turns) -> Turns:
    """The kernels that were timed in all rounds."""
    most = max(map(len, turns.values()), default=0)
    return {name: times for name, times in turns.items() if len(times) == most}


def _best(turns: Turns, rounds: slice) -> str:
    return min(turns, key=lambda name: statistics.median(turns[name][rounds]))


def _ratios(ours: Turns, peers: Turns) -> list[float]:
    """Ratios of the rounds in which both sides were timed."""
    count = min(len(next(iter(side.values()))) for side in (ours, peers))
    ours, peers = ({n: t[:count] for n, t in side.items()} for side in (ours, peers))
    odd, even = slice(0, None, 2), slice(1, None, 2)
    found = [0.0] * count
    for picked, held_out in ((odd, even), (even, odd)):
        if count == 1:
            picked = held_out = slice(None)
        mine, theirs = ours[_best(ours, picked)], peers[_best(peers, picked)]
        pairs = zip(mine[held_out], theirs[held_out], strict=True)
        found[held_out] = [a / b for a, b in pairs]
    return found


def _interval(ratios: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """95 %, percentile bootstrap of the median."""
    rng = np.random.default_rng(seed)
    values = np.array(ratios)
    medians = np.median(values[rng.integers(len(values), size=(RESAMPLES, len(values)))], axis=1)
    low, high = np.quantile(medians, (0.025, 0.975))
    return float(low), float(high)
