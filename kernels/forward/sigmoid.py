"""The logistic sigmoid, element by element.

    A[b, f] = 1 / (1 + exp(-Z[b, f]))

Kernels, simplest first:

    loop            one exponential of -|z| per element, a branch on the sign
    ufunc           six passes over the whole batch, a select in place of the branch
    numba           ``loop`` compiled, with the C library's exp
    numba_parallel  threads share the samples
    simd            one pass, a polynomial for all lanes of a register
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.flops import EXP_FLOPS
from einbench.forward.activations_shared import ACTIVATION
from einbench.forward.sigmoid_shared import sigmoid_values
from einbench.jit.pieces import non_temporal, piece_of
from einbench.jit.simd.elementwise import sigmoid_of
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]
prange = range  # the compiled copies see numba's

sigmoid = register(
    Operation(
        name="sigmoid",
        formula="A[b, f] = 1 / (1 + exp(-Z[b, f]))",
        **ACTIVATION,
        limit=lambda terms: 4,
        tied_limit=lambda terms: 4,
        flops=lambda s: s["batch"] * s["features"] * (2 + EXP_FLOPS),
        reference=sigmoid_values,
        scale=lambda outputs, inputs: np.abs(outputs),
    )
)


@sigmoid.kernel("loop")
@sigmoid.kernel("numba", compile=True)
@sigmoid.kernel("numba_parallel", compile=True, parallel=True)
def loop(inputs: Array) -> Array:
    """One exponential of -|z| an element, over it a numerator that depends on the sign."""
    # reads B*F, writes B*F: bound by the exponential and the division
    batch, features = inputs.shape
    outputs = np.empty((batch, features), inputs.dtype)
    zero, one = inputs.dtype.type(0), inputs.dtype.type(1)
    for b in prange(batch):
        for f in range(features):
            value = inputs[b, f]
            power = np.exp(-abs(value))
            outputs[b, f] = (power if value < zero else one) / (one + power)
    return outputs


@sigmoid.kernel("ufunc", family="arrays", extra_elements=lambda s: s["batch"] * s["features"])
def ufunc(inputs: Array) -> Array:
    """New over ``loop``: each step over the whole batch, a select in place of the branch."""
    # six passes over B*F, in the result and one temporary
    powers = np.abs(inputs)
    np.negative(powers, out=powers)
    np.exp(powers, out=powers)
    outputs = np.where(inputs < 0, powers, inputs.dtype.type(1))
    powers += 1
    outputs /= powers
    return outputs


@sigmoid.kernel("simd", compile=True, parallel=True)
def simd(inputs: Array, out: Array) -> None:
    """New over ``ufunc``: one pass, a polynomial for all lanes of a register, on all threads."""
    # reads B*F, writes B*F: about twenty instructions a vector, bound by memory where the arrays
    # exceed the last-level cache
    piece = piece_of(inputs, inputs.size, 0)
    sigmoid_of(inputs.size, piece, inputs, out, non_temporal(2 * inputs.nbytes))
