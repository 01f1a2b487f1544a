"""A choice among the kernels that may be the fastest for a task, by a short measurement.

Of the kernels that the rule expects to take not much longer than the best, those that need no
compiler are called first, on the operands of the call; a compiled one joins where it may still win.
What `judged` finds wrong is left out, the rest is timed in turns, and the best of the samples that
nothing delayed decides.

Calls from 50 microseconds on are timed alone, after a product of BLAS and after a pause, and ranked
in the context that is asked for. Shorter ones are timed alone, and that counts in every context: a
pause would take forty times as long as they do, and there is one for every size that is new.
"""

from __future__ import annotations

import math

# here and below: what NumPy, ranking and writing import when it is first used, while no fork waits
import tempfile  # noqa: F401
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.ma
import numpy.random

from einbench.choose import contraction, policy
from einbench.choose.book import Remembered, Spread, Time
from einbench.choose.environment import threads
from einbench.contexts import AFTER_BLAS, AFTER_PAUSE
from einbench.dropin.judged import Judge, Wrong, finite
from einbench.einsum import pairs, rule, temporaries
from einbench.einsum.kernels import KERNELS
from einbench.einsum.task import Array, Refusal, Run, Task
from einbench.host.memory import available_bytes
from einbench.measure.beside import PRECEDING
from einbench.measure.blocks import interleave_in_blocks
from einbench.measure.ranking import Ranking, Summary, rank, rank_in_context, summarise
from einbench.moment import now
from einbench.units import bytes_text, one_line, ratio_text, seconds_text

#: kernels that are expected to take so many times the best one's time are not looked at
_NEAR, _COMPILED_NEAR = 6.0, 2.5
#: and those whose first calls took so many times the best's are not timed; calls may be disturbed
_LOSING, _DISTURBED_S, _MORE_CALLS = 2.0, 5e-6, 4
#: seconds of timing, and calls of the fastest kernel that are enough
_LEAST_S, _MOST_S, _CALLS = 0.002, 0.12, 60
_BLOCKS = 4
#: seconds of a call from which on it is timed in every context, and of timing then
_LONG_S, _BESIDE_S = 5e-5, 0.06
#: after so many seconds no further kernel is compiled
_COMPILING_S = 0.6
RIGOR = "measure"
#: kernels that are compiled before their first call
_COMPILED = frozenset({"numba", "numba_parallel"})
_EXPECTED = "skipped: expected to take "
_NO_TIME = "skipped: other kernels took all the time for a first choice"
#: temporaries of less than this are made without asking how much memory is left
_ASK_BYTES = 1 << 28


class _Seen(NamedTuple):
    """A kernel that is right here, and the least seconds of its first calls."""

    run: Run
    seconds: float
    #: in units of rounding
    error: float


def error_of(task: Task, name: str, arrays: Sequence[Array], out: Array) -> float | None:
    """The error of a kernel for these operands, in units of rounding; None where it is not right.

    It leaves its result in ``out``.
    """
    try:
        operands = finite(arrays)
        judge = Judge(task, operands)
        judge.poison(out)
        _seconds(KERNELS[name](task), operands, out)
        return judge.error(out)
    except Exception:  # what raises is not right
        return None


def measured(
    task: Task, costs: Mapping[str, float], arrays: Sequence[Array], out: Array
) -> Remembered | None:
    """The fastest kernel that is right here; None where none is.

    Args:
        task: what for.
        costs: seconds that kernels are expected to take, of all that may be chosen.
        arrays: the operands of a call, which are only read.
        out: memory for its result.
    """
    left_out: dict[str, str] = {}
    operands = finite(arrays)
    seen = _looked_at(task, costs, operands, out, left_out)
    slower = {name: costs[name] for name in left_out if left_out[name].startswith(_EXPECTED)}
    if not seen and slower:
        # none that was expected to be the fastest is right
        seen = _looked_at(task, slower, operands, out, left_out)
    if not seen:
        return None
    context = policy.now().context
    ranking, beside = _timed(seen, operands, out, left_out, context)
    winner = ranking.winner
    if winner is None:
        return None
    times = {
        name: Time(
            *_spread(at), at.count, seen[name].error,
            *(
                _spread(beside[each][name]) if name in beside.get(each, {}) else None
                for each in (AFTER_BLAS, AFTER_PAUSE)
            ),
        )
        for name, at in ranking.summaries.items()
    }  # fmt: skip
    return Remembered(
        contraction.here(task.contraction.text, task.dtype.name),
        contraction.signature(task, threads(), context), RIGOR,
        now(),
        winner, ranking.ties or (winner,), times, left_out,
    )  # fmt: skip


def _looked_at(
    task: Task,
    costs: Mapping[str, float],
    operands: Sequence[Array],
    out: Array,
    left_out: dict[str, str],
) -> dict[str, _Seen]:
    """Kernels that are right and not far from the fastest, in the order of `KERNELS`; why others
    are not.
    """
    began_s = time.perf_counter()
    judge = Judge(task, operands)
    seen: dict[str, _Seen] = {}
    for name in sorted(costs, key=lambda name: (_turn(costs, name), costs[name])):
        best_s = min((each.seconds for each in seen.values()), default=math.inf)
        spent_s = time.perf_counter() - began_s
        if name in _COMPILED:
            why = _why_not_compiled(costs, name, best_s, spent_s)
        else:
            why = _why_not_called(task, name, costs, spent_s)
        if why:
            left_out[name] = why
            continue
        judge.poison(out)
        try:
            run = KERNELS[name](task)
            took_s = min(_seconds(run, operands, out) for _ in range(2))
            error = judge.error(out)
        except Refusal as refusal:
            left_out[name] = f"unavailable: {refusal}"
        except Wrong as wrong:
            left_out[name] = f"rejected: {wrong}"
        except Exception as raised:
            left_out[name] = f"failed: {one_line(raised)}"
        else:
            seen[name] = _Seen(run, took_s, error)
            left_out.pop(name, None)
    best_s = min((each.seconds for each in seen.values()), default=0.0)
    near_s = _LOSING * best_s + _DISTURBED_S
    for name, (run, took_s, _) in list(seen.items()):
        # one call while BLAS waited for a core may take a hundred times what others do
        for _ in range(_MORE_CALLS):
            if took_s > near_s:
                took_s = min(took_s, _seconds(run, operands, out))
        if took_s > near_s:
            del seen[name]
            left_out[name] = (
                f"skipped: {seconds_text(took_s)}, {ratio_text(took_s / best_s)} as long"
            )
    return {name: seen[name] for name in KERNELS if name in seen}


def _turn(costs: Mapping[str, float], name: str) -> int:
    """Kernels that compile nothing are called first: they say what compiling is worth.

    Then comes a loop that is expected to be the fastest of all kernels, then paths, whose steps may
    have to be compiled and use up the time of those that come later, then the other loops.
    """
    if name in _COMPILED:
        return 1 if costs[name] == min(costs.values()) else 3
    return 2 if pairs.order_of(name)[0] in ("path", "blocked") else 0


def _why_not_called(task: Task, name: str, costs: Mapping[str, float], spent_s: float) -> str:
    if spent_s > _COMPILING_S and pairs.order_of(name)[1]:
        return _NO_TIME  # steps of a path may have to be compiled
    if costs[name] > _NEAR * min(costs.values()):
        return f"{_EXPECTED}{seconds_text(costs[name])}"
    needed = temporaries.bytes_of(task, name)
    if needed > _ASK_BYTES and needed > (left := available_bytes() // 2):
        return f"skipped: needs {bytes_text(needed)} of temporaries, more than {bytes_text(left)}"
    return ""


def _why_not_compiled(costs: Mapping[str, float], name: str, best_s: float, spent_s: float) -> str:
    if best_s < rule.WORTH_COMPILING:
        return f"skipped: calls of {seconds_text(best_s)} are not worth compiling loops for"
    if costs[name] > min(_NEAR * best_s, _COMPILED_NEAR * min(costs.values())):
        return f"{_EXPECTED}{seconds_text(costs[name])}"
    if spent_s > _COMPILING_S:
        return _NO_TIME
    return ""


def _seconds(run: Run, operands: Sequence[Array], out: Array) -> float:
    began_s = time.perf_counter()
    with np.errstate(all="ignore"):
        run(operands, out)
    return time.perf_counter() - began_s


def _timed(
    seen: Mapping[str, _Seen],
    operands: Sequence[Array],
    out: Array,
    left_out: dict[str, str],
    context: str,
) -> tuple[Ranking, Mapping[str, Mapping[str, Summary]]]:
    """Ranked by the samples that nothing delayed; where one is left it is not timed again.

    Also the summaries of samples in other contexts than alone.
    """
    if len(seen) == 1:
        return rank({name: (each.seconds,) for name, each in seen.items()}, disturbed=True), {}
    best_s = min(each.seconds for each in seen.values())
    long = best_s >= _LONG_S
    with np.errstate(all="ignore"):
        timing = interleave_in_blocks(
            lambda: {name: partial(each.run, operands, out) for name, each in seen.items()},
            _BLOCKS,
            budget_s=min(
                max(_CALLS * len(seen) * best_s, _BESIDE_S if long else _LEAST_S), _MOST_S
            ),
            rng=np.random.default_rng(0),
            expected_s={name: each.seconds for name, each in seen.items()},
            keep=lambda output: None,
            beside=PRECEDING if long else None,
            context=context,
        )
    left_out |= {name: f"failed: {why}" for name, why in timing.failures.items()}
    ranking = rank_in_context(context, timing.samples, timing.beside, timing.blocks, disturbed=True)
    return ranking, {each: summarise(samples) for each, samples in timing.beside.items()}


def _spread(found: Summary) -> Spread:
    median_s = found.median_s
    return Spread(median_s, min(found.low_s, median_s), max(found.high_s, median_s))
