"""How long one kernel may take at many sizes: interpreted loops are asked at fewer.

Counted is the processor's time, which does not depend on who else is computing.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from einbench.check.posed import Posed

#: seconds of calls for each series of sizes
SERIES_S = 0.007


class Patience:
    """What one kernel has taken, and what it is going to take of larger arrays."""

    def __init__(self, series_s: float = SERIES_S) -> None:
        self._series_s = series_s
        self._taken_s: defaultdict[str, float] = defaultdict(float)
        #: of the largest so far, by rows and by elements: how large, and seconds of one
        self._largest = {"rows": (1, 0.0), "elements": (1, 0.0)}

    def allows(self, posed: Posed) -> bool:
        """Whether there is time for it; there is for all that belong to no series."""
        if not posed.probe.series:
            return True
        # from the largest so far: what less takes is taken by the call
        expected_s = max(
            each_s * size if size > most else 0.0
            for size, (most, each_s) in zip(_sizes(posed), self._largest.values(), strict=True)
        )
        return self._taken_s[posed.probe.series] + expected_s <= self._series_s

    @contextmanager
    def spent(self, posed: Posed) -> Iterator[None]:
        """Inside, the kernel is called."""
        start_s = time.process_time()
        yield
        took_s = time.process_time() - start_s
        if not posed.probe.series:
            return
        self._taken_s[posed.probe.series] += took_s
        for (name, (most, _)), size in zip(list(self._largest.items()), _sizes(posed), strict=True):
            if size >= most:
                self._largest[name] = size, took_s / size


def _sizes(posed: Posed) -> tuple[int, int]:
    problem = posed.problem
    return problem.rows, sum(array.size for array in problem.given)
