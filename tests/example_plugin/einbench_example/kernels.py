"""A kernel for `relu`, and bilinear forms as an operation with a kernel of its own."""

import numpy as np

import einbench


@einbench.operation("relu").kernel("clip")
def clip(inputs):
    """New over ``ufunc``: a clip without an upper end."""
    return np.clip(inputs, 0, None)


bilinear = einbench.register(
    einbench.expression("rows left, left right, rows right -> rows", axes="named", left=6, right=5)
)


@bilinear.kernel("row_dots")
def row_dots(x, form, y):
    """One matrix product, then the dot products of rows."""
    return np.einsum("rj,rj->r", x @ form, y)
