"""A network of three linear layers, ReLU between them: one kernel computes it as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from einbench.network.calls import Calls
from einbench.network.chain import Pass, joint
from einbench.network.layers import Layer, Linear, is_operation
from einbench.network.losses import CrossEntropy, Loss

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Whole:
    """relu(relu(X W1^T + b1) W2^T + b2) W3^T + b3, softmax, and the loss of its label."""

    first: Linear
    second: Linear
    third: Linear
    loss: Loss
    #: whether Softmax is a layer, so that the loss is one of probabilities
    softmax: bool

    @property
    def parameters(self) -> tuple[Array, ...]:
        """w1, b1, w2, b2, w3, b3"""
        one, two, three = self.first, self.second, self.third
        return one.weights, one.bias, two.weights, two.bias, three.weights, three.bias

    def probabilities(self, calls: Calls, inputs: Array) -> Array:
        """P (batch, classes)"""
        return calls("mlp_forward", inputs, *self.parameters)

    def outputs(self, calls: Calls, inputs: Array) -> Array:
        """Of the last layer: logits, or probabilities where Softmax is a layer."""
        six = calls("mlp_intermediates", inputs, *self.parameters)
        return six[5] if self.softmax else six[4]

    def __call__(self, calls: Calls, inputs: Array, targets: Array) -> Pass:
        """Loss, logits and gradients of these samples; the mean is left to the factor."""
        logits, *gradients = calls("mlp_logits_gradients", inputs, *self.parameters, targets)
        outputs = calls("softmax", logits) if self.softmax else logits
        loss = self.loss.value(calls, outputs, targets)
        factor = 1 / len(targets) if self.loss.reduction == "mean" else 1.0
        return Pass(loss, outputs, gradients, factor)

    def step(
        self, calls: Calls, inputs: Array, targets: Array, rate: Array
    ) -> tuple[Array, Array, list[Array]]:
        """Loss, logits, and all parameters less ``rate`` times their gradients."""
        reduction = self.loss.reduction
        loss, logits, *following = calls(
            "mlp_sgd_step", inputs, *self.parameters, targets, rate, reduction=reduction
        )
        if self.softmax:
            loss = self.loss.value(calls, calls("softmax", logits), targets)
        return loss, logits, following


def whole(layers: Sequence[Layer], loss: Loss) -> Whole | None:
    """The network as one kernel, where it has that shape; else None."""
    rest, softmax = list(layers), joint(layers, loss)
    if softmax:
        rest.pop()
    elif type(loss) is not CrossEntropy:
        return None
    if len(rest) != 5 or not all(is_operation(layer, "relu") for layer in rest[1::2]):
        return None
    first, second, third = rest[::2]
    for layer in (first, second, third):
        if type(layer) is not Linear or not layer.has_bias:
            return None
    assert isinstance(first, Linear)  # noqa: S101
    assert isinstance(second, Linear)  # noqa: S101
    assert isinstance(third, Linear)  # noqa: S101
    return Whole(first, second, third, loss, softmax)
