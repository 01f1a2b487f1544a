"""The nearest kin of a machine that was never measured, and what its answers would cost.

    distance = sum of what differs: 4 another architecture, 4 another BLAS, 3 kernels of BLAS made
    for another processor, 2 another maker of processors, 1 another model, 1/2 another version of
    BLAS, 1/4 of NumPy or numba; |log2| of the ratios of cores and of the caches' mean

    regret = t(what the kin's winner takes here) / t(the best here) - 1

The weights are judgement: with the few machines that one user has nothing can be fitted. What they
cost is measured instead, each time: every machine at hand is left out once, and answered by its
nearest kin among the others.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from einbench.record import TIE_RATIO

_ARCHITECTURE, _VENDOR, _BLAS_KERNELS, _MAKER, _MODEL = 4.0, 4.0, 3.0, 2.0, 1.0
_BLAS_VERSION, _VERSION = 0.5, 0.25


class Measured(NamedTuple):
    """One machine, and what kernels take on it."""

    #: as `einbench machine` states them
    facts: Mapping[str, Any]
    #: cell -> kernel -> seconds per call, the one that was chosen there first
    cells: Mapping[Hashable, Mapping[str, float]]


class Regret(NamedTuple):
    """Of every cell that a machine and its nearest kin both have."""

    machines: int
    cells: int
    median: float
    p90: float
    greatest: float
    #: cells in which the answer was the best, or tied with it
    right: int


def distance(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """How unlike two machines are; 0 where nothing that matters differs."""
    return sum(weight for weight, _ in _differing(one, other))


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """What differs in words, what weighs most first: ``["8 and 2 cores", ...]``."""
    return [said for _, said in sorted(_differing(one, other), key=lambda each: -each[0])]


def nearest(facts: Mapping[str, Any], machines: Sequence[Measured]) -> Measured:
    """The least distant; of two as near the one with more cells."""
    return min(machines, key=lambda each: (distance(facts, each.facts), -len(each.cells)))


def left_out(machines: Sequence[Measured]) -> Regret | None:
    """What answers of the nearest kin cost, each machine left out once; None where none can be."""
    regrets = [
        regret
        for each in machines
        for regret in regrets_of(each, [other for other in machines if other is not each])
    ]
    if not regrets:
        return None
    ordered = sorted(regrets)
    return Regret(
        machines=len(machines),
        cells=len(ordered),
        median=_quantile(ordered, 0.5),
        p90=_quantile(ordered, 0.9),
        greatest=ordered[-1],
        right=sum(regret < TIE_RATIO - 1 for regret in ordered),
    )


def regrets_of(machine: Measured, others: Sequence[Measured]) -> list[float]:
    """Of each of its cells that its nearest kin has: the first of the kin's kernels that is here.

    A kernel that was not timed on one of them says nothing there.
    """
    if not others:
        return []
    kin = nearest(machine.facts, others)
    found = []
    for cell, seconds in machine.cells.items():
        there = kin.cells.get(cell, {})
        answer = next((kernel for kernel in there if kernel in seconds), None)
        if answer is not None:
            found.append(seconds[answer] / min(seconds.values()) - 1)
    return found


def regret_text(regret: Regret | None, machines: int) -> str:
    """In a sentence."""
    if regret is None:
        return f"with {machines} machine{'s' * (machines != 1)} at hand it cannot be said what "\
            "answers of kin cost"  # fmt: skip
    return (
        f"left out one by one, the {regret.machines} machines at hand lose by answers of their "
        f"nearest kin: median {regret.median:.1%}, 9 of 10 cells at most {regret.p90:.0%}, worst "
        f"{regret.greatest:.0%}; right or tied in {regret.right} of {regret.cells} cells"
    )


def _quantile(ordered: Sequence[float], part: float) -> float:
    return ordered[min(int(part * len(ordered)), len(ordered) - 1)]


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[tuple[float, str]]:
    found: list[tuple[float, str]] = []

    def unlike(weight: float, a: Any, b: Any, what: str) -> None:
        if a != b and a is not None and b is not None:
            found.append((weight, f"{what} {a} and {b}"))

    unlike(_ARCHITECTURE, one.get("architecture"), other.get("architecture"), "architecture")
    (vendor, version, made_for), theirs = _blas(one), _blas(other)
    unlike(_VENDOR, vendor, theirs[0], "BLAS")
    unlike(_BLAS_KERNELS, made_for, theirs[2], "BLAS's kernels for")
    unlike(_BLAS_VERSION, version, theirs[1], "BLAS")
    models = one.get("cpu"), other.get("cpu")
    makers = [str(model or "").split("(")[0].split(" ")[0] or None for model in models]
    unlike(_MAKER, makers[0], makers[1], "processors of")
    unlike(_MODEL, models[0], models[1], "processor")
    unlike(_VERSION, one.get("numpy"), other.get("numpy"), "NumPy")
    unlike(_VERSION, one.get("numba"), other.get("numba"), "numba")
    cores = one.get("usable_cores"), other.get("usable_cores")
    if apart := _apart(*cores):
        found.append((apart, f"{cores[0]} and {cores[1]} cores"))
    caches = [_caches(each) for each in (one, other)]
    each = [_apart(caches[0].get(name), caches[1].get(name)) for name in ("L1d", "L2", "L3")]
    if any(each):
        found.append((sum(each) / len(each), "other caches"))
    return found


def _apart(one: Any, other: Any) -> float:
    """|log2| of the ratio; 0 where one is not known."""
    numbers = [n for n in (one, other) if isinstance(n, int | float) and n > 0]
    return abs(math.log2(numbers[0] / numbers[1])) if len(numbers) == 2 else 0.0


def _caches(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    found = facts.get("caches")
    return found if isinstance(found, Mapping) else {}


def _blas(facts: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """Vendor, version, and for which processor its kernels are."""
    libraries = facts.get("blas")
    first = libraries[0] if isinstance(libraries, list) and libraries else {}
    first = first if isinstance(first, Mapping) else {}
    return first.get("vendor"), first.get("version"), first.get("architecture")
