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
from pathlib import Path
from types import FunctionType
from typing import Any, ClassVar

import numpy as np

from . import facts as _facts
from . import listing as _listing
from . import profiles as _profiles
from .measured import einbench

try:
    _PROFILE = _profiles.chosen()
except ValueError as _problem:
    sys.exit(str(_problem))  # one line, where a traceback would bury it

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

#: asv calls ``setup`` before every timed call, which takes about this long beside it
_SETUP_S = 25e-6


def setup_cache() -> _facts.Facts:
    """Check and compile everything once per commit and environment."""
    return _facts.examine(_PROFILE)


setup_cache.timeout = _PROFILE.examine_timeout_s  # type: ignore[attr-defined]  # asv looks here
setup_cache.pretty_source = "checked = einbench.compare()"  # type: ignore[attr-defined]  # as above


class _Suite:
    """What the benchmarks of one operation share."""

    operation: ClassVar[str]
    #: what asv's pages show
    source: ClassVar[str] = "kernel(*inputs)"
    params: ClassVar[list[list[Any]]]

    def cell(self, kernel: str, batch: int, dtype: str) -> str:
        return _facts.key(self.operation, kernel, batch, dtype)


class _Call(_Suite):
    """A kernel and its inputs, ready before the clock starts."""

    #: calls in a sample; asv times each of them by itself and adds them up
    number = 1
    call: Callable[[], object] | None = None

    def setup(self, facts: _facts.Facts, kernel: str, batch: int, dtype: str) -> None:
        if self.call is not None:
            return
        fact = _facts.admitted(facts, self.operation, self.cell(kernel, batch, dtype))
        np.seterr(all="ignore")
        call = _ready(self.operation, kernel, batch, dtype)
        call()  # loads the compiled form, starts threads, touches memory
        call_s = fact["median_s"] or _PROFILE.sample_s
        self.number = max(1, round(_PROFILE.sample_s / (call_s + _SETUP_S)))
        self.call = call

    setup.pretty_source = "kernel(*inputs)"  # type: ignore[attr-defined]  # see _made


class _Time(_Call):
    """Seconds a call takes."""

    def measure(self, *_cell: object) -> None:
        self.call()  # type: ignore[misc]  # setup has run, or the cell was skipped


class _PeakMemory(_Call):
    """Bytes: interpreter, inputs, output and temporaries of one call."""

    def setup(self, facts: _facts.Facts, kernel: str, batch: int, dtype: str) -> None:
        super().setup(facts, kernel, batch, dtype)
        # what drawing the inputs took is no kernel's: this resets Linux's record of the peak
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")

    setup.pretty_source = "kernel(*inputs)"  # type: ignore[attr-defined]  # see _made

    def measure(self, *_cell: object) -> None:
        self.call()  # type: ignore[misc]  # setup has run, or the cell was skipped


class _Error(_Suite):
    """Units of rounding, also of a kernel that was rejected for them."""

    unit = "units of rounding"
    source = 'checked["error"]'

    def setup(self, facts: _facts.Facts, kernel: str, batch: int, dtype: str) -> None:
        cell = self.cell(kernel, batch, dtype)
        self.value = _facts.tracked(_facts.known(facts, self.operation, cell), "error", cell)

    setup.pretty_source = ""  # type: ignore[attr-defined]  # see _made

    def measure(self, *_cell: object) -> float:
        return self.value


class _Roofline(_Suite):
    """best_s / median_s, from the comparison that checked the kernels."""

    unit = "of the roofline"
    source = 'checked["roofline"]'

    def setup(self, facts: _facts.Facts, kernel: str, batch: int, dtype: str) -> None:
        cell = self.cell(kernel, batch, dtype)
        self.value = _facts.tracked(_facts.known(facts, self.operation, cell), "roofline", cell)

    setup.pretty_source = ""  # type: ignore[attr-defined]  # see _made

    def measure(self, *_cell: object) -> dict[str, Any]:
        # asv takes more for worse, and would call a speed-up a regression. Samples as far apart
        # as these mean to it that nothing is known: median and quartiles are the fraction, which is
        # recorded and shown, and gates nothing
        return {"samples": [0.0, *[self.value] * 4, 2.0], "number": 1}


def _ready(operation: str, kernel: str, batch: int, dtype: str) -> Callable[[], object]:
    op = einbench.operation(operation)
    # before version 0.2 an operation without that axis was not drawn with a number of rows
    leading = getattr(op, "leading", "batch" if "batch" in op.axes else None)
    arrays = op.draw(None if leading is None else batch, dtype)
    for array in arrays.values():
        array.flags.writeable = False
    return partial(op[kernel].function, *arrays.values(), **op.choose_options({}))


def _made(base: type[_Suite], name: str, says: str, found: _listing.Listed) -> type[_Suite]:
    """A class that asv finds one benchmark in, ``<operation>.<name>``."""
    shared: Any = vars(base)["measure"]
    # a function of its own: asv reads the benchmark's name from it
    function = FunctionType(shared.__code__, shared.__globals__, name)
    function.__dict__.update(
        benchmark_name=f"{found.operation}.{name}",
        pretty_name=f"{found.operation}: {says}",
        # asv's pages show it. Each process looks through all benchmarks for its own, and reading
        # their real sources takes longer than most cells
        pretty_source=base.source,
    )
    batches = _PROFILE.batches if found.batched else _PROFILE.batches[:1]
    members = {
        "operation": found.operation,
        "params": [list(found.kernels), list(batches), list(_PROFILE.dtypes)],
        "measure": function,
        "__module__": __name__,
    }
    return type(f"{found.operation}_{name}", (base,), members)


_QUANTITIES: list[tuple[type[_Suite], str, str]] = [
    (_Time, "time_kernel", "time of a call"),
    (_Error, "track_error", "error of a kernel"),
    (_Roofline, "track_roofline", "part of the roofline"),
]
if _PROFILE.peak_memory:
    _QUANTITIES.append((_PeakMemory, "peakmem_kernel", "peak memory of a call"))

for _found in _listing.listed():
    for _base, _name, _says in _QUANTITIES:
        _class = _made(_base, _name, _says, _found)
        globals()[_class.__name__] = _class
