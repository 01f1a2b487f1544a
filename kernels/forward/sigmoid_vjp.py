"""Cotangent times Jacobian of the logistic sigmoid, from its outputs.

    dZ[b, f] = dA[b, f] A[b, f] (1 - A[b, f])

Kernels, simplest first:

    loop            one difference and two products per element
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
from einbench.jit.simd.elementwise import sigmoid_vjp_of
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]
prange = range  # the compiled copies see numba's

sigmoid_vjp = register(
    Operation(
        name="sigmoid_vjp",
        formula="dZ[b, f] = dA[b, f] A[b, f] (1 - A[b, f])",
        **vjp_of(draws.like_sigmoid),
        limit=lambda terms: 4,
        tied_limit=lambda terms: 4,
        flops=lambda s: 3 * s["batch"] * s["features"],
        reference=lambda outputs, cotangent: cotangent * (outputs * (1 - outputs)),
        # 1 - s is exact from 1/2 on and close to 1 below: nothing is lost
        scale=lambda dinputs, outputs, cotangent: np.abs(cotangent * (outputs * (1 - outputs))),
    )
)


@sigmoid_vjp.kernel("loop")
@sigmoid_vjp.kernel("numba", compile=True)
@sigmoid_vjp.kernel("numba_parallel", compile=True, parallel=True)
def loop(outputs: Array, cotangent: Array) -> Array:
    """One difference and two products an element."""
    # reads 2 B*F, writes B*F: bound by memory as soon as it is compiled
    batch, features = outputs.shape
    dinputs = np.empty((batch, features), outputs.dtype)
    one = outputs.dtype.type(1)
    for b in prange(batch):
        for f in range(features):
            value = outputs[b, f]
            dinputs[b, f] = (one - value) * value * cotangent[b, f]
    return dinputs


@sigmoid_vjp.kernel("ufunc", family="arrays")
def ufunc(outputs: Array, cotangent: Array) -> Array:
    """New over ``loop``: each step over the whole batch, in the one array of the result."""
    # three passes, reads 5 B*F and writes 3 B*F
    dinputs = np.subtract(1, outputs)
    dinputs *= outputs
    dinputs *= cotangent
    return dinputs


@sigmoid_vjp.kernel("simd", compile=True, parallel=True)
def simd(outputs: Array, cotangent: Array, out: Array) -> None:
    """New over ``numba_parallel``: whole vectors, by non-temporal stores if the result is large."""
    # reads 2 B*F, writes B*F: bound by memory
    piece = piece_of(outputs, outputs.size, 3)
    sigmoid_vjp_of(outputs.size, piece, outputs, cotangent, out, non_temporal(3 * outputs.nbytes))
