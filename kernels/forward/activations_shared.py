"""What operations of an activation a, element by element, and those of its VJP have in common.

A[b, f] = a(Z[b, f]);
dZ[b, f] = dA[b, f] a'(Z[b, f]), the derivative in terms of A[b, f]
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench import draws
from einbench.inputs import PREACTIVATIONS, Input, activations
from einbench.kernel import Sizes

Array = npt.NDArray[Any]

_ELEMENTWISE = {"sizes": {"features": 128}, "independent": ("batch", "features")}

#: arguments of `Operation` that all activations share
ACTIVATION: dict[str, Any] = {
    "inputs": {
        "inputs": Input(
            "batch features",
            PREACTIVATIONS,
            {
                np.nan: "NaN",
                np.inf: "the limit: 1, of ReLU infinity",
                -np.inf: "the limit: -1 of tanh, else 0",
            },
        )
    },
    "outputs": {"outputs": "batch features"},
    **_ELEMENTWISE,
}


_OF_OUTPUTS = {
    np.nan: "NaN, of ReLU 0: it is not above zero",
    np.inf: "infinite or NaN, of ReLU the cotangent",
    -np.inf: "infinite or NaN, of ReLU 0",
}
_OF_COTANGENT = {
    np.nan: "NaN, of ReLU 0 where the output is not above zero",
    np.inf: "infinite, NaN where the derivative is 0, of ReLU 0 there",
    -np.inf: "infinite, NaN where the derivative is 0, of ReLU 0 there",
}


def _activated(
    activation: Callable[[Array], Array], rng: np.random.Generator, shape: tuple[int, ...],
    dtype: np.dtype[Any], sizes: Sizes,
) -> Array:  # fmt: skip
    return np.asarray(activation(draws.normal(rng, shape, dtype, sizes)))


def vjp_of(activation: Callable[[Array], Array]) -> dict[str, Any]:
    """The same of its VJP, whose input A is drawn as this of N(0, 1).

    Args:
        activation: with the activation's range, and without an exponential: see `draws`.
    """
    return {
        "inputs": {
            "outputs": Input(
                "batch features", activations(partial(_activated, activation)), _OF_OUTPUTS
            ),
            "cotangent": Input("batch features", nonfinite=_OF_COTANGENT),
        },
        "outputs": {"dinputs": "batch features"},
        **_ELEMENTWISE,
    }
