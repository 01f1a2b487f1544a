"""What the suites of kernels share: four quantities of a cell, kernel, batch and dtype."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any, ClassVar

import numpy as np

from . import facts as _facts
from . import listing as _listing
from . import profiles as _profiles

try:
    PROFILE = _profiles.chosen()
except ValueError as _problem:
    sys.exit(str(_problem))  # one line, where a traceback would bury it

#: asv calls ``setup`` before every timed call, which takes about this long beside it
_SETUP_S = 25e-6

Ready = Callable[[str, str, int, str], Callable[[], object]]


class _Suite:
    """What the benchmarks of one operation share."""

    operation: ClassVar[str]
    #: what calls a kernel of it: ``ready(operation, kernel, batch, dtype)``
    ready: ClassVar[Ready]
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
        call = type(self).ready(self.operation, kernel, batch, dtype)
        call()  # loads the compiled form, starts threads, touches memory
        call_s = fact["median_s"] or PROFILE.sample_s
        self.number = max(1, round(PROFILE.sample_s / (call_s + _SETUP_S)))
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


def made(
    found: _listing.Listed, batches: Sequence[int], ready: Ready, module: str, **stated: object
) -> dict[str, Any]:
    """Classes by name, in each of which asv finds one benchmark, ``<operation>.<quantity>``.

    What is ``stated`` of it beside its name is kept in asv's benchmarks.json.
    """
    classes = [_made(*each, found, batches, ready, module) for each in _QUANTITIES]
    for each in classes:
        vars(each)["measure"].__dict__.update(stated)
    return {each.__name__: each for each in classes}


def _made(
    base: type[_Suite], name: str, says: str, found: _listing.Listed, batches: Sequence[int],
    ready: Ready, module: str,
) -> type[_Suite]:  # fmt: skip
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
    members = {
        "operation": found.operation,
        "params": [list(found.kernels), list(batches), list(PROFILE.dtypes)],
        "measure": function,
        "ready": staticmethod(ready),
        "__module__": module,
    }
    return type(f"{found.operation}_{name}", (base,), members)


_QUANTITIES: list[tuple[type[_Suite], str, str]] = [
    (_Time, "time_kernel", "time of a call"),
    (_Error, "track_error", "error of a kernel"),
    (_Roofline, "track_roofline", "part of the roofline"),
]
if PROFILE.peak_memory:
    _QUANTITIES.append((_PeakMemory, "peakmem_kernel", "peak memory of a call"))
