"""The hyperbolic tangent, element by element.

    A[b, f] = tanh(Z[b, f])

Kernels, simplest first:

    loop            one hyperbolic tangent at a time
    ufunc           ``np.tanh`` over the whole batch, in NumPy's vector instructions
    numba           ``loop`` compiled, with the C library's tanh
    numba_parallel  threads share the samples
    simd            a polynomial for all lanes of a register, non-temporal stores
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.flops import EXP_FLOPS
from einbench.forward.activations_shared import ACTIVATION
from einbench.jit.pieces import non_temporal, piece_of
from einbench.jit.simd.elementwise import tanh_of
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]
prange = range  # the compiled copies see numba's

tanh = register(
    Operation(
        name="tanh",
        formula="A[b, f] = tanh(Z[b, f])",
        **ACTIVATION,
        limit=lambda terms: 4,
        tied_limit=lambda terms: 4,
        flops=lambda s: s["batch"] * s["features"] * EXP_FLOPS,
        reference=np.tanh,
        scale=lambda outputs, inputs: np.abs(outputs),
    )
)


@tanh.kernel("loop")
@tanh.kernel("numba", compile=True)
@tanh.kernel("numba_parallel", compile=True, parallel=True)
def loop(inputs: Array) -> Array:
    """One hyperbolic tangent at a time, the C library's where it is compiled."""
    # reads B*F, writes B*F: bound by the function, not by memory
    batch, features = inputs.shape
    outputs = np.empty((batch, features), inputs.dtype)
    for b in prange(batch):
        for f in range(features):
            outputs[b, f] = np.tanh(inputs[b, f])
    return outputs


@tanh.kernel("ufunc", family="arrays")
def ufunc(inputs: Array) -> Array:
    """New over ``loop``: the whole batch in one call, NumPy's own vector instructions."""
    return np.asarray(np.tanh(inputs))


@tanh.kernel("simd", compile=True, parallel=True)
def simd(inputs: Array, out: Array) -> None:
    """New over ``ufunc``: a polynomial for all lanes of a register, on all threads."""
    # reads B*F, writes B*F: about twenty instructions a vector, bound by memory where the arrays
    # exceed the last-level cache
    piece = piece_of(inputs, inputs.size, 0)
    tanh_of(inputs.size, piece, inputs, out, non_temporal(2 * inputs.nbytes))
