"""The full Jacobian of softmax, one matrix per sample, from the probabilities.

    J[b, i, j] = p[b, i] (delta[i, j] - p[b, j])

Kernels, simplest first:

    loop                  entry by entry, the diagonal added afterwards
    einsum_identity       diagonal and rest as products with I and 1 - I
    einsum_premultiplied  p (1 - p) computed before the first product
    einsum                one outer product, then the diagonal through a view
    broadcast             (I - p) p by broadcasting
    matmul                the outer product as a column times a row per sample
    numba                 ``loop`` compiled
    numba_parallel        threads share the samples
    simd                  a row of a matrix is one vector, non-temporal stores
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.inputs import IN_PRODUCTS, PROBABILITIES, Input
from einbench.jit.pieces import non_temporal, rows_of_piece
from einbench.jit.simd.softmax import jacobian_rows
from einbench.kernel import BLAS_VARIES
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]
prange = range  # the compiled copies see numba's


def one_jacobian(sizes: Mapping[str, int]) -> float:
    """Elements of the Jacobian of a batch, for kernels with one as a temporary."""
    return sizes["batch"] * sizes["classes"] ** 2


def _reference(probs: Array) -> Array:
    indicator = np.eye(probs.shape[1], dtype=probs.dtype)
    return np.asarray(probs[:, :, None] * (indicator - probs[:, None, :]))


def _scale(jacobian: Array, probs: Array) -> Array:
    magnitudes = np.abs(probs)
    indicator = np.eye(probs.shape[1])
    return np.asarray(magnitudes[:, :, None] * (indicator + magnitudes[:, None, :]))


softmax_jacobian = register(
    Operation(
        name="softmax_jacobian",
        formula="J[b, i, j] = p[b, i] (delta[i, j] - p[b, j])",
        inputs={"probs": Input("batch classes", PROBABILITIES, IN_PRODUCTS)},
        outputs={"jacobian": "batch classes classes"},
        sizes={"classes": 10},
        independent=("batch",),
        limit=lambda terms: 4,
        tied_limit=lambda terms: 4,
        # a product for every entry, a sum for those on the diagonal
        flops=lambda s: s["batch"] * s["classes"] * (s["classes"] + 1),
        reference=_reference,
        scale=_scale,
    )
)


@softmax_jacobian.kernel("loop")
@softmax_jacobian.kernel("numba", compile=True)
@softmax_jacobian.kernel("numba_parallel", compile=True, parallel=True)
def loop(probs: Array) -> Array:
    """Entry by entry: minus the product of two probabilities, plus one on the diagonal."""
    # reads B*C, writes B*C*C: compiled, it is bound by the write
    batch, classes = probs.shape
    jacobian = np.empty((batch, classes, classes), probs.dtype)
    for b in prange(batch):
        for i in range(classes):
            factor = -probs[b, i]
            for j in range(classes):
                jacobian[b, i, j] = factor * probs[b, j]
            jacobian[b, i, i] += probs[b, i]
    return jacobian


@softmax_jacobian.kernel("einsum_identity", extra_elements=one_jacobian)
def einsum_identity(probs: Array) -> Array:
    """New over ``loop``: diagonal and rest as two three-factor products with I and 1 - I.

    J[b, i, j] = p[b, j] (1 - p[b, j]) I[j, i] - p[b, j] p[b, i] (1 - I[j, i])
    """
    # writes B*C*C twice and reads it twice to add; C - 1 of C products of the first are zero
    identity = np.eye(probs.shape[1], dtype=probs.dtype)
    jacobian = np.einsum("bj,bj,ji->bij", probs, 1 - probs, identity)
    jacobian += np.einsum("bj,bi,ji->bij", -probs, probs, 1 - identity)
    return jacobian


@softmax_jacobian.kernel("einsum_premultiplied", extra_elements=one_jacobian)
def einsum_premultiplied(probs: Array) -> Array:
    """New over ``einsum_identity``: p (1 - p) is one product a class, made before the call.

    J[b, i, j] = (p (1 - p))[b, i] I[i, j] - p[b, j] p[b, i] (1 - I[i, j])
    """
    # the traffic of ``einsum_identity`` with one factor less in the first product
    identity = np.eye(probs.shape[1], dtype=probs.dtype)
    jacobian = np.einsum("bi,ij->bij", probs * (1 - probs), identity)
    jacobian += np.einsum("bj,bi,ij->bij", -probs, probs, 1 - identity)
    return jacobian


@softmax_jacobian.kernel("einsum")
def einsum(probs: Array) -> Array:
    """New over ``einsum_premultiplied``: no identity; one outer product, then the diagonal."""
    # reads B*C, writes B*C*C, and B*C once more on the diagonal: no axis is summed, so BLAS
    # has nothing to do here
    jacobian = np.einsum("bi,bj->bij", -probs, probs)
    _add_to_diagonal(jacobian, probs)
    return jacobian


@softmax_jacobian.kernel("broadcast")
def broadcast(probs: Array) -> Array:
    """New over ``einsum``: indicator minus probability, times probability, by broadcasting."""
    # writes B*C*C, then reads and writes it once more, in the one array of the result
    jacobian = np.subtract(np.eye(probs.shape[1], dtype=probs.dtype), probs[:, None, :])
    jacobian *= probs[:, :, None]
    return jacobian


@softmax_jacobian.kernel("matmul", varies=BLAS_VARIES)
def matmul(probs: Array) -> Array:
    """New over ``broadcast``: the outer product is a column times a row, sample by sample."""
    # the writes of ``einsum``; products of such thin matrices are a call per sample, no GEMM
    jacobian = np.matmul(-probs[:, :, None], probs[:, None, :])
    _add_to_diagonal(jacobian, probs)
    return jacobian


def _add_to_diagonal(jacobian: Array, probs: Array) -> None:
    diagonal = np.einsum("bii->bi", jacobian)  # a view that can be written to, no copy
    diagonal += probs


@softmax_jacobian.kernel("simd", compile=True, parallel=True)
def simd(probs: Array, out: Array) -> None:
    """New over ``numba_parallel``: a row of a matrix is one vector, by non-temporal stores."""
    # reads B*C, writes B*C*C without reading it first: bound by the write
    batch, classes = probs.shape
    rows = rows_of_piece(out, batch, classes * classes, 1)
    jacobian_rows(batch, rows, probs, classes, out, non_temporal(probs.nbytes + out.nbytes))
