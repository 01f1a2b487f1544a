"""What operations of an activation a, element by element, and those of its VJP have in common.

A[b, f] = a(Z[b, f]);
dZ[b, f] = dA[b, f] a'(Z[b, f]), the derivative in terms of A[b, f]
"""

from __future__ import annotations

from collections.abc import Callable
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
        "inputs": Input("batch features", PREACTIVATIONS, nonfinite=(np.nan, np.inf, -np.inf))
    },
    "outputs": {"outputs": "batch features"},
    **_ELEMENTWISE,
}


def vjp_of(activation: Callable[[Array], Array]) -> dict[str, Any]:
    """The same of its VJP, whose input A is drawn as the activation of N(0, 1)."""

    def outputs(
        rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any], sizes: Sizes
    ) -> Array:
        return np.asarray(activation(draws.normal(rng, shape, dtype, sizes)))

    return {
        "inputs": {
            "outputs": Input("batch features", activations(outputs)),
            "cotangent": Input("batch features", nonfinite=(np.nan,)),
        },
        "outputs": {"dinputs": "batch features"},
        **_ELEMENTWISE,
    }
