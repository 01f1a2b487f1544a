"""One expression: every contestant prepared and judged in its own process, then timed in rounds.

A turn begins when no thread of any process that had one before runs any more, and ends likewise.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from ratios import OWN

import einbench
from einbench.blame import said_of
from einbench.libraries.contestants import contestants
from einbench.measure.process import WorkerEnded
from einbench.measure.remote import in_workers
from einbench.measure.workers import Workers

#: products times operands beyond which NumPy's own loop takes seconds a call
_MOST_LOOPED = 1e9
#: a contestant that takes so many times the least after so many rounds is no candidate for the best
_HOPELESS = ((2, 50.0), (4, 8.0))
#: seconds of a group of calls, of which a turn has several
_GROUP_S = 2e-4
_FEWEST_ROUNDS, _MOST_ROUNDS = 12, 60
#: units of rounding, of the sum of absolute products, that a right result may be off
_ALLOWED = 100.0

Document = dict[str, Any]


def measured(
    expression: tuple[str, str, dict[str, int], str],
    dtype: str,
    libraries: Sequence[str],
    workers: Workers,
    seconds: float,
) -> Document:
    """Statuses and samples of all contestants, ready for JSON."""
    name, text, sizes, decides = expression
    op = einbench.expression(text, axes="letters", **sizes)
    arrays = _drawn(text, sizes, dtype)
    truth, rounding = _truth(text, arrays)
    found: dict[str, Document] = {}
    calls: dict[str, Any] = {}
    for kernel in in_workers(contestants(op, libraries), workers):
        label = kernel.runtime
        if kernel.reason:
            found[label] = {"status": "unavailable", "reason": kernel.reason}
        elif label == "numpy_einsum" and prod(sizes.values()) * len(arrays) > _MOST_LOOPED:
            found[label] = {"status": "skipped", "reason": "takes seconds a call"}
        else:
            call = kernel.body.bound(arrays, {})  # type: ignore[attr-defined]
            found[label] = _admitted(call, truth, rounding)
            if found[label]["status"] == "ok":
                calls[label] = call
    _time(calls, found, seconds)
    workers.release()
    return {"name": name, "expression": text, "sizes": sizes, "class": decides,
            "contestants": found}  # fmt: skip


def _drawn(text: str, sizes: Mapping[str, int], dtype: str) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    shapes = [[sizes[i] for i in part] for part in text.partition("->")[0].split(",")]
    drawn = tuple(rng.standard_normal(shape).astype(dtype) for shape in shapes)
    for array in drawn:
        array.flags.writeable = False
    return drawn


def _truth(text: str, arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """In float64, and what rounding of the dtype can do to it."""
    wide = [array.astype(np.float64) for array in arrays]
    truth = np.asarray(np.einsum(text, *wide, optimize=True))
    scale = np.asarray(np.einsum(text, *map(np.abs, wide), optimize=True))
    return truth, scale * np.finfo(arrays[0].dtype).eps


def _admitted(call: Any, truth: np.ndarray, rounding: np.ndarray) -> Document:
    """Prepared, called once and judged; and what a call takes."""
    try:
        result = np.asarray(call.result())
    except WorkerEnded as ended:
        return {"status": "failed", "reason": str(ended)}
    except Exception as problem:
        return {"status": "refuses", "reason": said_of(problem)}
    if wrong := wrong_in(result, truth, rounding):
        return {"status": "rejected", "reason": wrong}
    return {"status": "ok", "reason": "", "first_s": call.timed(1, warm=False), "samples_s": []}


def wrong_in(result: np.ndarray, truth: np.ndarray, rounding: np.ndarray) -> str:
    """Why a result is wrong; empty where it is right."""
    if result.shape != truth.shape:
        return f"shape {result.shape} in place of {truth.shape}"
    with np.errstate(all="ignore"):
        off = np.abs(result - truth) / rounding
    if not np.all(off <= _ALLOWED):
        return f"off by {np.max(off):.3g} units of rounding"
    return ""


def _time(calls: dict[str, Any], found: dict[str, Document], seconds: float) -> None:
    """A sample a round; NaN stands as None where a contestant had no turn."""
    if not calls:
        return
    cost = {label: max(found[label]["first_s"], 1e-7) for label in calls}
    labels = list(calls)
    rounds, begin = 0, time.perf_counter()
    while rounds < _FEWEST_ROUNDS or (
        rounds < _MOST_ROUNDS and time.perf_counter() - begin < seconds
    ):
        random.shuffle(labels)
        least = min(cost.values())
        for label in labels:
            over = cost[label] / least
            hopeless = any(rounds >= after and over > most for after, most in _HOPELESS)
            timed = label == OWN or not hopeless
            sample_s = _turn(calls[label], cost[label]) if timed else None
            if sample_s is not None:
                cost[label] = min(sample_s, cost[label]) if rounds else sample_s
            found[label]["samples_s"].append(sample_s)
        rounds += 1


def _turn(call: Any, cost_s: float) -> float:
    return float(call.timed(max(1, math.floor(_GROUP_S / cost_s)), warm=True))
