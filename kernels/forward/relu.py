"""The rectified linear unit, element by element.

    A[b, f] = max(Z[b, f], 0)

Kernels, simplest first:

    loop            one comparison per element
    ufunc           ``np.maximum`` over the whole batch
    numba           ``loop`` compiled
    numba_parallel  threads share the samples
    simd            explicit vector registers, non-temporal stores for large results
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.forward.activations_shared import ACTIVATION
from einbench.jit.pieces import non_temporal, piece_of
from einbench.jit.simd.elementwise import relu_of
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]
prange = range  # the compiled copies see numba's

relu = register(
    Operation(
        name="relu",
        formula="A[b, f] = max(Z[b, f], 0)",
        **ACTIVATION,
        # nothing is rounded: results must be equal
        limit=lambda terms: 0,
        tied_limit=lambda terms: 0,
        flops=lambda s: s["batch"] * s["features"],
        reference=lambda inputs: np.maximum(inputs, 0),
        scale=lambda outputs, inputs: np.zeros_like(outputs),
    )
)


@relu.kernel("loop")
@relu.kernel("numba", compile=True)
@relu.kernel("numba_parallel", compile=True, parallel=True)
def loop(inputs: Array) -> Array:
    """One comparison an element; the comparison is false for NaN, which so passes."""
    # reads B*F, writes B*F: bound by memory as soon as it is compiled
    batch, features = inputs.shape
    outputs = np.empty((batch, features), inputs.dtype)
    zero = inputs.dtype.type(0)
    for b in prange(batch):
        for f in range(features):
            value = inputs[b, f]
            outputs[b, f] = zero if value < zero else value
    return outputs


@relu.kernel("ufunc", family="arrays")
def ufunc(inputs: Array) -> Array:
    """New over ``loop``: one call for the whole batch; ``maximum`` passes NaN on as well."""
    # reads B*F, writes B*F, no mask in between
    return np.asarray(np.maximum(inputs, 0))


@relu.kernel("simd", compile=True, parallel=True)
def simd(inputs: Array, out: Array) -> None:
    """New over ``numba_parallel``: whole vectors, by non-temporal stores if the result is large."""
    piece = piece_of(inputs, inputs.size, 2)
    relu_of(inputs.size, piece, inputs, out, non_temporal(2 * inputs.nbytes))
