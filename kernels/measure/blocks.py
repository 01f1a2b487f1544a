"""Rounds in several blocks, with randomised placement of the arrays in each.

Successive rounds are correlated and share one placement of the arrays, so an interval that takes
all of them as independent is too narrow. The spread of the medians of blocks includes what differs
between runs (the method of batch means).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from itertools import repeat

import numpy as np

from einbench.contexts import ALONE, ranked_s
from einbench.measure.beside import Preceding
from einbench.measure.candidate import Call, Clock
from einbench.measure.timing import LEAST_ROUNDS, LOSING_RATIO, MOST_ROUNDS, Timing, interleave

#: short calls take less than their share of the budget: up to so many times as many blocks
_MOST_TIMES = 4
#: a block of short calls has no more rounds than this, so that more blocks are more rounds
_BLOCK_ROUNDS = 30


def interleave_in_blocks(
    calls: Callable[[], Mapping[str, Call]],
    blocks: int,
    *,
    budget_s: float,
    rng: np.random.Generator,
    expected_s: Mapping[str, float],
    least_calls: int = 0,
    clock: Clock = time.perf_counter,
    keep: Callable[[object], object] = lambda output: output,
    beside: Mapping[str, Preceding] | None = None,
    context: str = ALONE,
    brief: bool = False,
) -> Timing:
    """`interleave` in several blocks with a share of the budget each; their rounds concatenated.

    Where blocks take less than their share there are more of them, up to four times as many.

    Args:
        calls: makes name -> call anew for each block.
        blocks: how many; with one this is `interleave`.
        budget_s: seconds for all of them.
        rng: decides the order within each round.
        expected_s: seconds per call where known.
        least_calls: the budget is at least as long as so many calls of the fastest.
        clock: the only source of time, in seconds.
        keep: what to keep of an output.
        beside: as `interleave`.
        context: as `interleave`.
        brief: end where of several kernels one is left, or one more block would take longer than
            what is left of the budget, samples of kernels that were left out not counted.

    Returns:
        A `Timing` whose ``blocks`` has the rounds of each. A kernel whose fastest call so far takes
        more than twice the best's is left out of the following blocks.
    """
    parts: list[Timing] = []
    #: context -> name -> the fastest call so far
    fastest_s: dict[str, dict[str, float]] = {ALONE: {}}
    active: list[str] | None = None
    start_s, lost_s = clock(), 0.0
    while len(parts) < blocks or (
        len(parts) < _MOST_TIMES * blocks and blocks > 1 and clock() - start_s < budget_s
    ):
        began_s = clock()
        block_calls = calls()
        if active is None:
            active = list(block_calls)
        if not active:
            break
        part = interleave(
            {name: block_calls[name] for name in active},
            budget_s=budget_s / blocks,
            rng=rng,
            expected_s=fastest_s[ALONE] or expected_s,
            clock=clock,
            most_rounds=max(_BLOCK_ROUNDS, math.ceil(MOST_ROUNDS / blocks)),
            least_calls=math.ceil(least_calls / blocks),
            least_rounds=_least_rounds(blocks, first=not parts),
            keep=keep,
            beside=beside,
            context=context,
        )
        parts.append(part)
        active = _remaining(part, fastest_s, context)
        enough_s = least_calls * min(fastest_s[ALONE].values(), default=0.0)
        lost_s += sum(_spent_s(part, name) for name in part.samples if name not in active)
        ahead_s = 2 * clock() - began_s - start_s - lost_s
        decided = len(active) < 2 <= len(parts[0].samples)
        if brief and (decided or ahead_s > max(budget_s, enough_s)):
            break
    return _together(parts)


def _least_rounds(blocks: int, *, first: bool) -> int:
    """A share of what one block would have; in the first, enough to exclude slow kernels."""
    share = math.ceil(LEAST_ROUNDS / blocks)
    return max(share, LEAST_ROUNDS) if first else share


def _spent_s(part: Timing, name: str) -> float:
    """Seconds of a kernel's samples alone."""
    return float(np.nansum(part.samples[name])) * part.calls_per_sample[name]


def _remaining(part: Timing, fastest_s: dict[str, dict[str, float]], context: str) -> list[str]:
    """Kernels within LOSING_RATIO of the best; updates ``fastest_s``, the fastest calls so far.

    The minimum is over all blocks, since in one of them threads may have waited for a core.
    """
    for at, samples in ((ALONE, part.samples), *part.beside.items()):
        seen = fastest_s.setdefault(at, {})
        for name, times in samples.items():
            seen[name] = min(float(np.nanmin(times)), seen.get(name, math.inf))
    alone_s = fastest_s[ALONE]
    ranked = {
        name: ranked_s(context, s, {at: all_s[name] for at, all_s in fastest_s.items()})
        for name, s in alone_s.items()
        if len(fastest_s) > 1 and all(name in all_s for all_s in fastest_s.values())
    }
    most_s = LOSING_RATIO * min(alone_s.values(), default=0.0)
    most_ranked_s = LOSING_RATIO * min(ranked.values(), default=0.0)
    # of one that was timed alone only, times alone are compared
    return [
        name
        for name in part.samples
        if (ranked[name] <= most_ranked_s if name in ranked else alone_s[name] <= most_s)
    ]


def _together(parts: list[Timing]) -> Timing:
    failures = {name: why for part in parts for name, why in part.failures.items()}
    names = [name for name in parts[0].samples if name not in failures] if parts else []
    contexts = dict.fromkeys(context for part in parts for context in part.beside)
    return Timing(
        samples=_joined([(part.samples, part.rounds) for part in parts], names),
        calls_per_sample={n: c for p in reversed(parts) for n, c in p.calls_per_sample.items()},
        outputs={n: o for part in parts for n, o in part.outputs.items() if n in names},
        failures=failures,
        rounds=sum(part.rounds for part in parts),
        blocks=tuple(part.rounds for part in parts),
        overhead_s=sum(part.overhead_s for part in parts),
        beside={
            context: _joined([(part.beside.get(context, {}), part.rounds) for part in parts], names)
            for context in contexts
        },
    )


def _joined(
    parts: list[tuple[Mapping[str, tuple[float, ...]], int]], names: list[str]
) -> dict[str, tuple[float, ...]]:
    """Samples of all blocks by name, NaN in those without the kernel; of kernels with any."""
    return {
        name: tuple(
            sample
            for samples, rounds in parts
            for sample in samples.get(name, tuple(repeat(math.nan, rounds)))
        )
        for name in names
        if any(name in samples for samples, _ in parts)
    }
