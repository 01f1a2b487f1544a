"""ratio = our best kernel's time / the best peer's, formed within a round; below 1 ours is faster.

Who has the least median of some rounds was lucky in them, ours and peers alike. So the winners
of every second round are held against each other in the rounds between, and the other way round:
no round's ratio is of winners that it helped to pick.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from .ratios import ratio

Turns = Mapping[str, Sequence[float]]


def verdict(ours: Turns, peers: Turns) -> dict[str, Any]:
    """Winners by name, and the median ratio with its interval; None where a side has nobody."""
    found: dict[str, Any] = {"ours": None, "peer": None, "ours_s": None, "peer_s": None}
    for side, turns in (("ours", ours), ("peer", peers)):
        if turns:
            found[side] = _best(turns, slice(None))
            found[f"{side}_s"] = statistics.median(turns[found[side]])
    if not (ours and peers):
        return {**found, "ratio": None, "low": None, "high": None, "ratios": []}
    ratios = _ratios(ours, peers)
    told = asdict(ratio([ratios], [[1.0] * len(ratios)]))
    return {**found, "ratio": told["median"], "low": told["low"], "high": told["high"],
            "ratios": ratios}  # fmt: skip


def _best(turns: Turns, rounds: slice) -> str:
    return min(turns, key=lambda name: statistics.median(turns[name][rounds]))


def _ratios(ours: Turns, peers: Turns) -> list[float]:
    count = len(next(iter(ours.values())))
    odd, even = slice(0, None, 2), slice(1, None, 2)
    found = [0.0] * count
    for picked, told in ((odd, even), (even, odd)):
        if count == 1:
            picked = told = slice(None)
        mine, theirs = ours[_best(ours, picked)], peers[_best(peers, picked)]
        pairs = zip(mine[told], theirs[told], strict=True)
        found[told] = [a / b for a, b in pairs]
    return found
