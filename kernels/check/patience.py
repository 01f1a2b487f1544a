"""How long one kernel may take at many sizes: interpreted loops are asked at fewer.

Counted is the processor's time, which does not depend on who else is computing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from einbench.check.probe import Probe

#: seconds for each series of sizes
SERIES_S = 0.04


class Patience:
    """What one kernel has taken, and what it is going to take of a size that lies further on."""

    def __init__(self) -> None:
        self._taken_s: Counter[str] = Counter()
        self._most = 0
        self._per_element_s = 0.0

    def allows(self, probe: Probe) -> bool:
        """Whether there is time for it; there is for all that belong to no series."""
        if not probe.series:
            return True
        # of the largest draw so far: what smaller ones take is taken by the call
        larger = _elements(probe) > self._most
        expected_s = self._per_element_s * _elements(probe) if larger else 0.0
        return self._taken_s[probe.series] + expected_s <= SERIES_S

    @contextmanager
    def spent(self, probe: Probe) -> Iterator[None]:
        """Inside, the kernel is asked and judged."""
        start_s = time.process_time()
        yield
        took_s = time.process_time() - start_s
        if probe.series:
            self._taken_s[probe.series] += took_s
            if _elements(probe) >= self._most:
                self._most = _elements(probe)
                self._per_element_s = took_s / self._most


def _elements(probe: Probe) -> int:
    return sum(array.size for array in probe.inputs.values()) or 1
