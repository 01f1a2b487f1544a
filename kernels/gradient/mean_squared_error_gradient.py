"""The gradient of mean squared error with respect to the outputs: twice the differences.

    dY[b, c] = 2 (y[b, c] - t[b, c]) / (batch classes)

Kernels, simplest first:

    loop            entry by entry: the difference times one factor
    ufunc           difference and factor, each over the whole batch
    numba           ``loop`` compiled
    numba_parallel  threads share the samples
    simd            explicit vector registers, non-temporal stores for large results
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.gradient.losses_shared import OUTPUTS_AND_TARGETS, exact_outputs
from einbench.jit.pieces import non_temporal, piece_of
from einbench.jit.simd.elementwise import scaled_difference_of
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]
prange = range  # the compiled copies see numba's


def _reference(outputs: Array, targets: Array, *, reduction: str) -> Array:
    doutputs = 2 * (outputs - targets)
    return np.asarray(doutputs / outputs.size) if reduction == "mean" else doutputs


def _scale(doutputs: Array, outputs: Array, targets: Array, *, reduction: str) -> Array:
    return np.abs(doutputs)


mean_squared_error_gradient = register(
    Operation(
        name="mean_squared_error_gradient",
        formula="dY[b, c] = 2 (y[b, c] - t[b, c]) / (batch classes)",
        inputs=OUTPUTS_AND_TARGETS,
        outputs={"doutputs": "batch classes"},
        sizes={"classes": 10},
        independent=("batch", "classes"),
        independent_options={"reduction": "sum"},
        averaged={"mean": "batch classes"},
        # a difference, a factor that was rounded, and their product
        limit=lambda terms: 4,
        tied_limit=lambda terms: 4,
        flops=lambda s: 2 * s["batch"] * s["classes"],
        reference=_reference,
        scale=_scale,
        exact=exact_outputs,
        exact_options={"reduction": "sum"},
        options={"reduction": ("mean", "sum")},
    )
)


@mean_squared_error_gradient.kernel("loop")
@mean_squared_error_gradient.kernel("numba", compile=True)
@mean_squared_error_gradient.kernel("numba_parallel", compile=True, parallel=True)
def loop(outputs: Array, targets: Array, reduction: str) -> Array:
    """Entry by entry: the difference times a factor that is the same for all."""
    # reads 2 B*C, writes B*C: bound by memory as soon as it is compiled
    batch, classes = outputs.shape
    factor = outputs.dtype.type(2)
    if reduction == "mean" and batch:
        factor = factor / outputs.dtype.type(batch * classes)
    doutputs = np.empty((batch, classes), outputs.dtype)
    for b in prange(batch):
        for c in range(classes):
            doutputs[b, c] = factor * (outputs[b, c] - targets[b, c])
    return doutputs


@mean_squared_error_gradient.kernel("ufunc", family="arrays")
def ufunc(outputs: Array, targets: Array, *, reduction: str) -> Array:
    """New over ``loop``: difference and factor, each over the whole batch."""
    # two passes over B*C, in the one array of the result
    doutputs = np.subtract(outputs, targets)
    doutputs *= 2 / max(outputs.size, 1) if reduction == "mean" else 2
    return doutputs


@mean_squared_error_gradient.kernel("simd", compile=True, parallel=True)
def simd(outputs: Array, targets: Array, reduction: str, out: Array) -> None:
    """New over ``numba_parallel``: whole vectors, by non-temporal stores if the result is large."""
    # reads 2 B*C, writes B*C: bound by memory
    count = outputs.size
    factor = outputs.dtype.type(2)
    if reduction == "mean" and count:
        factor = factor / outputs.dtype.type(count)
    streamed = non_temporal(3 * outputs.nbytes)
    scaled_difference_of(
        count, piece_of(outputs, count, 3), outputs, targets, factor, out, streamed
    )
