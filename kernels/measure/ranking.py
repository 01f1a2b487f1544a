"""ratio[r] = sample_kernel[r] / sample_best[r]: medians, intervals, the winner and its ties.

Intervals are within this process: between processes identical code can differ by more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from einbench.contexts import ALONE, PROGRAM, ranked_s
from einbench.record import (
    CONFIDENCE,
    FEWEST_SAMPLES,
    TIE_MEDIAN_RATIO,
    TIE_RATIO,
    UNSTABLE_WIDTH,
)

Array = npt.NDArray[np.float64]
Samples = Mapping[str, Sequence[float]]

RESAMPLES = 4000
#: part of a kernel's samples that is not delayed, however disturbed a measurement was
_UNDELAYED = 0.1
#: ratio of two kernels' undelayed samples below which neither is the faster: there is no interval
_UNDELAYED_TIE = 1.05
#: number of values -> 97.5 % point of Student's t with one degree of freedom less
_STUDENT_T = {3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}


@dataclass(frozen=True)
class Summary:
    """Statistics of one kernel's samples; times in seconds per call."""

    median_s: float
    #: 95 % interval of the median; with ``few`` samples the least and the greatest of them
    low_s: float
    high_s: float
    #: rounds in which the kernel was timed
    count: int
    #: too few samples for an interval
    few: bool
    #: the interval (with few samples: their spread) is wider than 20 % of the median; a
    #: single sample shows no spread: ``few`` alone says so
    unstable: bool
    #: median of baseline / kernel within rounds, of medians where those are few; None without any
    speedup: float | None
    #: median of kernel / best within rounds and its 95 % interval, as above
    ratio_to_best: float | None
    ratio_low: float | None
    ratio_high: float | None


@dataclass(frozen=True)
class Ranking:
    """Which kernel is fastest, and which cannot be distinguished from it."""

    summaries: Mapping[str, Summary]
    winner: str | None
    #: the winner and all that tie with it, simplest first; empty where it stands alone
    ties: tuple[str, ...]


def rank(
    samples: Samples,
    baseline: str | None = None,
    rng: np.random.Generator | None = None,
    blocks: Sequence[int] = (),
    *,
    disturbed: bool = False,
) -> Ranking:
    """The best median wins, and of those that tie with it the simplest.

    Where other processes used the cores, medians say which kernel was delayed more often, and a
    kernel on all cores always is. The lower decile of its samples is what a call takes that was
    not delayed: the best of those wins then, and those within 5 % of it tie.

    A kernel ties where the lower 95 % bound of its median within-round ratio to the best is
    below 1.02, and its median and the ratio of their medians are below 1.10: a wider interval
    around a larger median means a disturbed measurement and no tie, as do few rounds in which the
    best was disturbed. The order of ``samples`` is the order of registration, simplest first.

    Args and raises: as `summarise`, and ``disturbed``: whether kernels were kept from the cores.
    """
    summaries = summarise(samples, baseline, rng, blocks)
    if disturbed and summaries:
        undelayed_s = {n: undelayed(times) for n, times in samples.items()}
        most_s = _UNDELAYED_TIE * min(undelayed_s.values())
        tied = tuple(name for name, s in undelayed_s.items() if s <= most_s)
        return Ranking(summaries, tied[0], tied if len(tied) > 1 else ())
    best_s = min((summary.median_s for summary in summaries.values()), default=0.0)
    tied = tuple(
        name
        for name, summary in summaries.items()
        if summary.ratio_low is not None
        and summary.ratio_to_best is not None
        and summary.ratio_low < TIE_RATIO
        and summary.ratio_to_best < TIE_MEDIAN_RATIO
        and summary.median_s < TIE_MEDIAN_RATIO * best_s
    )
    return Ranking(summaries, tied[0] if tied else None, tied if len(tied) > 1 else ())


def in_context(
    context: str, alone: Samples, beside: Mapping[str, Samples]
) -> dict[str, tuple[float, ...]]:
    """What is ranked: samples of a context, or of all of them the geometric mean in each round.

    A kernel that was timed alone only is left out where others were timed beside it.

    Args:
        context: see `einbench.contexts`.
        alone: name -> seconds per call, one a round.
        beside: context -> the same.
    """
    complete = [name for name in alone if all(name in samples for samples in beside.values())]
    return {
        name: tuple(
            ranked_s(context, s, {at: samples[name][n] for at, samples in beside.items()})
            for n, s in enumerate(alone[name])
        )
        for name in complete
        if context != ALONE
    } or {name: tuple(times) for name, times in alone.items()}


def rank_in_context(
    context: str,
    alone: Samples,
    beside: Mapping[str, Samples],
    blocks: Sequence[int] = (),
    *,
    disturbed: bool = False,
) -> Ranking:
    """As `rank`, of samples in a context; summaries are of those alone, without speed-ups.

    In a program a kernel ties only where it takes less than 1.10 times the best one's time in each
    context: the simplest of ties wins, and is not to lose in one what it gains in another.
    """
    ranked = in_context(context, alone, beside)
    if context != ALONE and ranked:
        counts = {name: int(np.sum(~np.isnan(times))) for name, times in ranked.items()}
        # one that was dropped as slow has few samples, whose median says little after BLAS
        least = max(counts.values()) / 2
        ranked = {name: times for name, times in ranked.items() if counts[name] >= least}
    ranking = rank(ranked, blocks=blocks, disturbed=disturbed)
    ties = ranking.ties
    if context == PROGRAM and ties:
        typical = undelayed if disturbed else np.nanmedian
        best = min(ties, key=lambda name: float(typical(ranked[name])))
        ties = tuple(
            name
            for name in ties
            if all(
                typical(samples[name]) < TIE_MEDIAN_RATIO * typical(samples[best])
                for samples in (alone, *beside.values())
                if name in samples and best in samples
            )
        )
    return Ranking(
        summarise(alone, blocks=blocks),
        ties[0] if ties else ranking.winner,
        ties if len(ties) > 1 else (),
    )


def undelayed(times: Sequence[float]) -> float:
    """Seconds of a call that no other process delayed: the lower decile of the samples."""
    return float(np.quantile(_taken(np.asarray(times, np.float64)), _UNDELAYED))


def summarise(
    samples: Samples,
    baseline: str | None = None,
    rng: np.random.Generator | None = None,
    blocks: Sequence[int] = (),
) -> dict[str, Summary]:
    """Median, interval and ratios of every kernel.

    Intervals of the ratio to the best are the union with the interval from block medians, which
    vary more than rounds within a block.

    Args:
        samples: name -> seconds per call, one a round, NaN where the kernel was not timed.
        baseline: the kernel speed-ups are measured against; they are None without it.
        rng: draws the bootstrap's resamples; by default always the same.
        blocks: rounds of each block, where they were taken in several.

    Raises:
        ValueError: a kernel has no sample, one that is not positive, or another number of
            rounds than the first.
    """
    rounds = {name: _checked(name, times, samples) for name, times in samples.items()}
    if not rounds:
        return {}
    bootstrap = _Bootstrap(np.random.default_rng(0) if rng is None else rng)
    medians = {name: float(np.nanmedian(times)) for name, times in rounds.items()}
    best = min(medians, key=medians.__getitem__)
    summaries = {}
    for name, times in rounds.items():
        taken = _taken(times)
        low_s, high_s = bootstrap.interval(taken)
        ratios = _taken(times / rounds[best])
        ratio_low, ratio_high = bootstrap.interval(ratios) if ratios.size else (None, None)
        across = _across_blocks(times / rounds[best], blocks)
        if across is not None and ratio_low is not None and ratio_high is not None:
            ratio_low, ratio_high = min(ratio_low, across[0]), max(ratio_high, across[1])
        speedups = _taken(rounds[baseline] / times) if baseline in rounds else np.empty(0)
        summaries[name] = Summary(
            median_s=medians[name],
            low_s=low_s,
            high_s=high_s,
            count=taken.size,
            few=taken.size < FEWEST_SAMPLES,
            unstable=high_s - low_s > UNSTABLE_WIDTH * medians[name],
            speedup=_speedup(speedups, medians.get(baseline or "", math.nan) / medians[name]),
            ratio_to_best=_median(ratios),
            ratio_low=ratio_low,
            ratio_high=ratio_high,
        )
    return summaries


def _across_blocks(ratios: Array, blocks: Sequence[int]) -> tuple[float, float] | None:
    """exp(mean +- t s / sqrt(n)) of log block medians: the 95 % interval by batch means.

    None where a kernel has fewer than three blocks, as one that is far slower than the best.
    """
    parts = np.split(ratios, np.cumsum(blocks)[:-1]) if len(blocks) else []
    logs = [math.log(np.median(_taken(part))) for part in parts if _taken(part).size]
    if len(logs) < min(_STUDENT_T):
        return None
    t = _STUDENT_T[min(len(logs), max(_STUDENT_T))]
    half = t * float(np.std(logs, ddof=1)) / math.sqrt(len(logs))
    centre = float(np.mean(logs))
    return math.exp(centre - half), math.exp(centre + half)


class _Bootstrap:
    """95 % percentile-bootstrap intervals of medians; kernels with as many samples share draws.

    The median of a resample depends only on which sorted samples end up in its middle. The
    k-th smallest of n uniform numbers is Beta(k, n + 1 - k), and given it the next one is the
    smallest of n - k uniform above it: so the middle is drawn directly, without resampling
    n values and sorting them: the same distribution in a hundredth of the time.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._middles: dict[int, tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]] = {}

    def interval(self, values: Array) -> tuple[float, float]:
        """Bounds of the median; the extremes where there are too few values."""
        if values.size < FEWEST_SAMPLES:
            return float(values.min()), float(values.max())
        lower, upper = self._middle(values.size)
        in_order = np.sort(values)
        medians = (in_order[lower] + in_order[upper]) / 2
        low, high = np.quantile(medians, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
        return float(low), float(high)

    def _middle(self, n: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Ranks of the one or two samples in the middle of each resample."""
        if n not in self._middles:
            k = (n + 1) // 2
            position = self._rng.beta(k, n + 1 - k, RESAMPLES)
            following = position
            if n % 2 == 0:
                gap = self._rng.random(RESAMPLES) ** (1 / (n - k))
                following = 1 - (1 - position) * gap
            # n * position may round up to n itself
            lower = np.minimum((n * position).astype(np.intp), n - 1)
            upper = np.minimum((n * following).astype(np.intp), n - 1)
            self._middles[n] = lower, upper
        return self._middles[n]


def _checked(name: str, times: Sequence[float], samples: Samples) -> Array:
    array = np.asarray(times, np.float64)
    taken = _taken(array)
    rounds = len(next(iter(samples.values())))
    if array.size != rounds:
        raise ValueError(
            f"samples of {name!r}: expected {rounds} rounds, as the first kernel has, "
            f"got {array.size}; put NaN where a kernel was not timed"
        )
    if not taken.size or not taken.min() > 0:
        raise ValueError(f"samples of {name!r}: expected at least one, all above 0 seconds")
    return array


def _taken(times: Array) -> Array:
    return times[~np.isnan(times)]


def _speedup(within_rounds: Array, of_medians: float) -> float | None:
    """The median of ratios within rounds; with few rounds in common, the ratio of medians.

    A slow baseline is timed in one to three rounds: their noise would dominate, and a kernel could
    get a smaller speed-up than a slower one.
    """
    if within_rounds.size >= FEWEST_SAMPLES:
        return float(np.median(within_rounds))
    return of_medians if within_rounds.size else None


def _median(values: Array) -> float | None:
    return float(np.median(values)) if values.size else None
