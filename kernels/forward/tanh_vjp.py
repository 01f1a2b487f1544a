"""Cotangent times Jacobian of the hyperbolic tangent, from its outputs.

    dZ[b, f] = dA[b, f] (1 - A[b, f]^2)

Kernels, simplest first:

    loop            one square, one difference and one product per element
    ufunc           three passes over the whole batch, in the result's memory
    numba           ``loop`` compiled
    numba_parallel  threads share the samples
    simd            explicit vector registers, non-temporal stores for large results
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench import draws
from einbench.forward.activations_shared import vjp_of
from einbench.jit.pieces import non_temporal, piece_of
from einbench.jit.simd.elementwise import tanh_vjp_of
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]
prange = range  # the compiled copies see numba's

tanh_vjp = register(
    Operation(
        name="tanh_vjp",
        formula="dZ[b, f] = dA[b, f] (1 - A[b, f]^2)",
        **vjp_of(draws.like_tanh),
        limit=lambda terms: 4,
        tied_limit=lambda terms: 4,
        flops=lambda s: 3 * s["batch"] * s["features"],
        reference=lambda outputs, cotangent: cotangent * (1 - outputs * outputs),
        # near +-1 the subtraction cancels, so the square counts as well
        scale=lambda dinputs, outputs, cotangent: np.abs(cotangent) * (1 + outputs * outputs),
    )
)


@tanh_vjp.kernel("loop")
@tanh_vjp.kernel("numba", compile=True)
@tanh_vjp.kernel("numba_parallel", compile=True, parallel=True)
def loop(outputs: Array, cotangent: Array) -> Array:
    """One square, one difference and one product an element."""
    # reads 2 B*F, writes B*F: bound by memory as soon as it is compiled
    batch, features = outputs.shape
    dinputs = np.empty((batch, features), outputs.dtype)
    one = outputs.dtype.type(1)
    for b in prange(batch):
        for f in range(features):
            value = outputs[b, f]
            dinputs[b, f] = (one - value * value) * cotangent[b, f]
    return dinputs


@tanh_vjp.kernel("ufunc", family="arrays")
def ufunc(outputs: Array, cotangent: Array) -> Array:
    """New over ``loop``: each step over the whole batch, in the one array of the result."""
    # three passes, reads 4 B*F and writes 3 B*F
    dinputs = np.square(outputs)
    np.subtract(1, dinputs, out=dinputs)
    dinputs *= cotangent
    return np.asarray(dinputs)


@tanh_vjp.kernel("simd", compile=True, parallel=True)
def simd(outputs: Array, cotangent: Array, out: Array) -> None:
    """New over ``numba_parallel``: whole vectors, by non-temporal stores if the result is large."""
    # reads 2 B*F, writes B*F: bound by memory
    piece = piece_of(outputs, outputs.size, 3)
    tanh_vjp_of(outputs.size, piece, outputs, cotangent, out, non_temporal(3 * outputs.nbytes))
