"""Expressions as names of operations: ``einbench.operation("bij,bjk->bik")``."""

from __future__ import annotations

from einbench.operation import Operation
from einbench.registry import makers


def _made(text: str) -> Operation:
    from einbench.einsum.expression import expression  # plans and kernels take longer to import

    return expression(text)


makers.append(_made)
