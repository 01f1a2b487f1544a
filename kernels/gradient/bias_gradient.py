"""The gradient of a linear layer's bias: a sum over the batch.

    db[u] = sum_b dZ[b, u]

Kernels, simplest first:

    loop    row by row, each added to the sums
    sum     ``np.sum`` over the first axis
    einsum  einsum's own C loop, less overhead on a short axis
    matmul  a row of ones times the matrix, in BLAS
    numba   ``loop`` compiled
    simd    sums in registers, a block of rows per thread
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.einsum.facts import contraction
from einbench.inputs import IN_SUMS, Input
from einbench.jit.pieces import piece_rows, rows_of_piece
from einbench.jit.simd.columns import column_sums, column_sums_of_pieces
from einbench.kernel import BLAS_VARIES
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]


bias_gradient = register(
    Operation(
        name="bias_gradient",
        formula="db[u] = sum_b dZ[b, u]",
        inputs={"dlogits": Input("batch units", nonfinite=IN_SUMS)},
        outputs={"dbias": "units"},
        sizes={"units": 128},
        **contraction("batch units -> units", "dlogits"),
    )
)


@bias_gradient.kernel("loop")
@bias_gradient.kernel("numba", compile=True)
def loop(dlogits: Array) -> Array:
    """Row by row, each added to the sums."""
    # reads B*U once in order of memory; compiled, the sums are vectors in first-level cache
    batch, units = dlogits.shape
    dbias = np.zeros(units, dlogits.dtype)
    for b in range(batch):
        for u in range(units):
            dbias[u] += dlogits[b, u]
    return dbias


@bias_gradient.kernel("sum", family="arrays")
def sum_rows(dlogits: Array) -> Array:
    """New over ``loop``: NumPy's sum over the first axis."""
    # reads B*U, adds row after row
    return np.asarray(dlogits.sum(axis=0))


@bias_gradient.kernel("einsum")
def einsum(dlogits: Array) -> Array:
    """New over ``sum``: einsum's loop, with less overhead on a short axis."""
    return np.einsum("bu->u", dlogits)


@bias_gradient.kernel("matmul", extra_elements=lambda s: s["batch"], varies=BLAS_VARIES)
def matmul(dlogits: Array) -> Array:
    """New over ``einsum``: a row of ones times the matrix, in BLAS."""
    # reads B*U, and B ones
    return np.matmul(np.ones(dlogits.shape[0], dlogits.dtype), dlogits)


@bias_gradient.kernel("simd", compile=True, parallel=True)
def simd(dlogits: Array, out: Array) -> None:
    """New over ``numba``: sums in registers, a block of rows per thread."""
    # reads B*U once, in order of memory: bound by that
    batch, units = dlogits.shape
    rows = piece_rows(units)
    pieces = (batch + rows - 1) // rows
    if pieces <= 1:
        column_sums(dlogits, batch, units, out)
    else:
        sums = np.empty((pieces, units), dlogits.dtype)
        piece = rows_of_piece(dlogits, batch, units, 1)
        column_sums_of_pieces(batch, piece, dlogits, units, rows, sums)
        column_sums(sums, pieces, units, out)
