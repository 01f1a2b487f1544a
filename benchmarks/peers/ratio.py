"""ratio = our best kernel's time / the best peer's, formed within a round; below 1 ours is faster.

Who has the least median of some rounds was lucky in them, ours and peers alike. So the winners
of every second round are held against each other in the rounds between, and the other way round:
no round's ratio is of winners that it helped to pick.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

#: seconds of a call, round by round; who loses clearly has a turn no more
Turns = Mapping[str, Sequence[float]]

RESAMPLES = 4000


def verdict(ours: Turns, peers: Turns) -> dict[str, Any]:
    """Winners by name, and the median ratio with its interval; None where a side has nobody."""
    found: dict[str, Any] = {"ours": None, "peer": None, "ours_s": None, "peer_s": None}
    sides = {"ours": _to_the_end(ours), "peer": _to_the_end(peers)}
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


def _to_the_end(turns: Turns) -> Turns:
    """Of a side, those that had turns for as long as any."""
    most = max(map(len, turns.values()), default=0)
    return {name: times for name, times in turns.items() if len(times) == most}


def _best(turns: Turns, rounds: slice) -> str:
    return min(turns, key=lambda name: statistics.median(turns[name][rounds]))


def _ratios(ours: Turns, peers: Turns) -> list[float]:
    """Of the rounds in which both sides took part."""
    count = min(len(next(iter(side.values()))) for side in (ours, peers))
    ours, peers = ({n: t[:count] for n, t in side.items()} for side in (ours, peers))
    odd, even = slice(0, None, 2), slice(1, None, 2)
    found = [0.0] * count
    for picked, told in ((odd, even), (even, odd)):
        if count == 1:
            picked = told = slice(None)
        mine, theirs = ours[_best(ours, picked)], peers[_best(peers, picked)]
        pairs = zip(mine[told], theirs[told], strict=True)
        found[told] = [a / b for a, b in pairs]
    return found


def _interval(ratios: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """95 %, percentile bootstrap of the median."""
    rng = np.random.default_rng(seed)
    values = np.array(ratios)
    medians = np.median(values[rng.integers(len(values), size=(RESAMPLES, len(values)))], axis=1)
    low, high = np.quantile(medians, (0.025, 0.975))
    return float(low), float(high)
