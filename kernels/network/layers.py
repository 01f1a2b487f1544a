"""Layers: they hold parameters and say which operations they are; kernels do the mathematics.

A layer keeps nothing of a pass: what backward needs is handed to it, so that one network can
predict in the middle of a training.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from einbench.network import initial as initials
from einbench.network.calls import Calls

Array = npt.NDArray[Any]


class Gradients(NamedTuple):
    """Of the layer's parameters, in their order, and of its inputs where requested."""

    parameters: list[Array]
    inputs: Array | None


@runtime_checkable
class Layer(Protocol):
    """What a network needs of a layer."""

    @property
    def names(self) -> tuple[str, ...]:
        """Attributes that are parameters, in order."""

    def begin(self, rng: np.random.Generator, dtype: np.dtype[Any]) -> None:
        """Draw the parameters."""

    def forward(self, calls: Calls, inputs: Array) -> Array:
        """Outputs, a row a sample."""

    def backward(
        self, calls: Calls, inputs: Array, outputs: Array, cotangent: Array, further: bool, /
    ) -> Gradients:
        """Gradients from the cotangent of the outputs; ``further``: of the inputs too."""

    def describe(self) -> dict[str, Any]:
        """What makes another such layer, as JSON can hold it."""


class Linear:
    """Z = X W^T + b, with weights (units, features) and bias (units,).

    Args:
        features: width of a sample that comes in.
        units: width of what goes out.
        initial: he, xavier, normal, uniform, or a function; see ``einbench.network.initial``.
        bias: False leaves b at zero.
    """

    def __init__(
        self, features: int, units: int, initial: str | initials.Initial = "he", bias: bool = True
    ) -> None:
        for name, size in (("features", features), ("units", units)):
            if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
                raise ValueError(f"Linear: {name}={size!r}: expected a whole number from 1")
        self.features, self.units = int(features), int(units)
        self.initial = initials.initialisation(initial)
        self._named = initial if isinstance(initial, str) else None
        self.has_bias = bool(bias)
        self.weights: Array = np.empty((0, 0))
        self.bias: Array = np.empty(0)

    @property
    def begun(self) -> bool:
        """Whether the parameters are drawn, for a network that they belong to."""
        return self.weights.size > 0

    @property
    def names(self) -> tuple[str, ...]:
        """``weights`` and ``bias``, or only the first."""
        return ("weights", "bias") if self.has_bias else ("weights",)

    def begin(self, rng: np.random.Generator, dtype: np.dtype[Any]) -> None:
        """Draw weights and bias."""
        self.weights, bias = initials.draw(self.initial, rng, self.units, self.features, dtype)
        self.bias = bias if self.has_bias else np.zeros_like(bias)

    def forward(self, calls: Calls, inputs: Array) -> Array:
        """Z[b, u] = sum_f X[b, f] W[u, f] + b[u]"""
        return calls("linear", inputs, self.weights, self.bias)

    def backward(
        self, calls: Calls, inputs: Array, _outputs: Array, cotangent: Array, further: bool, /
    ) -> Gradients:
        """dW = dZ^T X, db = sum_b dZ, dX = dZ W"""
        parameters = [calls("weight_gradient", inputs, cotangent)]
        if self.has_bias:
            parameters.append(calls("bias_gradient", cotangent))
        before = calls("input_gradient", cotangent, self.weights) if further else None
        return Gradients(parameters, before)

    def describe(self) -> dict[str, Any]:
        """Sizes; of an initialisation only its name, for a saved network has its parameters."""
        return {
            "layer": "Linear",
            "features": self.features,
            "units": self.units,
            "bias": self.has_bias,
            "initial": self._named,
        }

    def __repr__(self) -> str:
        return f"Linear({self.features}, {self.units}{'' if self.has_bias else ', bias=False'})"


class Activation:
    """An operation on every row, without parameters, and its VJP from the outputs."""

    names: tuple[str, ...] = ()

    def __init__(self, operation: str) -> None:
        self.operation = operation

    def begin(self, rng: np.random.Generator, dtype: np.dtype[Any]) -> None:
        """There is nothing to draw."""

    def forward(self, calls: Calls, inputs: Array) -> Array:
        """The operation."""
        return calls(self.operation, inputs)

    def backward(
        self, calls: Calls, _inputs: Array, outputs: Array, cotangent: Array, further: bool, /
    ) -> Gradients:
        """Cotangent times Jacobian, for which the outputs are enough."""
        before = calls(f"{self.operation}_vjp", outputs, cotangent) if further else None
        return Gradients([], before)

    def describe(self) -> dict[str, Any]:
        """Only its name."""
        return {"layer": _NAMES[self.operation]}

    def __repr__(self) -> str:
        return f"{_NAMES[self.operation]}()"


_NAMES = {"relu": "ReLU", "tanh": "Tanh", "sigmoid": "Sigmoid", "softmax": "Softmax"}


def ReLU() -> Layer:  # noqa: N802 - named as the layer it makes
    """A = max(Z, 0); dZ = dA where A > 0, else 0"""
    return Activation("relu")


def Tanh() -> Layer:  # noqa: N802 - as above
    """A = tanh(Z); dZ = (1 - A^2) dA"""
    return Activation("tanh")


def Sigmoid() -> Layer:  # noqa: N802 - as above
    """A = 1 / (1 + exp(-Z)); dZ = A (1 - A) dA"""
    return Activation("sigmoid")


def Softmax() -> Layer:  # noqa: N802 - as above
    """P[b, c] = exp(Z[b, c]) / sum_k exp(Z[b, k]); dZ = P (dP - sum_k P dP)"""
    return Activation("softmax")


LAYERS: dict[str, Callable[..., Layer]] = {
    "Linear": Linear,
    "ReLU": ReLU,
    "Tanh": Tanh,
    "Sigmoid": Sigmoid,
    "Softmax": Softmax,
}
"""By the names that saved networks give them."""


def is_operation(layer: object, operation: str) -> bool:
    """Whether the layer is that operation and nothing else."""
    return isinstance(layer, Activation) and layer.operation == operation
