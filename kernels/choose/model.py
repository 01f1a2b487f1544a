"""t = (a + b flops_s + c bytes_s) e^g: a curve over the roofline, and what strays from it.

The curve has a, b, c >= 0: seconds of a call, and how far arithmetic and traffic stay below the
roofs. What remains, g = log t - log curve, is a random process that nearby timings share:

    cov(g, g') = L^2 exp(-v d / L^2)

with ``d`` the distance of two timings: ``sum over axes |log(1 + n) - log(1 + n')|``, and for
another dtype, layout, number of threads or machine so much more, as if the size were that far
away. So ``v`` is the variance that one e-fold of size adds, ``L^2`` where it ends, and of a size
close to a remembered one more is known than of one far away. (Ornstein and Uhlenbeck's process
along each axis; the guess is its conditional mean, as in kriging.) Around the guess the tails are
those of Student's t with three degrees of freedom, which made leave-one-out guesses likelier than
2, 4 or more: most timings lie close to it, and a few far off.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: the nearest timings say what there is to say
_MOST_TIMINGS = 32
#: relative errors become logarithmic ones in a few steps of Gauss and Newton, many at most
_MOST_STEPS = 40
_SETTLED = 1e-3
#: what no clock tells from nothing
_LEAST_S = 1e-9
#: what errors say counts as much as what is typical where there are so many
_TYPICAL_COUNT = 4
#: steps over the times that the chosen kernel may take
_QUADRATURE = 160


class Work(NamedTuple):
    """What a call has to do at least, in seconds under the roofs."""

    flops_s: float
    bytes_s: float


class Curve(NamedTuple):
    """a + b flops_s + c bytes_s."""

    call_s: float
    flops: float
    bytes: float

    def seconds(self, work: Work) -> float:
        """Of one call; on no rows at all it still is one."""
        whole_s = self.call_s + self.flops * work.flops_s + self.bytes * work.bytes_s
        return max(whole_s, _LEAST_S)


class Habit(NamedTuple):
    """What a method does in operations at large, and how far single ones stray from that."""

    curve: Curve
    #: standard deviation of log seconds
    spread: float
    #: share of the variance that all kernels of an operation have in common
    common: float


class Straying(NamedTuple):
    """How timings differ from a fitted curve; variances of log seconds."""

    per_efold: float
    #: of the same at another moment, beside other kernels of that moment
    again: float
    #: what differs -> as how many e-folds of size that counts
    apart: Mapping[str, float]
    #: share of a guess's variance that all kernels of a call have in common
    common: float
    #: scale of Student's t over the standard deviation
    core: float


class Place(NamedTuple):
    """Where a timing was taken."""

    #: log(1 + n) of every axis
    sizes: tuple[float, ...]
    #: what differs -> what it is there: ``{"dtype": "float32", ...}``
    marks: Mapping[str, Any]


class Timing(NamedTuple):
    """Seconds that were measured, or that are as good as that."""

    place: Place
    work: Work
    seconds: float
    #: variance of log seconds that is its own
    noise: float


class Guess(NamedTuple):
    """log t ~ log_s + own_scale * Student's t of three degrees + what all kernels share."""

    log_s: float
    #: standard deviation of all of it
    sd: float
    #: a slow moment of the machine does not change who wins: what others share is left out
    own_scale: float
    #: of timings of the same kind, guessed from the others: squares, over the variance expected
    squares: float = 0.0
    #: and how many of them the curve's parameters leave
    freedom: int = 0


def distances(places: Sequence[Place], straying: Straying) -> Floats:
    """Between all of them, in e-folds of size."""
    sizes = np.array([place.sizes for place in places]).reshape(len(places), -1)
    total: Floats = np.abs(sizes[:, None] - sizes[None, :]).sum(axis=2)
    for name, apart in straying.apart.items():
        number: dict[Any, int] = {}
        kinds = np.array([number.setdefault(p.marks[name], len(number)) for p in places])
        total += apart * (kinds[:, None] != kinds[None, :])
    return total


def guess(
    asked: Place, work: Work, timings: Sequence[Timing], habit: Habit, straying: Straying
) -> Guess:
    """log t where nobody measured: the curve through what was measured, and what strays from it.

    Args:
        asked: for where.
        work: of the call there.
        timings: of the same kernel, wherever they were taken.
        habit: of its method; all there is where nothing was measured.
        straying: of kernels at large; `adjusted` puts those at hand in its place.
    """
    if not timings:
        own = straying.core * math.sqrt(1 - habit.common) * habit.spread
        return Guess(math.log(habit.curve.seconds(work)), habit.spread, own)
    far = distances([asked, *(timing.place for timing in timings)], straying)
    nearest = np.argsort(far[0, 1:], kind="stable")[:_MOST_TIMINGS]
    near, at = [timings[n] for n in nearest], nearest + 1
    away, between = far[0, at], far[np.ix_(at, at)]
    noise = np.array([timing.noise for timing in near])
    curve = _curve(near, noise + straying.per_efold * away, work, habit)
    rest = np.array([math.log(t.seconds / curve.seconds(t.work)) for t in near])
    most = max(habit.spread**2, straying.per_efold)
    shared = most * np.exp(-straying.per_efold * between / most) + np.diag(noise)
    with_asked = most * np.exp(-straying.per_efold * away / most)
    inverse = np.linalg.inv(shared)
    errors = (inverse @ rest) / np.sqrt(np.diag(inverse))
    same = errors[[timing.place.marks == asked.marks for timing in near]]
    variance = most - float(with_asked @ inverse @ with_asked) + straying.again
    log_s = math.log(curve.seconds(work)) + float(with_asked @ inverse @ rest)
    sd = math.sqrt(variance)
    own = straying.core * math.sqrt(1 - straying.common) * sd
    freedom = max(0, len(same) - sum(part > 0 for part in curve))
    return Guess(log_s, sd, own, float(same @ same), freedom)


def adjusted(guesses: Mapping[str, Guess]) -> dict[str, Guess]:
    """Wider or narrower, as the errors say: of all kernels first, and of each one then.

    The factor of the variance is ``(k s + squares) / (k + freedom)`` with k = 4: of all together
    from s = 1, and of each kernel from what that gives.
    """
    squares = sum(guess.squares for guess in guesses.values())
    freedom = sum(guess.freedom for guess in guesses.values())
    together = _factor(1.0, squares, freedom)
    found = {}
    for method, guess in guesses.items():
        times = math.sqrt(_factor(together, guess.squares, guess.freedom))
        found[method] = guess._replace(sd=times * guess.sd, own_scale=times * guess.own_scale)
    return found


def _factor(before: float, squares: float, freedom: int) -> float:
    return (_TYPICAL_COUNT * before + squares) / (_TYPICAL_COUNT + freedom)


def _curve(near: Sequence[Timing], variances: Floats, work: Work, habit: Habit) -> Curve:
    """Through the timings; where they say nothing, like the method's habit beside them."""
    weights = 1 / variances
    rest = np.array([math.log(t.seconds / habit.curve.seconds(t.work)) for t in near])
    level = float(weights @ rest) / (float(weights.sum()) + 1 / habit.spread**2)
    nothing = Work(0.0, 0.0)
    supposed = [(nothing, habit.curve.seconds(nothing))]
    supposed.append((work, habit.curve.seconds(work) * math.exp(level)))
    works = [*((t.work, t.seconds) for t in near), *supposed]
    return fit(
        [w for w, _ in works],
        [seconds for _, seconds in works],
        [*variances, *[habit.spread**2] * len(supposed)],
    )


def fit(works: Sequence[Work], seconds: Sequence[float], variances: Sequence[float]) -> Curve:
    """argmin over a, b, c >= 0 of ``sum (log t - log(a + b flops_s + c bytes_s))^2 / variance``."""
    features = np.array([(1.0, *work) for work in works])
    times = np.array(seconds)
    weights = 1 / np.sqrt(np.array(variances))
    curve = times
    for _ in range(_MOST_STEPS):
        # log t is log m + (target - m) / m to first order: relative errors from the second on
        target = curve * (1 + np.clip(np.log(times / curve), -1, 1))
        found = _not_negative(features * (weights / curve)[:, None], target * weights / curve)
        before, curve = curve, np.maximum(features @ found, 1e-3 * times)
        if np.all(np.abs(curve / before - 1) < _SETTLED):
            break
    return Curve(*(float(part) for part in found))


def _not_negative(features: Floats, target: Floats) -> Floats:
    """Least squares with coefficients that are not negative: of all supports the best."""
    scale = np.linalg.norm(features, axis=0)
    usable = [n for n in range(len(scale)) if scale[n] > 0]
    best, least = np.zeros(len(scale)), math.inf
    for count in range(1, len(usable) + 1):
        for support in map(list, combinations(usable, count)):
            part = features[:, support] / scale[support]
            found = np.linalg.lstsq(part, target, rcond=1e-9)[0]
            error = float(np.sum((part @ found - target) ** 2))
            if error < least and np.all(found >= 0):
                best, least = np.zeros(len(scale)), error
                best[support] = found / scale[support]
    return best


def sure_within(chosen: str, guesses: Mapping[str, Guess], ratio: float) -> float:
    """P(t of the chosen <= ratio * the least t of the others), by quadrature over the chosen's.

    What all have in common does not matter; the rest strays independently of each other.
    """
    rivals = [guess for method, guess in guesses.items() if method != chosen]
    mine, allowed = guesses[chosen], math.log(ratio)
    total = weight = 0.0
    for step in range(1, _QUADRATURE):
        # x = sqrt(3) tan(angle) makes of the density of three degrees, and dx, its cosine squared
        angle = math.pi * (step / _QUADRATURE - 0.5)
        density = math.cos(angle) ** 2
        log_s = mine.log_s + mine.own_scale * math.sqrt(3) * math.tan(angle) - allowed
        weight += density
        total += density * math.prod(_above(log_s, rival) for rival in rivals)
    return total / weight


def _above(log_s: float, rival: Guess) -> float:
    """P(the rival takes longer than that): of Student's t with three degrees of freedom."""
    x = (log_s - rival.log_s) / (rival.own_scale * math.sqrt(3))
    return 0.5 - (x / (1 + x * x) + math.atan(x)) / math.pi
