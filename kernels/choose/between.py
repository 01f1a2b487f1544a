"""t(n) ~ a + b n, n the product of the sizes: a choice between two remembered sizes.

A remembered size lies below another where it is not larger along any axis. Of those below the
size requested, and of those above it, the nearest is the one with the smallest distance
``sum over axes |log n - log m|``. They agree where one kernel wins or ties at both, and at every
remembered size between them; the simplest of such kernels is the answer. Where there is none it is
the one with the least interpolated time of those that were timed at all of them: if the two are
within a factor of 16, or if it leads by half of its time.

So the answer was checked at a size that is not smaller, as well as at one that is not larger.

Just beyond what is remembered along one axis, up to four times the nearest size or a quarter of it,
the kernel answers that wins or ties there, and at every remembered size back to one that lies as
far behind: what holds over so wide a range is expected to hold over as wide a one beyond.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from einbench.choose.book import RIGORS, Remembered
from einbench.choose.signature import Signature
from einbench.record import TIE_RATIO

#: along one axis: what wins at batch 1 and at batch 1000 says little of batch 30
MOST_APART = 256
#: interpolated times of different winners say which is the faster where sizes are as near, or
#: where the next one takes so many times as long: the number of threads changes between two sizes
CLOSE, _LEAD = 16, 1.5
#: the nearest size is so many times as large or as small, at most
MOST_BEYOND = 4


class Between(NamedTuple):
    """A kernel for a size that was not measured, from two of the sizes around it or beside it."""

    kernel: str
    lower: Remembered
    upper: Remembered
    #: seconds per call of every kernel that both measured, interpolated
    predicted_s: dict[str, float]
    #: both are smaller, or both larger
    beyond: bool = False


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
    same = _comparable(choices, requested, rigor)
    sizes = _sizes(requested)
    below = [c for c in same if all(m <= n for m, n in zip(_of(c), sizes, strict=True))]
    above = [c for c in same if all(m >= n for m, n in zip(_of(c), sizes, strict=True))]
    if not below or not above or 0 in sizes:
        return None
    lower, upper = max(below, key=_volume), min(above, key=_volume)
    low, high = _of(lower), _of(upper)
    if any(not 0 < m <= n <= MOST_APART * m for m, n in zip(low, high, strict=True)):
        return None
    inside = _inside(same, lower, upper)
    predicted_s = _interpolated(lower, upper, requested)
    kernel = _agreed(inside, usable)
    if kernel is None:
        timed = set.intersection(*(_timed(c, c in (lower, upper)) for c in inside))
        near = all(n <= CLOSE * m for m, n in zip(low, high, strict=True))
        kernel = _quickest(predicted_s, [m for m in usable if m in timed], 1.0 if near else _LEAD)
    if kernel is None:
        return None
    return Between(kernel, lower, upper, predicted_s)


def beyond(
    choices: Iterable[Remembered],
    requested: Signature,
    rigor: str,
    usable: Sequence[str],
) -> Between | None:
    """The kernel for a signature just beyond the remembered ones; None where they do not agree.

    Args: as `between`.
    """
    sizes = _sizes(requested)
    if 0 in sizes:
        return None
    same = _comparable(choices, requested, rigor)
    for place in range(len(sizes)):
        along = sorted((c for c in same if _differing(_of(c), sizes) == [place]), key=_volume)
        for larger in (False, True):
            # from the nearest on
            side = [c for c in along if (_of(c)[place] > sizes[place]) == larger]
            side = side if larger else side[::-1]
            far = next((c for c in side[1:] if _reaches(side[0], c, sizes[place], place)), None)
            if len(side) != len(along) or far is None:
                continue
            lower, upper = (side[0], far) if larger else (far, side[0])
            kernel = _agreed(_inside(along, lower, upper), usable)
            if kernel is not None:
                predicted_s = _interpolated(lower, upper, requested)
                return Between(kernel, lower, upper, predicted_s, beyond=True)
    return None


def _differing(one: tuple[int, ...], other: tuple[int, ...]) -> list[int]:
    return [n for n, (m, k) in enumerate(zip(one, other, strict=True)) if m != k]


def _reaches(near: Remembered, far: Remembered, size: int, place: int) -> bool:
    """Whether a size lies beyond the nearest by no more than that beyond the other, in times."""
    at, behind = _of(near)[place], _of(far)[place]
    step = max(size, at) / min(size, at)
    return step <= min(MOST_BEYOND, max(at, behind) / min(at, behind))


def _comparable(
    choices: Iterable[Remembered], requested: Signature, rigor: str
) -> list[Remembered]:
    """Of the same kind of call, as thorough, and of a size that anything is computed at."""
    least = RIGORS.index(rigor)
    return [
        choice
        for choice in choices
        if choice.signature.kind == requested.kind
        and RIGORS.index(choice.rigor) >= least
        and 0 not in _of(choice)
    ]


def _inside(
    choices: Iterable[Remembered], lower: Remembered, upper: Remembered
) -> list[Remembered]:
    low, high = _of(lower), _of(upper)
    return [
        choice
        for choice in choices
        if all(m <= k <= n for m, k, n in zip(low, _of(choice), high, strict=True))
    ]


def _agreed(choices: Sequence[Remembered], usable: Sequence[str]) -> str | None:
    """The simplest kernel that wins or ties at all of these."""
    agreed = set.intersection(*(set(choice.tie) for choice in choices))
    return next((method for method in usable if method in agreed), None)


def _timed(choice: Remembered, end: bool) -> set[str]:
    """Kernels that were timed; between the two ends only what took little longer than the best."""
    most_s = math.inf if end else _LEAD * choice.times[choice.kernel].median_s
    return {method for method, time in choice.times.items() if time.median_s <= most_s}


def _quickest(predicted_s: Mapping[str, float], methods: Sequence[str], lead: float) -> str | None:
    """The fastest of these, the simplest where some tie; None where its lead is less than that."""
    best_s = min((predicted_s[method] for method in methods), default=0.0)
    tied = [method for method in methods if predicted_s[method] <= TIE_RATIO * best_s]
    rest = [predicted_s[method] for method in methods if method not in tied]
    return tied[0] if tied and min(rest, default=math.inf) >= lead * best_s else None


def _interpolated(lower: Remembered, upper: Remembered, requested: Signature) -> dict[str, float]:
    first, last, wanted = (math.prod(_sizes(each)) for each in (
        lower.signature, upper.signature, requested
    ))  # fmt: skip
    part = (wanted - first) / (last - first) if last > first else 0.0
    # below both, no less than in proportion to the size
    least = wanted / first if wanted < first else 0.0
    return {
        method: max(
            (1 - part) * time.median_s + part * upper.times[method].median_s,
            least * time.median_s,
        )
        for method, time in lower.times.items()
        if method in upper.times
    }


def _sizes(signature: Signature) -> tuple[int, ...]:
    return tuple(size for _, size in signature.sizes)


def _of(choice: Remembered) -> tuple[int, ...]:
    return _sizes(choice.signature)


def _volume(choice: Remembered) -> int:
    return math.prod(_of(choice))
