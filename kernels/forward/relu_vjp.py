"""Cotangent times Jacobian of the rectified linear unit, from its outputs.

    dZ[b, f] = 0 where A[b, f] <= 0 else dA[b, f]

Kernels, simplest first:

    loop            one select per element
    ufunc           a mask of the whole batch, then ``np.where``
    numba           ``loop`` compiled
    numba_parallel  threads share the samples
    simd            explicit vector registers, non-temporal stores for large results
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.forward.activations_shared import vjp_of
from einbench.jit.pieces import non_temporal, piece_of
from einbench.jit.simd.elementwise import relu_vjp_of
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]
prange = range  # the compiled copies see numba's

relu_vjp = register(
    Operation(
        name="relu_vjp",
        formula="dZ[b, f] = 0 where A[b, f] <= 0 else dA[b, f]",
        **vjp_of(partial(np.maximum, 0)),
        # nothing is rounded: results must be equal
        limit=lambda terms: 0,
        tied_limit=lambda terms: 0,
        flops=lambda s: s["batch"] * s["features"],
        reference=lambda outputs, cotangent: np.where(outputs <= 0, 0, cotangent),
        scale=lambda dinputs, outputs, cotangent: np.zeros_like(dinputs),
    )
)


@relu_vjp.kernel("loop")
@relu_vjp.kernel("numba", compile=True)
@relu_vjp.kernel("numba_parallel", compile=True, parallel=True)
def loop(outputs: Array, cotangent: Array) -> Array:
    """A select an element, not a product: where the unit is off even NaN is dropped."""
    # reads 2 B*F, writes B*F: bound by memory as soon as it is compiled
    batch, features = outputs.shape
    dinputs = np.empty((batch, features), outputs.dtype)
    zero = outputs.dtype.type(0)
    for b in prange(batch):
        for f in range(features):
            dinputs[b, f] = zero if outputs[b, f] <= zero else cotangent[b, f]
    return dinputs


@relu_vjp.kernel("ufunc", family="arrays")
def ufunc(outputs: Array, cotangent: Array) -> Array:
    """New over ``loop``: a mask of the whole batch, then one select."""
    # the mask is one byte an element, written and read once more
    return np.where(outputs <= 0, outputs.dtype.type(0), cotangent)


@relu_vjp.kernel("simd", compile=True, parallel=True)
def simd(outputs: Array, cotangent: Array, out: Array) -> None:
    """New over ``numba_parallel``: whole vectors, by non-temporal stores if the result is large."""
    # reads 2 B*F, writes B*F: bound by memory
    piece = piece_of(outputs, outputs.size, 3)
    relu_vjp_of(outputs.size, piece, outputs, cotangent, out, non_temporal(3 * outputs.nbytes))
