"""Cotangent times Jacobian of softmax, with and without the Jacobian.

    dZ[b, i] = p[b, i] (g[b, i] - sum_k p[b, k] g[b, k])

Kernels, simplest first:

    loop                           closed form, row by row: the weighted sum, then the products
    jacobian_einsum_identity       the Jacobian from products with I and 1 - I, then contracted
    jacobian_einsum_premultiplied  p (1 - p) computed before; the batch axis comes first
    jacobian_broadcast             Jacobian and contraction by broadcasting
    jacobian_matmul                Jacobian and contraction as matrix products per sample
    ufunc                          the closed form over the whole batch: nothing of size B*C*C
    einsum                         products and row sums in one einsum call
    numba                          ``loop`` compiled
    numba_parallel                 threads share the samples
    simd                           a vector of rows at a time, their sums side by side
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.inputs import IN_PRODUCTS, PROBABILITIES, Input
from einbench.jacobian import softmax_jacobian as jacobians
from einbench.jit.pieces import rows_of_piece
from einbench.jit.simd.softmax import softmax_vjp_rows
from einbench.kernel import BLAS_VARIES, Sizes
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]
prange = range  # the compiled copies see numba's


def _two_jacobians(sizes: Sizes) -> float:
    return 2 * jacobians.one_jacobian(sizes)


def _reference(probs: Array, cotangent: Array) -> Array:
    return np.asarray(probs * (cotangent - (probs * cotangent).sum(axis=1, keepdims=True)))


def _scale(dlogits: Array, probs: Array, cotangent: Array) -> Array:
    probs, cotangent = np.abs(probs), np.abs(cotangent)
    return np.asarray(probs * (cotangent + (probs * cotangent).sum(axis=1, keepdims=True)))


softmax_vjp = register(
    Operation(
        name="softmax_vjp",
        formula="dZ[b, i] = p[b, i] (g[b, i] - sum_k p[b, k] g[b, k])",
        inputs={
            "probs": Input("batch classes", PROBABILITIES, IN_PRODUCTS),
            "cotangent": Input("batch classes", nonfinite=IN_PRODUCTS),
        },
        outputs={"dlogits": "batch classes"},
        sizes={"classes": 10},
        independent=("batch",),
        terms=lambda s: s["classes"],
        # equal terms of a sum, added one by one, are all rounded the same way
        tied_limit=lambda terms: 4 + max(terms / 2, 2 * terms**0.5),
        flops=lambda s: 4 * s["batch"] * s["classes"],
        reference=_reference,
        scale=_scale,
    )
)


@softmax_vjp.kernel("loop")
@softmax_vjp.kernel("numba", compile=True)
@softmax_vjp.kernel("numba_parallel", compile=True, parallel=True)
def loop(probs: Array, cotangent: Array) -> Array:
    """Row by row, without the Jacobian: the weighted sum of the cotangent, then the products."""
    # reads 2 B*C, writes B*C: compiled, the second reading of a row comes from cache
    batch, classes = probs.shape
    dlogits = np.empty((batch, classes), probs.dtype)
    for b in prange(batch):
        total = probs.dtype.type(0)
        for c in range(classes):
            total += probs[b, c] * cotangent[b, c]
        for c in range(classes):
            dlogits[b, c] = probs[b, c] * (cotangent[b, c] - total)
    return dlogits


@softmax_vjp.kernel("jacobian_einsum_identity", extra_elements=_two_jacobians)
def jacobian_einsum_identity(probs: Array, cotangent: Array) -> Array:
    """New over ``loop``: the Jacobian first, two products with I and 1 - I, the batch last.

    dZ[b, i] = sum_k J[i, k, b] g[b, k]
    """
    # writes B*C*C twice and reads it three times for a result of B*C
    identity = np.eye(probs.shape[1], dtype=probs.dtype)
    jacobian = np.einsum("bk,bk,ki->ikb", probs, 1 - probs, identity)
    jacobian += np.einsum("bk,bi,ki->ikb", -probs, probs, 1 - identity)
    return np.einsum("ikb,bk->bi", jacobian, cotangent)


@softmax_vjp.kernel("jacobian_einsum_premultiplied", extra_elements=_two_jacobians)
def jacobian_einsum_premultiplied(probs: Array, cotangent: Array) -> Array:
    """New over ``jacobian_einsum_identity``: p (1 - p) made before, the batch comes first."""
    # the traffic of ``jacobian_einsum_identity``, the contraction reads in order of memory
    return np.einsum("bik,bk->bi", jacobians.einsum_premultiplied(probs), cotangent)


@softmax_vjp.kernel("jacobian_broadcast", extra_elements=jacobians.one_jacobian)
def jacobian_broadcast(probs: Array, cotangent: Array) -> Array:
    """New over ``jacobian_einsum_premultiplied``: Jacobian and contraction by broadcasting."""
    # one array of B*C*C, written three times and summed along its last axis
    jacobian = jacobians.broadcast(probs)
    jacobian *= cotangent[:, None, :]
    return np.asarray(jacobian.sum(axis=2))


@softmax_vjp.kernel("jacobian_matmul", extra_elements=jacobians.one_jacobian, varies=BLAS_VARIES)
def jacobian_matmul(probs: Array, cotangent: Array) -> Array:
    """New over ``jacobian_broadcast``: Jacobian and contraction are products per sample."""
    # one array of B*C*C, written once and read once
    return np.matmul(jacobians.matmul(probs), cotangent[:, :, None])[:, :, 0]


@softmax_vjp.kernel("ufunc", family="arrays")
def ufunc(probs: Array, cotangent: Array) -> Array:
    """New over ``jacobian_matmul``: the closed form, so nothing of size B*C*C exists."""
    # four passes over B*C, in the one array of the result
    dlogits = np.multiply(probs, cotangent)
    totals = dlogits.sum(axis=1, keepdims=True)
    np.subtract(cotangent, totals, out=dlogits)
    dlogits *= probs
    return dlogits


@softmax_vjp.kernel("einsum")
def einsum(probs: Array, cotangent: Array) -> Array:
    """New over ``ufunc``: product and sum in one einsum call, no products kept."""
    # three passes over B*C, in the one array of the result
    totals = np.einsum("bc,bc->b", probs, cotangent)
    dlogits = np.subtract(cotangent, totals[:, None])
    dlogits *= probs
    return dlogits


@softmax_vjp.kernel("simd", compile=True, parallel=True)
def simd(probs: Array, cotangent: Array, out: Array) -> None:
    """New over ``numba_parallel``: a vector of rows together, their sums added up side by side."""
    # reads 2 B*C, writes B*C: bound by memory
    batch, classes = probs.shape
    rows = rows_of_piece(probs, batch, classes, 3)
    softmax_vjp_rows(batch, rows, probs, cotangent, classes, out)
