"""Einsum expressions: parsed, planned, and computed by kernels made from their structure.

`language` reads an expression, `shapes` binds it to operands, `normal` drops what no product needs;
`source` writes loops that `compiling` compiles, `products` uses matrix products, `pairs` orders
three operands and more, `rule` says which kernel is expected to be the fastest.
"""

from einbench.operation import Operation
from einbench.registry import makers


def _made(text: str) -> Operation:
    from einbench.einsum.expression import expression  # plans and kernels take longer to import

    return expression(text)


makers.append(_made)
