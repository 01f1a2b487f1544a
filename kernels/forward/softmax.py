"""Probabilities from logits, row by row; each row's maximum is subtracted first.

    p[b, c] = exp(z[b, c] - max z[b]) / sum_k exp(z[b, k] - max z[b])

Kernels, simplest first:

    loop            three passes per row: maximum, exponentials and their sum, quotients
    ufunc           each pass over the whole batch, in the result's memory
    einsum          einsum sums the rows, faster than ``sum`` along a short axis
    matmul          the row sums are a product with a column of ones
    numba           ``loop`` compiled: a row stays in cache over its three passes
    numba_parallel  threads share the samples
    simd            a vector of rows at a time, exp as a polynomial of all lanes
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.flops import EXP_FLOPS
from einbench.forward.softmax_shared import softmax_rows, softmax_scale
from einbench.inputs import IN_ROWS, LOGITS, Input
from einbench.jit.pieces import rows_of_piece
from einbench.jit.simd.softmax import softmax_rows as softmax_rows_of
from einbench.kernel import BLAS_VARIES
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]
prange = range  # the compiled copies see numba's

softmax = register(
    Operation(
        name="softmax",
        formula="p[b, c] = exp(z[b, c] - max z[b]) / sum_k exp(z[b, k] - max z[b])",
        inputs={"logits": Input("batch classes", LOGITS, IN_ROWS)},
        outputs={"probs": "batch classes"},
        sizes={"classes": 10},
        independent=("batch",),
        terms=lambda s: s["classes"],
        # equal terms of a sum, added one by one, are all rounded the same way
        tied_limit=lambda terms: 4 + max(terms / 2, 2 * terms**0.5),
        flops=lambda s: s["batch"] * s["classes"] * (4 + EXP_FLOPS),
        reference=softmax_rows,
        scale=softmax_scale,
    )
)


@softmax.kernel("loop")
@softmax.kernel("numba", compile=True)
@softmax.kernel("numba_parallel", compile=True, parallel=True)
def loop(logits: Array) -> Array:
    """Row by row: the maximum, the exponentials and their sum, the quotients."""
    # compiled, the row stays in registers and first-level cache over its three passes
    batch, classes = logits.shape
    probs = np.empty((batch, classes), logits.dtype)
    for b in prange(batch):
        largest = logits[b, 0]
        for c in range(classes):
            largest = max(largest, logits[b, c])
        total = logits.dtype.type(0)
        for c in range(classes):
            probs[b, c] = np.exp(logits[b, c] - largest)
            total += probs[b, c]
        for c in range(classes):
            probs[b, c] /= total
    return probs


@softmax.kernel("ufunc", family="arrays")
def ufunc(logits: Array) -> Array:
    """New over ``loop``: each pass over the whole batch, in the one array of the result."""
    # five passes over B*C: bound by the exponential in cache, else by memory
    probs = np.subtract(logits, logits.max(axis=1, keepdims=True))
    np.exp(probs, out=probs)
    probs /= probs.sum(axis=1, keepdims=True)
    return probs


@softmax.kernel("einsum")
def einsum(logits: Array) -> Array:
    """New over ``ufunc``: einsum sums the rows, faster than ``sum`` along a short axis."""
    probs = np.subtract(logits, logits.max(axis=1, keepdims=True))
    np.exp(probs, out=probs)
    probs /= np.einsum("bc->b", probs)[:, None]
    return probs


@softmax.kernel("matmul", varies=BLAS_VARIES)
def matmul(logits: Array) -> Array:
    """New over ``einsum``: the row sums are a matrix product with a column of ones."""
    probs = np.subtract(logits, logits.max(axis=1, keepdims=True))
    np.exp(probs, out=probs)
    probs /= np.matmul(probs, np.ones((logits.shape[1], 1), logits.dtype))
    return probs


@softmax.kernel("simd", compile=True, parallel=True)
def simd(logits: Array, out: Array) -> None:
    """New over ``numba_parallel``: a vector of rows together, exp as a polynomial of all lanes."""
    # reads B*C, writes B*C: about thirteen cycles a row of ten
    batch, classes = logits.shape
    rows = rows_of_piece(logits, batch, classes, 0)
    softmax_rows_of(batch, rows, logits, classes, out)
