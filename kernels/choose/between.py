"""log t(n) ~ linear in log n: a choice between two remembered sizes whose winners agree.

A remembered size lies below another where it is not larger along any axis. Of those below the
size requested, and of those above it, the nearest is the one with the smallest distance
``sum over axes |log n - log m|``. They agree where one kernel wins or ties at both, and at every
remembered size between them; the simplest of such kernels is the answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from einbench.choose.book import RIGORS, Remembered
from einbench.choose.signature import Signature

#: along one axis: what wins at batch 1 and at batch 1000 says little of batch 30
MOST_APART = 256


class Between(NamedTuple):
    """A kernel for a size that was not measured, from the sizes around it."""

    kernel: str
    lower: Remembered
    upper: Remembered
    #: seconds per call of every kernel that both measured, interpolated
    predicted_s: dict[str, float]


def between(
    choices: Iterable[Remembered],
    requested: Signature,
    rigor: str,
    usable: Sequence[str],
) -> Between | None:
    """The kernel for a signature between remembered ones; None where they do not agree.

    Args:
        choices: of the operation, all made in the environment of now.
        requested: what for.
        rigor: neighbours that were chosen less thoroughly do not count.
        usable: kernels that may be chosen, simplest first.
    """
    least = RIGORS.index(rigor)
    same = [
        choice
        for choice in choices
        if choice.signature.kind == requested.kind
        and RIGORS.index(choice.rigor) >= least
        and 0 not in _of(choice)
    ]
    sizes = _sizes(requested)
    below = [c for c in same if all(m <= n for m, n in zip(_of(c), sizes, strict=True))]
    above = [c for c in same if all(m >= n for m, n in zip(_of(c), sizes, strict=True))]
    if not below or not above or 0 in sizes:
        return None
    lower, upper = max(below, key=_volume), min(above, key=_volume)
    low, high = _of(lower), _of(upper)
    if any(not 0 < m <= n <= MOST_APART * m for m, n in zip(low, high, strict=True)):
        return None
    inside = (
        set(choice.tie)
        for choice in same
        if all(m <= k <= n for m, k, n in zip(low, _of(choice), high, strict=True))
    )
    agreed = set.intersection(*inside)
    kernel = next((method for method in usable if method in agreed), None)
    if kernel is None:
        return None
    return Between(kernel, lower, upper, _interpolated(lower, upper, requested))


def _interpolated(lower: Remembered, upper: Remembered, requested: Signature) -> dict[str, float]:
    span = _volume(upper) - _volume(lower)
    part = (_log_volume(_sizes(requested)) - _volume(lower)) / span if span else 0.0
    return {
        method: time.median_s ** (1 - part) * upper.times[method].median_s ** part
        for method, time in lower.times.items()
        if method in upper.times
    }


def _sizes(signature: Signature) -> tuple[int, ...]:
    return tuple(size for _, size in signature.sizes)


def _of(choice: Remembered) -> tuple[int, ...]:
    return _sizes(choice.signature)


def _volume(choice: Remembered) -> float:
    return _log_volume(_of(choice))


def _log_volume(sizes: tuple[int, ...]) -> float:
    return sum(math.log(max(size, 1)) for size in sizes)
