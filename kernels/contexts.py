"""Where a kernel is called, and what is ranked of its times there.

    program_s = (alone_s after_blas_s after_pause_s) ** (1 / 3)

- ``alone``: again and again, while no thread of another library is awake.
- ``after_blas``: each call after a matrix product of NumPy that takes about as long, when BLAS's
  threads still look for work and its operands are in the caches.
- ``after_pause``: each call after 2 ms of sleep, when the kernel's own threads sleep as well.
- ``program``: the geometric mean of the three. To take 1.1 times the best one's time counts the
  same in each of them, though a short call takes many times as long after a pause.
"""

from __future__ import annotations

from collections.abc import Mapping

from einbench.names import unknown

ALONE, AFTER_BLAS, AFTER_PAUSE, PROGRAM = "alone", "after_blas", "after_pause", "program"
CONTEXTS = (PROGRAM, ALONE, AFTER_BLAS, AFTER_PAUSE)
#: those that a kernel is timed in beside being timed alone, in the order of the samples of a round
BESIDE = (AFTER_PAUSE, AFTER_BLAS)


def check_context(context: str) -> str:
    """The context.

    Raises:
        ValueError: none is called so.
    """
    if context not in CONTEXTS:
        raise ValueError(unknown("context", context, CONTEXTS))
    return context


def ranked_s(context: str, alone_s: float, beside_s: Mapping[str, float]) -> float:
    """What a kernel is ranked by; where it was not timed in a context its time alone counts."""
    if context != PROGRAM:
        return beside_s.get(context, alone_s)
    product = alone_s
    for name in BESIDE:
        product *= beside_s.get(name, alone_s)
    return float(product ** (1 / (1 + len(BESIDE))))
