"""Forward and backward layer by layer, for a network of any shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy.typing as npt

from einbench.network.calls import Calls
from einbench.network.layers import Layer, is_operation
from einbench.network.losses import Loss, NegativeLogLikelihood

Array = npt.NDArray[Any]


class Pass(NamedTuple):
    """What one pass forward and back gives, all of it new memory."""

    loss: Array
    #: of the last layer, or logits where those come cheaper: the largest is at the same place
    outputs: Array
    #: of every parameter, in the network's order
    gradients: list[Array]
    #: by which the gradients are yet to be multiplied
    factor: float


def forward(layers: Sequence[Layer], calls: Calls, inputs: Array) -> Array:
    """Outputs of the last layer; what lies between is not kept."""
    for layer in layers:
        inputs = layer.forward(calls, inputs)
    return inputs


@dataclass(frozen=True)
class Chain:
    """All gradients by the chain rule, one layer after the other."""

    layers: Sequence[Layer]
    loss: Loss

    def __call__(self, calls: Calls, inputs: Array, targets: Array) -> Pass:
        """Loss, outputs and gradients of these samples."""
        activations = [inputs]
        for layer in self.layers:
            activations.append(layer.forward(calls, activations[-1]))
        outputs = activations[-1]
        loss = self.loss.value(calls, outputs, targets)
        last = len(self.layers) - 1
        if joint(self.layers, self.loss):
            last -= 1
            cotangent = self.loss.gradient_at_logits(calls, activations[-2], targets)  # type: ignore[attr-defined]  # of losses that are joint
        else:
            cotangent = self.loss.gradient(calls, outputs, targets)
        # nothing needs the gradient by the data, nor by what comes before all parameters
        first = next(number for number, layer in enumerate(self.layers) if layer.names)
        reversed_gradients: list[list[Array]] = []
        for number in range(last, first - 1, -1):
            parameters, before = self.layers[number].backward(
                calls, activations[number], activations[number + 1], cotangent, number > first
            )
            reversed_gradients.append(parameters)
            if before is not None:
                cotangent = before
        gradients = [g for parameters in reversed(reversed_gradients) for g in parameters]
        return Pass(loss, outputs, gradients, 1.0)


def joint(layers: Sequence[Layer], loss: Loss) -> bool:
    """Whether softmax and loss are differentiated together."""
    at_the_end = isinstance(loss, NegativeLogLikelihood) and loss.joint
    return at_the_end and len(layers) > 1 and is_operation(layers[-1], "softmax")
