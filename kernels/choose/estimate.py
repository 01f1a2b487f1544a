"""argmin over kernels of expected seconds, without timing any; and how sure that is.

What a kernel takes is guessed from remembered timings of it (``einbench.choose.model``): those of
this machine at other sizes first, then those of another dtype, layout, number of threads or
machine, then those of the reference machine that the package ships. A kernel without any takes
what its method takes elsewhere, over the roofline; and a method that nobody knows, what methods
take. ``sure`` is the probability that the chosen kernel takes at most 10 % longer than the
fastest one, given how far such guesses are off.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from einbench.choose.book import Book, Remembered
from einbench.choose.environment import Environment, Threads
from einbench.choose.model import (
    Curve,
    Guess,
    Habit,
    Place,
    Timing,
    Work,
    adjusted,
    guess,
    sure_within,
)
from einbench.choose.roofs import Roofs, remembered_roofs, roof
from einbench.choose.signature import Signature
from einbench.choose.typical import Sample, Typical, typical
from einbench.choose.wisdom import Wisdom
from einbench.jit.compiled import Compiled
from einbench.kernel import Kernel
from einbench.measure.ranking import TIE_RATIO
from einbench.operation import Operation
from einbench.registry import operations

#: a kernel is good enough that takes no longer than this times the fastest
GOOD_RATIO = 1.10
#: a choice's 95 % interval is so many standard deviations wide
_INTERVAL_SDS = 2 * 1.96
#: what was not called at a size was expected to take at least so many times the winner
_HOPELESS = 4.0
#: kernels that would allocate more were not measured, and are not chosen unmeasured
_MEMORY_BYTES = 1_000_000_000


class Estimate(NamedTuple):
    """A guess: the kernel, what calls of each would take, and how sure that is."""

    kernel: Kernel
    #: method -> seconds per call
    predicted_s: dict[str, float]
    #: probability that the kernel takes at most 10 % longer than the fastest candidate
    sure: float
    #: what the guess stands on, in words: "12 remembered timings of 3 kernels, ..."
    basis: str


class _Known(NamedTuple):
    """What all guesses of one estimate share."""

    op: Operation
    asked: Signature
    here: Environment
    typical: Typical
    #: of this machine, or nominal
    roofs: Roofs
    nominal: bool


def estimate(
    op: Operation,
    asked: Signature,
    here: Environment,
    memory: Wisdom,
    usable: Sequence[str],
) -> Estimate:
    """argmin over usable kernels of predicted seconds; within 2 % of it the simplest.

    Args:
        op: the operation.
        asked: what for.
        here: where.
        memory: remembered timings and roofs; it may be empty.
        usable: methods that may be chosen, simplest first; one at least.
    """
    shipped, measured = typical(), remembered_roofs(memory)
    known = _Known(op, asked, here, shipped, measured or shipped.roofs, measured is None)
    book = memory.book(op.name)
    usable = _sensible(known, book, usable)
    own = {method: list(_remembered(known, book, method)) for method in usable}
    habits = _habits(known, memory, [m for m in usable if not any(_exact(own[m]))])
    guesses: dict[str, Guess] = {}
    for method in usable:
        timings = [*own[method], *_shipped(known, method)] or list(_bounds(known, book, method))
        guesses[method] = guess(
            _place(known, method, asked),
            _work(known, method, asked, known.roofs),
            timings,
            habits.get(method, shipped.habit(method)),
            shipped.straying,
        )
    guesses = adjusted(guesses)
    predicted_s = {method: math.exp(one.log_s) for method, one in guesses.items()}
    best_s = min(predicted_s.values())
    chosen = next(m for m in usable if predicted_s[m] <= TIE_RATIO * best_s)
    return Estimate(
        op[chosen],
        predicted_s,
        sure_within(chosen, guesses, GOOD_RATIO),
        _basis(known, own),
    )


def _sensible(known: _Known, book: Book, usable: Sequence[str]) -> list[str]:
    """Without kernels that failed here before, or that want too much memory; all if none is left.

    The check is on small draws: what went wrong at a size it did not try was remembered there.
    """
    asked = known.asked
    wrong = {
        method
        for choice in book.of(known.here)
        if choice.signature.dtype == asked.dtype
        for method, why in choice.left_out.items()
        if why.startswith(("rejected", "failed"))
    }
    sizes = dict(asked.sizes)
    return [
        method
        for method in usable
        if method not in wrong
        and known.op[method].temporary_bytes(sizes, asked.dtype) <= _MEMORY_BYTES
    ] or list(usable)


def _remembered(known: _Known, book: Book, method: str) -> Iterator[Timing]:
    """Every remembered timing of a kernel."""
    for choice in _fitting(known.op, book):
        if method in choice.times:
            time = choice.times[method]
            sd = math.log(time.high_s / time.low_s) / _INTERVAL_SDS
            noise = sd**2 + known.typical.straying.again
            yield _timing(known, method, choice, time.median_s, noise)


def _bounds(known: _Known, book: Book, method: str) -> Iterator[Timing]:
    """Where a kernel was hopeless: all that is known of one that was never timed.

    A bound, and no more: the true time may be any that is greater.
    """
    for choice in _fitting(known.op, book):
        if choice.left_out.get(method, "").startswith("skipped"):
            least_s = _HOPELESS * choice.times[choice.kernel].median_s
            yield _timing(known, method, choice, least_s, math.log(_HOPELESS) ** 2)


def _fitting(op: Operation, book: Book) -> Iterator[Remembered]:
    """Choices for the axes that the operation has now."""
    axes = set(op.axes)
    return (choice for choice in book.choices if dict(choice.signature.sizes).keys() == axes)


def _timing(known: _Known, method: str, choice: Remembered, seconds: float, noise: float) -> Timing:
    machine = _machine(choice.environment, method)
    same = machine == _machine(known.here, method)
    asked = choice.signature
    place = _place(known, method, asked, "here" if same else str(machine))
    return Timing(place, _work(known, method, asked, known.roofs), seconds, noise)


def _machine(environment: Environment, method: str) -> tuple[object, ...]:
    """What a kernel's time depends on: another candidate that came or went does not matter."""
    return environment.machine, dict(environment.candidates).get(method)


def _exact(timings: Iterable[Timing]) -> Iterator[Timing]:
    """Those that were taken here."""
    return (timing for timing in timings if timing.place.marks["machine"] == "here")


def _shipped(known: _Known, method: str) -> Iterator[Timing]:
    """Timings of the reference machine, under its own roofs.

    It counts as another machine, whichever this one is.
    """
    for sample in known.typical.timings.get(known.op.name, {}).get(method, ()):
        if sample.sizes.keys() == set(known.op.axes):
            asked = _signature(known.asked, sample)
            yield Timing(
                _place(known, method, asked, "reference"),
                _work(known, method, asked, known.typical.roofs),
                sample.seconds,
                known.typical.straying.again,
            )


def _signature(asked: Signature, sample: Sample) -> Signature:
    """The sample's: C order and the first of the options, as it was taken."""
    return asked._replace(
        sizes=tuple((axis, sample.sizes[axis]) for axis, _ in asked.sizes),
        dtype=sample.dtype,
        threads=Threads(sample.threads, sample.threads),
        layout="C" * len(asked.layout),
    )


def _place(known: _Known, method: str, asked: Signature, machine: str = "here") -> Place:
    sizes = dict(asked.sizes)
    return Place(
        tuple(math.log1p(sizes[axis]) for axis in known.op.axes),
        {
            "dtype": asked.dtype,
            "threads": _threads(known, method, asked),
            "layout": (asked.layout, asked.integers),
            "options": asked.options,
            "machine": machine,
        },
    )


def _threads(known: _Known, method: str, asked: Signature) -> int:
    """How many the kernel uses: a serial one does not care how many there are."""
    function = known.op[method].function
    if isinstance(function, Compiled) and function.parallel:
        return asked.threads.numba
    return asked.threads.blas if method in known.typical.threaded else 1


def _work(known: _Known, method: str, asked: Signature, roofs: Roofs) -> Work:
    """Under the roofs of as many threads as the method uses."""
    best, sizes = roof(roofs, _threads(known, method, asked)), dict(asked.sizes)
    return Work(
        best.flops_s(float(known.op.flops(sizes)), asked.dtype),
        best.bytes_s(float(sum(known.op.traffic_bytes(sizes, asked.dtype)))),
    )


def _habits(known: _Known, memory: Wisdom, methods: Sequence[str]) -> Mapping[str, Habit]:
    """Of methods in other operations here, where that is known: the reference's, level shifted.

    level = sum over operations of the mean of log(t / habit) / (number of operations + 1): the
    reference machine counts as one more operation.
    """
    if not methods:
        return {}
    levels: dict[str, list[float]] = {}
    for name in memory.operations():
        if name == known.op.name or name not in operations:
            continue
        there, book = known._replace(op=operations[name]), memory.book(name)
        for method in methods:
            if method in there.op:
                rest = list(_strayed(there, book, method))
                if rest:
                    levels.setdefault(method, []).append(sum(rest) / len(rest))
    return {
        method: _shifted(known.typical.habit(method), sum(level) / (len(level) + 1))
        for method, level in levels.items()
    }


def _strayed(there: _Known, book: Book, method: str) -> Iterator[float]:
    """log(t / habit) of a method's timings in another operation here."""
    curve = there.typical.habit(method).curve
    for choice in _fitting(there.op, book):
        if method in choice.times and choice.environment.machine == there.here.machine:
            work = _work(there, method, choice.signature, there.roofs)
            yield math.log(choice.times[method].median_s / curve.seconds(work))


def _shifted(habit: Habit, level: float) -> Habit:
    factor = math.exp(level)
    return habit._replace(curve=Curve(*(factor * part for part in habit.curve)))


def _basis(known: _Known, own: Mapping[str, Sequence[Timing]]) -> str:
    """In words."""
    timed = [method for method in own if any(_exact(own[method]))]
    here = sum(1 for method in own for _ in _exact(own[method]))
    foreign = sum(map(len, own.values())) - here
    parts = []
    if here:
        parts.append(f"{here} remembered timings of {len(timed)} of {len(own)} kernels")
    if foreign:
        parts.append(f"{foreign} of another machine or version")
    if len(timed) < len(own):
        parts.append(f"what is typical on {known.typical.cpu} ({known.typical.date[:10]})")
    roofline = "a nominal roofline" if known.nominal else "this machine's roofline"
    return f"{', '.join(parts)} and {roofline}"
