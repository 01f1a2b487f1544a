"""check(): is every kernel right? The verdicts, with the reason that names what is wrong."""

from __future__ import annotations

from collections.abc import Iterable

import numpy.typing as npt

from einbench.check.judging import Verdict
from einbench.check.verdicts import check_sized, check_small
from einbench.host.machine import usable_threads
from einbench.measure.external import ExternalKernels
from einbench.names import check_dtype
from einbench.operation import Operation
from einbench.registry import as_operations


def check(
    op_or_name: Operation | str | Iterable[Operation | str],
    *,
    batch: int | None = None,
    dtype: npt.DTypeLike = "float32",
    seed: int = 0,
    isolate: bool = False,
    **sizes: int,
) -> list[Verdict]:
    """Judge every kernel of an operation (or of several), also those that cannot run here.

    First on small hostile draws in every layout, then on random and exact draws at ``batch``
    rows, 128 by default, and ``sizes``. A kernel too slow for that batch is checked at a smaller
    one.

    Raises:
        ValueError: an operation, dtype, axis or size that is not known; or a kernel is isolated
            that cannot be given to another process.
    """
    chosen = check_dtype(dtype)
    found: list[Verdict] = []
    external = ExternalKernels(isolate=isolate)
    with external.started(usable_threads()):
        for op in as_operations(op_or_name):
            full = op.all_sizes(batch, sizes)
            small = list(check_small(op, external.kernels(op).values(), chosen, seed))
            passed = {v.method: v for v in small if v.passed}
            at_size = {v.method: v for v in check_sized(op, passed, full, chosen, seed)}
            found.extend(at_size.get(v.method, v) for v in small)
            external.end(op)
    return found
