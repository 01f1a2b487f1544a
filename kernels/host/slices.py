"""Threads that need a core at once and for a short time, and say so to Linux.

From Linux 6.12 on a thread that asks for shorter slices of time than the one on its core takes
over as it is woken; others wait for the end of a slice. That one may be a thread of OpenBLAS, which
looks for work for a tenth of a second after a product and never yields: after a product of BLAS
loops of 0.15 ms on two threads took 0.43 ms, and 0.24 with slices of a tenth of a millisecond.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

#: of ``sched_setattr``, for which the C library has no function before 2.41
_NUMBERS = {"x86_64": 314, "aarch64": 274}
_SLICE_NS = 100_000
#: size, policy, flags, nice, priority, runtime, deadline, period, and two hints
_FORM = "IIQiIQQQII"


def shorten(thread: int) -> bool:
    """Ask for the shortest slices for a thread, by the number that Linux has for it.

    Its share of the core is as before. False where nothing was changed: no Linux, another policy
    than the usual one, or an older Linux, which may also take it and ignore it.
    """
    number = _NUMBERS.get(platform.machine())
    if sys.platform != "linux" or number is None or thread <= 0:
        return False
    try:
        if os.sched_getscheduler(thread) != os.SCHED_OTHER:
            return False
        nice = os.getpriority(os.PRIO_PROCESS, thread)
    except OSError:  # it has ended, or may not be asked about
        return False
    asked = struct.pack(
        _FORM, struct.calcsize(_FORM), os.SCHED_OTHER, 0, nice, 0, _SLICE_NS, 0, 0, 0, 0
    )
    return ctypes.CDLL(None).syscall(number, thread, asked, 0) == 0
