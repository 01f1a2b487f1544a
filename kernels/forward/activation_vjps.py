"""Cotangent times Jacobian of the activations, from their outputs, element by element."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench import draws
from einbench.forward.activations import sigmoid_values
from einbench.inputs import Input, activations
from einbench.jit.pieces import non_temporal, piece_of
from einbench.jit.simd.elementwise import relu_vjp_of, sigmoid_vjp_of, tanh_vjp_of
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]
prange = range  # the compiled copies see numba's


def _relu_outputs(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    sizes: Mapping[str, int],
) -> Array:
    return np.asarray(np.maximum(draws.normal(rng, shape, dtype, sizes), 0))


def _tanh_outputs(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    sizes: Mapping[str, int],
) -> Array:
    return np.asarray(np.tanh(draws.normal(rng, shape, dtype, sizes)))


def _sigmoid_outputs(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    sizes: Mapping[str, int],
) -> Array:
    return sigmoid_values(draws.normal(rng, shape, dtype, sizes))


relu_vjp = register(
    Operation(
        name="relu_vjp",
        formula="dZ[b, f] = 0 where A[b, f] <= 0 else dA[b, f]",
        inputs={
            "outputs": Input("batch features", activations(_relu_outputs)),
            "cotangent": Input("batch features", nonfinite=(np.nan,)),
        },
        outputs={"dinputs": "batch features"},
        sizes={"features": 128},
        independent=("batch", "features"),
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
def relu_vjp_loop(outputs: Array, cotangent: Array) -> Array:
    """A select an element, not a product: where the unit is off even NaN is dropped."""
    # reads 2 B*F, writes B*F: bound by memory as soon as it is compiled
    batch, features = outputs.shape
    dinputs = np.empty((batch, features), outputs.dtype)
    zero = outputs.dtype.type(0)
    for b in prange(batch):
        for f in range(features):
            dinputs[b, f] = zero if outputs[b, f] <= zero else cotangent[b, f]
    return dinputs


@relu_vjp.kernel("ufunc")
def relu_vjp_ufunc(outputs: Array, cotangent: Array) -> Array:
    """New over ``loop``: a mask of the whole batch, then one select."""
    # the mask is one byte an element, written and read once more
    return np.where(outputs <= 0, outputs.dtype.type(0), cotangent)


@relu_vjp.kernel("simd", compile=True, parallel=True)
def relu_vjp_simd(outputs: Array, cotangent: Array, out: Array) -> None:
    """New over ``numba_parallel``: whole vectors, stored past the caches if the result is large."""
    # reads 2 B*F, writes B*F: bound by memory
    piece = piece_of(outputs, outputs.size, 3)
    relu_vjp_of(outputs.size, piece, outputs, cotangent, out, non_temporal(3 * outputs.nbytes))


tanh_vjp = register(
    Operation(
        name="tanh_vjp",
        formula="dZ[b, f] = dA[b, f] (1 - A[b, f]^2)",
        inputs={
            "outputs": Input("batch features", activations(_tanh_outputs)),
            "cotangent": Input("batch features", nonfinite=(np.nan,)),
        },
        outputs={"dinputs": "batch features"},
        sizes={"features": 128},
        independent=("batch", "features"),
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
def tanh_vjp_loop(outputs: Array, cotangent: Array) -> Array:
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


@tanh_vjp.kernel("ufunc")
def tanh_vjp_ufunc(outputs: Array, cotangent: Array) -> Array:
    """New over ``loop``: each step over the whole batch, in the one array of the result."""
    # three passes, reads 4 B*F and writes 3 B*F
    dinputs = np.square(outputs)
    np.subtract(1, dinputs, out=dinputs)
    dinputs *= cotangent
    return np.asarray(dinputs)


@tanh_vjp.kernel("simd", compile=True, parallel=True)
def tanh_vjp_simd(outputs: Array, cotangent: Array, out: Array) -> None:
    """New over ``numba_parallel``: whole vectors, stored past the caches if the result is large."""
    # reads 2 B*F, writes B*F: bound by memory
    piece = piece_of(outputs, outputs.size, 3)
    tanh_vjp_of(outputs.size, piece, outputs, cotangent, out, non_temporal(3 * outputs.nbytes))


sigmoid_vjp = register(
    Operation(
        name="sigmoid_vjp",
        formula="dZ[b, f] = dA[b, f] A[b, f] (1 - A[b, f])",
        inputs={
            "outputs": Input("batch features", activations(_sigmoid_outputs)),
            "cotangent": Input("batch features", nonfinite=(np.nan,)),
        },
        outputs={"dinputs": "batch features"},
        sizes={"features": 128},
        independent=("batch", "features"),
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
def sigmoid_vjp_loop(outputs: Array, cotangent: Array) -> Array:
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


@sigmoid_vjp.kernel("ufunc")
def sigmoid_vjp_ufunc(outputs: Array, cotangent: Array) -> Array:
    """New over ``loop``: each step over the whole batch, in the one array of the result."""
    # three passes, reads 5 B*F and writes 3 B*F
    dinputs = np.subtract(1, outputs)
    dinputs *= outputs
    dinputs *= cotangent
    return dinputs


@sigmoid_vjp.kernel("simd", compile=True, parallel=True)
def sigmoid_vjp_simd(outputs: Array, cotangent: Array, out: Array) -> None:
    """New over ``numba_parallel``: whole vectors, stored past the caches if the result is large."""
    # reads 2 B*F, writes B*F: bound by memory
    piece = piece_of(outputs, outputs.size, 3)
    sigmoid_vjp_of(outputs.size, piece, outputs, cotangent, out, non_temporal(3 * outputs.nbytes))
