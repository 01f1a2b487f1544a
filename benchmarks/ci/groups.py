"""Which kernels are timed at which batches: read from the registry, nothing is listed here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from einbench.kernel import Kernel
from einbench.operation import Operation

#: one row, a usual batch, and one that fills caches; 128 is a part of no other id
BATCHES = (1, 128, 1000)
#: seconds of timing per kernel, and the least a round lasts: 200 samples of a quick kernel
MAX_TIME_S = 0.2
ROUND_S = 0.001


def group(op: Operation, batch: int | None) -> str:
    """``softmax_jacobian, batch 128``: one table, in which speed-ups have one denominator."""
    return op.name if batch is None else f"{op.name}, batch {batch}"


def in_order(op: Operation) -> list[Kernel]:
    """Kernels as registered, the baseline before all, so that it is timed when others need it."""
    return sorted(op, key=lambda kernel: kernel.method != op.baseline)


def parameters(
    operations: Iterable[Operation], batches: Iterable[int], settings: dict[str, Any]
) -> Iterator[Any]:
    """(operation, batch, kernel) with the id ``softmax_jacobian-128-einsum``, group by group.

    They are plain words and numbers, because the plugin writes them to its JSON as they are.
    """
    for op in operations:
        own = tuple(batches) if op.leading is not None else (None,)
        for batch in own:
            mark = pytest.mark.benchmark(group=group(op, batch), **settings)
            for kernel in in_order(op):
                name = f"{op.name}-{'one' if batch is None else batch}-{kernel.method}"
                yield pytest.param(op.name, batch, kernel.method, id=name, marks=mark)
