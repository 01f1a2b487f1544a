"""argmin over kernels of remembered seconds, scaled to the size requested for; nothing is timed.

    log t = sum over timings of w log(t' best_s(requested) / best_s(there)) / sum of w
    w = 1 / distance^2
    best_s = call + flops / peak + bytes / bandwidth

The distance is ``sum over axes |log(1 + n) - log(1 + m)|``, and so much more where the kind of
call or the machine is another. A kernel that was pruned there counts as taking four times what
the winner took. Where nothing is remembered of any kernel, the last of them is taken: they are
registered simplest first, and a later one is there because it is faster.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from einbench.choose.book import Book, Remembered
from einbench.choose.environment import Environment
from einbench.choose.signature import Signature
from einbench.choose.wisdom import Wisdom
from einbench.kernel import Kernel
from einbench.measure.conditions import MEMORY_BYTES, PRUNED_RATIO
from einbench.operation import Operation
from einbench.record import TIE_RATIO

#: nominal: they scale a time from one size to another, and say nothing of a time itself
_CALL_S = 1e-6
_PEAK_FLOPS = {"float32": 1e11, "float64": 5e10}
_BANDWIDTH = 1e10
#: another dtype, layout, option, context or number of threads counts as so many e-folds of size
_OTHER_KIND, _OTHER_MACHINE = 3.0, 20.0
#: the least distance: nearer timings have the same weight
_NEAREST = 0.01


class Estimate(NamedTuple):
    """A guess: the kernel, what calls of each would take, and the evidence for it."""

    kernel: Kernel
    #: method -> seconds per call, of kernels of which something is remembered
    predicted_s: dict[str, float]
    #: remembered choices with a time of this kernel, the nearest first; empty where none has one
    evidence: tuple[Remembered, ...]


class _Near(NamedTuple):
    choice: Remembered
    #: in e-folds of size
    distance: float
    #: best_s(requested) / best_s(there)
    scale: float


def estimate(
    op: Operation,
    requested: Signature,
    here: Environment,
    memory: Wisdom,
    usable: Sequence[str],
) -> Estimate:
    """argmin over usable kernels of predicted seconds; within 2 % of it the simplest.

    Args:
        op: the operation.
        requested: what for.
        here: where.
        memory: remembered timings; it may be empty.
        usable: methods that may be chosen, simplest first; one at least.
    """
    book = memory.book(op.name)
    usable = _sensible(op, requested, here, book, usable)
    near = _near(op, requested, here, book)
    predicted_s = {m: s for m in usable if (s := _predicted_s(near, m)) is not None}
    if not predicted_s:
        return Estimate(op[usable[-1]], {}, ())
    most_s = TIE_RATIO * min(predicted_s.values())
    chosen = next(m for m in usable if predicted_s.get(m, math.inf) <= most_s)
    evidence = tuple(one.choice for one in near if _seconds(one.choice, chosen) is not None)
    return Estimate(op[chosen], predicted_s, evidence)


def _sensible(
    op: Operation, requested: Signature, here: Environment, book: Book, usable: Sequence[str]
) -> Sequence[str]:
    """Without kernels that failed here before, or that need too much memory; all if none is left.

    The check is on small draws: what went wrong at a size it did not try was remembered there.
    """
    wrong = {
        method
        for choice in book.of(here)
        if choice.signature.dtype == requested.dtype
        for method, why in choice.left_out.items()
        if why.startswith(("rejected", "failed"))
    }
    sizes = dict(requested.sizes)
    return [
        method
        for method in usable
        if method not in wrong
        and op[method].temporary_bytes(sizes, requested.dtype) <= MEMORY_BYTES
    ] or usable


def _near(op: Operation, requested: Signature, here: Environment, book: Book) -> list[_Near]:
    """What is remembered for the axes that the operation has now, the nearest first."""
    best_s = _best_s(op, requested)
    found = [
        _Near(choice, _distance(requested, here, choice), best_s / _best_s(op, choice.signature))
        for choice in reversed(book.choices)
        if tuple(axis for axis, _ in choice.signature.sizes) == op.axes
    ]
    return sorted(found, key=lambda one: one.distance)  # of two as near the newer


def _predicted_s(near: Sequence[_Near], method: str) -> float | None:
    """The weighted mean; None where nothing is remembered of the kernel."""
    known = [(one, s) for one in near if (s := _seconds(one.choice, method)) is not None]
    if not known:
        return None
    logs = [math.log(one.scale * seconds) for one, seconds in known]
    weights = [max(one.distance, _NEAREST) ** -2 for one, _ in known]
    return math.exp(np.average(logs, weights=weights))


def _seconds(choice: Remembered, method: str) -> float | None:
    """What a kernel took, or at least would have taken; None where that is not known."""
    context = choice.signature.context
    if method in choice.times:
        return choice.times[method].ranked_s(context)
    if choice.left_out.get(method, "").startswith("skipped"):
        return PRUNED_RATIO * choice.times[choice.kernel].ranked_s(context)
    return None


def _distance(requested: Signature, here: Environment, choice: Remembered) -> float:
    there = choice.signature
    pairs = zip(requested.sizes, there.sizes, strict=True)
    apart = sum(abs(math.log1p(n) - math.log1p(m)) for (_, n), (_, m) in pairs)
    kinds = sum(one != other for one, other in zip(requested.kind, there.kind, strict=True))
    machine = choice.environment.machine != here.machine
    return apart + _OTHER_KIND * kinds + _OTHER_MACHINE * machine


def _best_s(op: Operation, requested: Signature) -> float:
    """The roofline's seconds, of a nominal machine."""
    sizes = dict(requested.sizes)
    flops_s = float(op.flops(sizes)) / _PEAK_FLOPS.get(requested.dtype, 5e10)
    return _CALL_S + flops_s + sum(op.traffic_bytes(sizes, requested.dtype)) / _BANDWIDTH
