"""How long one kernel may take at many sizes: interpreted loops are asked at fewer.

Counted is the processor's time, which does not depend on who else is computing.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from einbench.check.probe import Probe

#: seconds of calls for each series of sizes
SERIES_S = 0.007


class Patience:
    """What one kernel has taken, and what it is going to take of many more rows."""

    def __init__(self, series_s: float = SERIES_S) -> None:
        self._series_s = series_s
        self._taken_s: defaultdict[str, float] = defaultdict(float)
        self._most_rows = 1
        self._per_row_s = 0.0

    def allows(self, probe: Probe, rows: int) -> bool:
        """Whether there is time for it; there is for all that belong to no series."""
        if not probe.series:
            return True
        # from the longest so far: what fewer rows take is taken by the call
        expected_s = self._per_row_s * rows if rows > self._most_rows else 0.0
        return self._taken_s[probe.series] + expected_s <= self._series_s

    @contextmanager
    def spent(self, probe: Probe, rows: int) -> Iterator[None]:
        """Inside, the kernel is called."""
        start_s = time.process_time()
        yield
        took_s = time.process_time() - start_s
        if probe.series:
            self._taken_s[probe.series] += took_s
            if rows >= self._most_rows:
                self._most_rows, self._per_row_s = rows, took_s / rows
