"""Mean squared error of outputs and targets, over all entries, or the sum of the squares.

    L = sum_bc (y[b, c] - t[b, c])^2, / (batch classes)

Kernels, simplest first:

    loop    entry by entry, row sums added up
    ufunc   difference, square and sum, each over the whole batch
    einsum  squares and sum in one einsum call
    matmul  all differences as one vector, its dot product in BLAS
    numba   ``loop`` compiled, its sums split over vector lanes
    simd    several registers of sums per piece of the batch, threads
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.gradient.losses_shared import OUTPUTS_AND_TARGETS, exact_outputs, reduced
from einbench.jit.pieces import PIECE, piece_of
from einbench.jit.simd.sums import squares_of_differences
from einbench.kernel import BLAS_VARIES
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]


def _reference(outputs: Array, targets: Array, *, reduction: str) -> Array:
    return reduced(np.square(outputs - targets).sum(), outputs, reduction)


def _scale(loss: Array, outputs: Array, targets: Array, *, reduction: str) -> Array:
    # the loss itself: squares do not cancel, and a difference of two numbers is rounded once
    return loss


mean_squared_error = register(
    Operation(
        name="mean_squared_error",
        formula="L = sum_bc (y[b, c] - t[b, c])^2, / (batch classes)",
        inputs=OUTPUTS_AND_TARGETS,
        outputs={"loss": ""},
        sizes={"classes": 10},
        terms=lambda s: s["batch"] * s["classes"],
        tied_limit=lambda terms: 4 + terms / 2,
        flops=lambda s: 3 * s["batch"] * s["classes"],
        added=("batch", "classes"),
        added_options={"reduction": "sum"},
        averaged={"mean": "batch classes"},
        reference=_reference,
        scale=_scale,
        exact=exact_outputs,
        exact_options={"reduction": "sum"},
        options={"reduction": ("mean", "sum")},
    )
)


@mean_squared_error.kernel("loop")
@mean_squared_error.kernel("numba", compile=True, fastmath=frozenset({"reassoc", "contract"}))
def loop(outputs: Array, targets: Array, reduction: str) -> Array:
    """Entry by entry: the square of the difference, row sums added up."""
    # reads 2 B*C once; compiled, several sums of a row run side by side
    batch, classes = outputs.shape
    total = outputs.dtype.type(0)
    for b in range(batch):
        squares = outputs.dtype.type(0)
        for c in range(classes):
            difference = outputs[b, c] - targets[b, c]
            squares += difference * difference
        total += squares
    if reduction == "mean":
        count = batch * classes
        total = total / outputs.dtype.type(count) if count else outputs.dtype.type(np.nan)
    loss = np.empty((), outputs.dtype)
    loss[()] = total
    return loss


@mean_squared_error.kernel(
    "ufunc", family="arrays", extra_elements=lambda s: s["batch"] * s["classes"]
)
def ufunc(outputs: Array, targets: Array, *, reduction: str) -> Array:
    """New over ``loop``: difference, square and sum, each over the whole batch."""
    # three passes over B*C, in one temporary
    differences = np.subtract(outputs, targets)
    np.square(differences, out=differences)
    return reduced(differences.sum(), outputs, reduction)


@mean_squared_error.kernel("einsum", extra_elements=lambda s: s["batch"] * s["classes"])
def einsum(outputs: Array, targets: Array, *, reduction: str) -> Array:
    """New over ``ufunc``: squares and sum in one einsum call, no squares kept."""
    # two passes over B*C, in one temporary
    differences = np.subtract(outputs, targets)
    return reduced(np.einsum("bc,bc->", differences, differences), outputs, reduction)


@mean_squared_error.kernel(
    "matmul", extra_elements=lambda s: s["batch"] * s["classes"], varies=BLAS_VARIES
)
def matmul(outputs: Array, targets: Array, *, reduction: str) -> Array:
    """New over ``einsum``: all differences as one vector, and BLAS takes it times itself."""
    # two passes over B*C, in one temporary; in C order the vector is a view of it
    differences = np.subtract(outputs, targets).ravel(order="K")
    return reduced(np.matmul(differences, differences), outputs, reduction)


@mean_squared_error.kernel("simd", compile=True, parallel=True)
def simd(outputs: Array, targets: Array, reduction: str, out: Array) -> None:
    """New over ``numba``: sums in several registers, of one piece of the batch after the other."""
    # reads 2 B*C once; each piece has a sum of its own, added up in their order
    count = outputs.size
    pieces = (count + PIECE - 1) // PIECE
    sums = np.empty(pieces, outputs.dtype)
    piece = piece_of(outputs, count, 2)
    squares_of_differences(count, piece, outputs, targets, PIECE, sums)
    total = outputs.dtype.type(0)
    for piece in range(pieces):
        total += sums[piece]
    if reduction == "mean":
        total = total / outputs.dtype.type(count) if count else outputs.dtype.type(np.nan)
    out[()] = total
