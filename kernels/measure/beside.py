"""What precedes a call that is not timed alone: a pause, or a matrix product of NumPy's.

A pause is 2 ms of sleep. The product takes about as long as the fastest kernel of the cell, but is
at least of side 192, the least that BLAS's threads take part in everywhere, and at most of side
1,024; it wakes them, and they look for more work for up to 100 ms.

What a call does not notice is not waited for: no pause precedes calls of more than 20 ms, and no
product those of more than 0.5 s. Their time alone counts in its place.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import numpy as np

from einbench.contexts import AFTER_BLAS, AFTER_PAUSE

#: from the fastest kernel's seconds to what precedes a call; None where the call would not notice
Preceding = Callable[[float], Callable[[], object] | None]

_PAUSE_S = 0.002
_MOST_PAUSED_S, _MOST_AFTER_S = 0.02, 0.5
#: sides of the product
_LEAST, _MOST, _STEP = 192, 1024, 32
#: the side that the rate of products is measured at, and how often
_SIDE, _CALLS = 256, 3


def pause(call_s: float) -> Callable[[], object] | None:
    """2 ms of sleep."""
    return None if call_s > _MOST_PAUSED_S else partial(time.sleep, _PAUSE_S)


def product_like(call_s: float) -> Callable[[], object] | None:
    """A product of NumPy's that takes about so many seconds."""
    return None if call_s > _MOST_AFTER_S else _product(side(call_s, _flops_per_s()))


def side(call_s: float, flops_per_s: float) -> int:
    """Of the square matrices whose product takes about so long, within bounds."""
    wanted = (call_s * flops_per_s / 2) ** (1 / 3)
    return min(max(_LEAST, _STEP * round(wanted / _STEP)), _MOST)


#: in the order of `einbench.contexts.BESIDE`: threads of BLAS that the product of a kernel's sample
#: has left awake are ended before the next kernel's
PRECEDING: Mapping[str, Preceding] = {AFTER_PAUSE: pause, AFTER_BLAS: product_like}


def round_s(contexts: Iterable[str], calls_s: Sequence[float]) -> float:
    """Seconds of a call of each kernel alone, and of one in each of these contexts."""
    fastest_s = min(calls_s, default=0.0)
    before = {
        AFTER_PAUSE: _PAUSE_S if fastest_s <= _MOST_PAUSED_S else None,
        AFTER_BLAS: fastest_s if fastest_s <= _MOST_AFTER_S else None,
    }
    beside = [before_s for at in contexts if (before_s := before[at]) is not None]
    return (1 + len(beside)) * sum(calls_s) + len(calls_s) * sum(beside)


@functools.lru_cache(maxsize=2)
def _product(side: int) -> Callable[[], object]:
    operand = np.ones((side, side), np.float32)
    return partial(np.matmul, operand, operand, np.empty_like(operand))


@functools.cache
def _flops_per_s() -> float:
    """Of products here, measured once."""
    multiply = _product(_SIDE)
    times_s = []
    for _ in range(1 + _CALLS):  # the first may start threads
        began_s = time.perf_counter()
        multiply()
        times_s.append(time.perf_counter() - began_s)
    return float(2 * _SIDE**3 / min(times_s))
