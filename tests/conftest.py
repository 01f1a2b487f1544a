"""What every test of the suite stands on."""

from __future__ import annotations

import numpy as np
import pytest

import kernels
from kernels.compiled import Compiled


def pytest_sessionstart(session: pytest.Session) -> None:
    """Share the compiling out among the test processes: numba keeps it on disk for all.

    Otherwise each of them compiles every kernel it meets, which takes longer than the tests.
    """
    worker = getattr(session.config, "workerinput", None)
    if worker is None:
        return
    compiled = [
        (kernel, dtype)
        for op in kernels.operations.values()
        for kernel in op
        for dtype in ("float32", "float64")
        if isinstance(kernel.function, Compiled) and kernel.available
    ]
    mine = int(worker["workerid"].removeprefix("gw"))
    for kernel, dtype in compiled[mine :: worker["workercount"]]:
        drawn = kernel.operation.draw(2, dtype, **dict.fromkeys(kernel.operation.sizes, 3))
        with np.errstate(all="ignore"):
            kernel(**drawn)
