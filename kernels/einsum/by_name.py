"""An expression stands wherever the name of an operation may."""

from __future__ import annotations

from einbench.einsum.named import is_named, spelt
from einbench.operation import Operation
from einbench.registry import makers, spellings


def _made(name: str) -> Operation:
    from einbench.einsum.expression import expression  # plans and kernels take longer to import

    return expression(name, axes="named" if is_named(name) else "letters")


makers.append(_made)
spellings.append(spelt)
