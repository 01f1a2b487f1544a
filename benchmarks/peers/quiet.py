"""Waiting until no thread of this process runs but the one that looks.

Threads of a pool that still wait for work by spinning would take a core from whoever has the next
turn: OpenBLAS's spin for about 30 ms, those of OpenMP for less.
"""

from __future__ import annotations

import time

#: whoever spins for longer is told by the processor time between its turns
_PATIENCE_S = 0.5
LOOK_S = 0.005
#: the part of a look that may be processor time of something else than spinning
_STILL = 0.2
#: looks in a row without any: on a busy machine a thread that spins may wait for its core
_LOOKS = 3


def settle(look_s: float = LOOK_S) -> float:
    """Return when the process is quiet, or patience ends; its processor time by then."""
    end_s = time.perf_counter() + _PATIENCE_S
    still = 0
    while still < _LOOKS and time.perf_counter() < end_s:
        before_s = time.process_time()
        time.sleep(look_s)
        still = still + 1 if time.process_time() - before_s < _STILL * look_s else 0
    return time.process_time()
