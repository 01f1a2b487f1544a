"""Activations, element by element: relu, tanh and sigmoid."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.flops import EXP_FLOPS
from einbench.inputs import PREACTIVATIONS, Input
from einbench.jit.pieces import non_temporal, piece_of
from einbench.jit.simd.elementwise import relu_of, sigmoid_of, tanh_of
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]
prange = range  # the compiled copies see numba's


def _magnitude(outputs: Array, inputs: Array) -> Array:
    return np.abs(outputs)


relu = register(
    Operation(
        name="relu",
        formula="A[b, f] = max(Z[b, f], 0)",
        inputs={
            "inputs": Input("batch features", PREACTIVATIONS, nonfinite=(np.nan, np.inf, -np.inf))
        },
        outputs={"outputs": "batch features"},
        sizes={"features": 128},
        independent=("batch", "features"),
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
def relu_loop(inputs: Array) -> Array:
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


@relu.kernel("ufunc")
def relu_ufunc(inputs: Array) -> Array:
    """New over ``loop``: one call for the whole batch; ``maximum`` passes NaN on as well."""
    # reads B*F, writes B*F, no mask in between
    return np.asarray(np.maximum(inputs, 0))


@relu.kernel("simd", compile=True, parallel=True)
def relu_simd(inputs: Array, out: Array) -> None:
    """New over ``numba_parallel``: whole vectors, stored past the caches if the result is large."""
    piece = piece_of(inputs, inputs.size, 2)
    relu_of(inputs.size, piece, inputs, out, non_temporal(2 * inputs.nbytes))


tanh = register(
    Operation(
        name="tanh",
        formula="A[b, f] = tanh(Z[b, f])",
        inputs={
            "inputs": Input("batch features", PREACTIVATIONS, nonfinite=(np.nan, np.inf, -np.inf))
        },
        outputs={"outputs": "batch features"},
        sizes={"features": 128},
        independent=("batch", "features"),
        limit=lambda terms: 4,
        tied_limit=lambda terms: 4,
        flops=lambda s: s["batch"] * s["features"] * EXP_FLOPS,
        reference=np.tanh,
        scale=_magnitude,
    )
)


@tanh.kernel("loop")
@tanh.kernel("numba", compile=True)
@tanh.kernel("numba_parallel", compile=True, parallel=True)
def tanh_loop(inputs: Array) -> Array:
    """One hyperbolic tangent at a time, the C library's where it is compiled."""
    # reads B*F, writes B*F: bound by the function, not by memory
    batch, features = inputs.shape
    outputs = np.empty((batch, features), inputs.dtype)
    for b in prange(batch):
        for f in range(features):
            outputs[b, f] = np.tanh(inputs[b, f])
    return outputs


@tanh.kernel("ufunc")
def tanh_ufunc(inputs: Array) -> Array:
    """New over ``loop``: the whole batch in one call, NumPy's own vector instructions."""
    return np.asarray(np.tanh(inputs))


@tanh.kernel("simd", compile=True, parallel=True)
def tanh_simd(inputs: Array, out: Array) -> None:
    """New over ``ufunc``: a polynomial for all lanes of a register, on all threads."""
    # reads B*F, writes B*F: about twenty instructions a vector, bound by memory beyond the caches
    piece = piece_of(inputs, inputs.size, 0)
    tanh_of(inputs.size, piece, inputs, out, non_temporal(2 * inputs.nbytes))


def sigmoid_values(inputs: Array) -> Array:
    """1 / (1 + exp(-z)) with small relative error on both sides, in any precision.

    With e = exp(-|z|), which cannot overflow, it is 1 / (1 + e) for z >= 0 and e / (1 + e) for
    z < 0: the small values come from a small numerator, down to the denormals, and not from a
    denominator that overflows.
    """
    powers = np.exp(-np.abs(inputs))
    return np.asarray(np.where(inputs < 0, powers, 1) / (1 + powers))


sigmoid = register(
    Operation(
        name="sigmoid",
        formula="A[b, f] = 1 / (1 + exp(-Z[b, f]))",
        inputs={
            "inputs": Input("batch features", PREACTIVATIONS, nonfinite=(np.nan, np.inf, -np.inf))
        },
        outputs={"outputs": "batch features"},
        sizes={"features": 128},
        independent=("batch", "features"),
        limit=lambda terms: 4,
        tied_limit=lambda terms: 4,
        flops=lambda s: s["batch"] * s["features"] * (2 + EXP_FLOPS),
        reference=sigmoid_values,
        scale=_magnitude,
    )
)


@sigmoid.kernel("loop")
@sigmoid.kernel("numba", compile=True)
@sigmoid.kernel("numba_parallel", compile=True, parallel=True)
def sigmoid_loop(inputs: Array) -> Array:
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


@sigmoid.kernel("ufunc", extra_elements=lambda s: s["batch"] * s["features"])
def sigmoid_ufunc(inputs: Array) -> Array:
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
def sigmoid_simd(inputs: Array, out: Array) -> None:
    """New over ``ufunc``: one pass, a polynomial for all lanes of a register, on all threads."""
    # reads B*F, writes B*F: about twenty instructions a vector, bound by memory beyond the caches
    piece = piece_of(inputs, inputs.size, 0)
    sigmoid_of(inputs.size, piece, inputs, out, non_temporal(2 * inputs.nbytes))
