"""fastest(): every kernel checked, timed on the caller's own arrays, and the winner to call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.measure.cell import Cell, Limits, run_cell
from kernels.measure.check import check_small
from kernels.measure.layouts import read_only
from kernels.measure.machine import limit_threads
from kernels.measure.roofline import Roofline
from kernels.names import unknown
from kernels.registry import Array, Kernel, Operation, operation

#: how thoroughly to look before choosing
RIGORS = ("measure",)
_BUDGET_S = 0.5
_CALL_S = 1.0
_MEMORY_BYTES = 1_000_000_000


@dataclass(frozen=True)
class Choice:
    """The fastest kernel that passed the check; call it, or print it to see why."""

    kernel: Kernel
    #: a record for every kernel of the operation, the ones left out with their reason
    records: list[dict[str, Any]]

    def __call__(self, *arrays: Any, **named: Any) -> Any:
        """Call the chosen kernel; shapes and dtypes are checked as for any kernel."""
        return self.kernel(*arrays, **named)

    def __str__(self) -> str:
        from kernels.report.choice import explain

        return explain(self.records)


def fastest(
    op_or_name: Operation | str,
    *inputs: Any,
    rigor: str = "measure",
    threads: int | None = None,
    budget_s: float = _BUDGET_S,
    **named: Any,
) -> Choice:
    """argmin over kernels that passed the check of median seconds, on these very inputs.

    Within 2 % it is a tie, and the simplest wins. Nothing is remembered between calls.

    Args:
        op_or_name: an operation or its name.
        inputs: its arrays by position; by name and with options in ``named``.
        rigor: ``measure`` checks and times every kernel.
        threads: of BLAS and numba while timing; None takes all there are.
        budget_s: seconds of timing, compilation and checking apart.
        named: arrays by name, and options of the operation.

    Raises:
        TypeError: an argument is missing, unknown or of a wrong dtype.
        ValueError: shapes do not fit, something unknown is asked for, or no kernel is left.
    """
    if rigor not in RIGORS:
        raise ValueError(unknown("rigor", rigor, RIGORS))
    if not budget_s > 0:
        raise ValueError(f"budget_s={budget_s!r}: expected more than 0 seconds")
    op = operation(op_or_name)
    bound = op.bind(*inputs, **named)
    arrays: Mapping[str, Array] = dict(zip(op.inputs, map(read_only, bound.arrays), strict=True))
    floating = next(a for name, a in arrays.items() if name not in op.dtypes)
    with limit_threads(threads) as used:
        verdicts = {v.method: v for v in check_small(op, op, floating.dtype, seed=0)}
        contiguous = all(a.flags.c_contiguous for a in bound.arrays)
        cell = Cell(
            op, arrays, bound.options, bound.sizes, np.dtype(floating.dtype),
            "C" if contiguous else "sliced", used, seed=0,
        )  # fmt: skip
        limits = Limits(budget_s, _CALL_S, _MEMORY_BYTES)
        records, _ = run_cell(cell, verdicts, {}, Roofline(used), limits)
    for record in records:
        if record["winner"]:
            return Choice(op[record["kernel"]], records)
    reasons = "; ".join(f"{r['kernel']}: {r['reason']}" for r in records)
    raise ValueError(f"{op.name}: no kernel is left to choose from ({reasons})")
