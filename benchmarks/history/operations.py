"""The benchmarks, made from the registry: four of every operation, a cell for every kernel.

==============================  ========================================================
``<operation>.time_kernel``     seconds a call, median over samples of all rounds
``<operation>.peakmem_kernel``  greatest resident size of a process that makes one call
``<operation>.track_error``     units of rounding; the limit is ``4 + 2 sqrt(terms)`` for most
``<operation>.track_roofline``  fraction of what the machine could do at best, 0 to 1
==============================  ========================================================

Parameters are kernel, batch and dtype. How many of them, and for how long, says the profile:
``EINBENCH_PROFILE=quick`` (at most 3 minutes for one commit in one environment on two cores),
``regular`` (30) or ``thorough`` (no cap).

A kernel that failed the check gets no time: its cell is skipped, its error is tracked, and
``asv run --show-stderr`` says why. Skipped are also cells whose call would take too long, kernels
that cannot run on the machine, and kernels that the measured commit does not have.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable
from functools import partial

from . import cells as _cells
from . import facts as _facts
from . import listing as _listing
from .measured import einbench

_PROFILE = _cells.PROFILE

# asv's fork server imports the suite once: its children need not import numba each, nor wait for
# the half second that the first thing compiled takes. That thing starts no threads
if "run_server" in sys.argv:
    with contextlib.suppress(ImportError):
        importlib.import_module("numba").njit("float64(float64)")(lambda number: number)

#: raise a benchmark's own where its meaning changes: asv then starts its history anew
version = "1"
timeout = 120.0
param_names = ["kernel", "batch", "dtype"]
rounds = _PROFILE.rounds
warmup_time = _PROFILE.warmup_s
#: least and most samples of a process, and seconds for them
repeat = (2, 10, _PROFILE.cell_s)


def setup_cache() -> _facts.Facts:
    """Check and compile everything once per commit and environment."""
    return _facts.examine(_PROFILE)


setup_cache.timeout = _PROFILE.examine_timeout_s  # type: ignore[attr-defined]  # asv looks here
setup_cache.pretty_source = "checked = einbench.compare()"  # type: ignore[attr-defined]  # as above


def _ready(operation: str, kernel: str, batch: int, dtype: str) -> Callable[[], object]:
    op = einbench.operation(operation)
    # before version 0.2 an operation without that axis was not drawn with a number of rows
    leading = getattr(op, "leading", "batch" if "batch" in op.axes else None)
    arrays = op.draw(None if leading is None else batch, dtype)
    for array in arrays.values():
        array.flags.writeable = False
    return partial(op[kernel].function, *arrays.values(), **op.choose_options({}))


for _found in _listing.listed():
    _batches = _PROFILE.batches if _found.batched else _PROFILE.batches[:1]
    globals().update(_cells.made(_found, _batches, _ready, __name__))
