"""check(): is every kernel right? The verdicts, with the reason that names what is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.blame import COULD_NOT
from einbench.check.judging import Verdict
from einbench.check.verdicts import check_sized, check_small
from einbench.host.cores import usable_threads
from einbench.host.memory import available_bytes
from einbench.measure.external import ExternalKernels
from einbench.names import check_dtype
from einbench.numeric import check_rows, check_seed
from einbench.operation import Operation
from einbench.registry import as_operations
from einbench.units import bytes_text


def check(
    op_or_name: Operation | str | Iterable[Operation | str],
    *,
    batch: int | None = None,
    dtype: npt.DTypeLike = "float32",
    seed: int = 0,
    isolate: bool | None = None,
    time_limit_s: float | None = None,
    **sizes: int,
) -> list[Verdict]:
    """Judge every kernel of an operation (or of several), also those that cannot run here.

    First on small hostile draws in every layout, then on random and exact draws at ``batch``
    rows, 128 by default, and ``sizes``. A kernel too slow for that batch is checked at a smaller
    one, and so are all where checking takes more than twice the memory of inputs and outputs and
    256 MB: `Verdict.batch` says how many rows there were. Where not even inputs and outputs fit,
    what passed so far is ``unchecked``. ``isolate`` and ``time_limit_s`` are as for `compare`.

    Raises:
        ValueError: an operation, dtype, axis or size that is not known; or a kernel is isolated
            that cannot be given to another process.
    """
    chosen, seed = check_dtype(dtype), check_seed(seed)
    batch = None if batch is None else check_rows(batch)
    found: list[Verdict] = []
    external = ExternalKernels(isolate=isolate, time_limit_s=time_limit_s)
    with external.started(usable_threads()):
        for op in as_operations(op_or_name):
            full = op.all_sizes(batch, sizes)
            small = list(check_small(op, external.kernels(op).values(), chosen, seed))
            passed = {v.method: v for v in small if v.passed}
            if why := _too_large(op, full, chosen):
                unknown = [replace(v, passed=False, reason=why) for v in passed.values()]
                at_size = {v.method: v for v in unknown}
            else:
                at_size = {v.method: v for v in check_sized(op, passed, full, chosen, seed)}
            found.extend(at_size.get(v.method, v) for v in small)
            external.end(op)
    return found


def _too_large(op: Operation, sizes: dict[str, int], dtype: np.dtype[Any]) -> str:
    """Why nothing can be checked at these sizes; empty where inputs and outputs fit into memory."""
    needed, free = sum(op.traffic_bytes(sizes, dtype)), available_bytes()
    if needed <= free:
        return ""
    at = ", ".join(f"{axis} {size:,}" for axis, size in sizes.items())
    return (
        f"{COULD_NOT}inputs and outputs at {at} take {bytes_text(needed)}, and "
        f"{bytes_text(free)} are free"
    )
