"""What rounding can do to a whole network: root-mean-square errors carried through layers.

A bound from sums of magnitudes alone would reject a correct BLAS (errors grow through the layers,
ReLU masks flip at zero), and propagated absolute values would accept results that are zero. So
squares are propagated, element by element, in units of eps, with n the inputs of a layer:

    E1 = sqrt(n) (|x| |W1|^T + |b1|)
    Ek = sqrt(Eo^2 (W^2)^T) + sqrt(n) (|o| |W|^T + |b|)       Eo: E, zero where y < -8 eps E
    Ep = p (E3 + sqrt(sum p^2 E3^2) + sqrt(classes) / 2 + 1 + gap + sum p gap)

where the root of the classes is what their sum, one by one, is rounded.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from einbench import wide
from einbench.forward.softmax_shared import softmax_rows, softmax_scale

Array = npt.NDArray[Any]

#: a pre-activation closer to zero than this many times its rounding may fall on either side
AMBIGUOUS = 8.0
_ROWS = 4096


class ForwardRounding(NamedTuple):
    """Errors of every array in units of eps, the values, and where a ReLU mask may flip."""

    y1: Array
    o1: Array
    y2: Array
    o2: Array
    y3: Array
    probs: Array
    values: tuple[Array, Array, Array, Array]  # o1, o2, y3, probs in float64
    ambiguous1: Array
    ambiguous2: Array


def magnitudes(rows: Array, weights: Array) -> Array:
    """sum_f |a[b, f]| |w[u, f]|, by blocks of rows: a second copy of MNIST is 376 MB."""
    positive = np.abs(weights).T
    result = np.empty((rows.shape[0], weights.shape[0]))
    for start in range(0, rows.shape[0], _ROWS):
        block = slice(start, start + _ROWS)
        result[block] = wide.product(np.abs(rows[block]), positive)
    return result


def _layer(rows: Array, carried: Array | None, weights: Array, bias: Array) -> tuple[Array, Array]:
    values = wide.product(rows, weights.T) + bias
    error = np.sqrt(weights.shape[1]) * (magnitudes(rows, weights) + np.abs(bias))
    if carried is not None:
        error += np.sqrt(wide.product(np.square(carried), np.square(weights).T))
    return values, error


def forward_rounding(inputs: Array, *parameters: Array, eps: float) -> ForwardRounding:
    """Root-mean-square errors of all six arrays in units of eps, from float64 inputs."""
    w1, b1, w2, b2, w3, b3 = parameters
    y1, e1 = _layer(inputs, None, w1, b1)
    o1, eo1 = np.maximum(y1, 0), np.where(y1 < -AMBIGUOUS * eps * e1, 0, e1)
    y2, e2 = _layer(o1, eo1, w2, b2)
    o2, eo2 = np.maximum(y2, 0), np.where(y2 < -AMBIGUOUS * eps * e2, 0, e2)
    y3, e3 = _layer(o2, eo2, w3, b3)
    probs = softmax_rows(y3)
    together = np.sqrt(np.square(probs * e3).sum(axis=1, keepdims=True))
    summed = np.sqrt(probs.shape[1]) / 2
    error = probs * (e3 + together + summed) + softmax_scale(probs, y3)
    return ForwardRounding(
        e1, eo1, e2, eo2, e3, error,
        values=(o1, o2, y3, probs),
        ambiguous1=np.abs(y1) <= AMBIGUOUS * eps * e1,
        ambiguous2=np.abs(y2) <= AMBIGUOUS * eps * e2,
    )  # fmt: skip
