"""Losses: what a network is trained to make small. Kernels compute value and gradient.

``labels`` says that targets come as integers, one a sample; otherwise as rows, one a sample.
``takes`` says what the last layer must give: logits, probabilities, or anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy.typing as npt

from einbench.network.calls import Calls

Array = npt.NDArray[Any]
REDUCTIONS = ("mean", "sum")


class Loss(Protocol):
    """What a network needs of a loss."""

    reduction: str
    labels: bool
    takes: str

    def value(self, calls: Calls, outputs: Array, targets: Array) -> Array:
        """The loss of these samples together, an array of no dimensions."""

    def gradient(self, calls: Calls, outputs: Array, targets: Array) -> Array:
        """Its gradient by the outputs, shaped like them."""

    def describe(self) -> dict[str, Any]:
        """What makes another such loss, as JSON can hold it."""


class CrossEntropy:
    """L = sum_b (log sum_c exp(z[b, c]) - z[b, label[b]]), / batch where it is the mean.

    On logits: the last layer is Linear, and no Softmax follows it.
    """

    labels, takes = True, "logits"

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = _checked(reduction)

    def value(self, calls: Calls, outputs: Array, targets: Array) -> Array:
        """L, from logits and integer labels."""
        return calls("cross_entropy", outputs, targets, reduction=self.reduction)

    def gradient(self, calls: Calls, outputs: Array, targets: Array) -> Array:
        """dZ = softmax(Z) - onehot, / batch"""
        return calls("cross_entropy_gradient", outputs, targets, reduction=self.reduction)

    def describe(self) -> dict[str, Any]:
        """Name and reduction."""
        return {"loss": "CrossEntropy", "reduction": self.reduction}

    def __repr__(self) -> str:
        return f"CrossEntropy({_argument(self.reduction)})"


class NegativeLogLikelihood:
    """L = -sum_b log p[b, label[b]], / batch where it is the mean.

    On probabilities; log 0 counts as that of the smallest number above it. After Softmax the
    gradient is taken at the logits, softmax - onehot, which is exact where a probability is too
    small to divide by; ``joint=False`` goes through -1 / p and the VJP of softmax.
    """

    labels, takes = True, "probabilities"

    def __init__(self, reduction: str = "mean", joint: bool = True) -> None:
        self.reduction = _checked(reduction)
        self.joint = bool(joint)

    def value(self, calls: Calls, outputs: Array, targets: Array) -> Array:
        """L, from probabilities and integer labels."""
        return calls("negative_log_likelihood", outputs, targets, reduction=self.reduction)

    def gradient(self, calls: Calls, outputs: Array, targets: Array) -> Array:
        """dP[b, c] = -1 / p[b, c] where c is the label, else 0; / batch"""
        return calls("negative_log_likelihood_gradient", outputs, targets, reduction=self.reduction)

    def gradient_at_logits(self, calls: Calls, logits: Array, targets: Array) -> Array:
        """dZ = softmax(Z) - onehot, / batch"""
        return calls("cross_entropy_gradient", logits, targets, reduction=self.reduction)

    def describe(self) -> dict[str, Any]:
        """Name, reduction, and how the gradient is taken."""
        return {
            "loss": "NegativeLogLikelihood", "reduction": self.reduction, "joint": self.joint
        }  # fmt: skip

    def __repr__(self) -> str:
        apart = "" if self.joint else "joint=False"
        arguments = ", ".join(filter(None, (_argument(self.reduction), apart)))
        return f"NegativeLogLikelihood({arguments})"


class MeanSquaredError:
    """L = sum_bc (y[b, c] - t[b, c])^2, / (batch classes) where it is the mean."""

    labels, takes = False, "anything"

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = _checked(reduction)

    def value(self, calls: Calls, outputs: Array, targets: Array) -> Array:
        """L, from outputs and rows of the same shape."""
        return calls("mean_squared_error", outputs, targets, reduction=self.reduction)

    def gradient(self, calls: Calls, outputs: Array, targets: Array) -> Array:
        """dY = 2 (y - t), / (batch classes)"""
        return calls("mean_squared_error_gradient", outputs, targets, reduction=self.reduction)

    def describe(self) -> dict[str, Any]:
        """Name and reduction."""
        return {"loss": "MeanSquaredError", "reduction": self.reduction}

    def __repr__(self) -> str:
        return f"MeanSquaredError({_argument(self.reduction)})"


class SoftmaxMeanSquaredError:
    """L = sum_bc (softmax(z)[b, c] - t[b, c])^2, / (batch classes) where it is the mean.

    On logits: the last layer is Linear, and no Softmax follows it.
    """

    labels, takes = False, "logits"

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = _checked(reduction)

    def value(self, calls: Calls, outputs: Array, targets: Array) -> Array:
        """L, from logits and rows of the same shape."""
        probs = calls("softmax", outputs)
        return calls("mean_squared_error", probs, targets, reduction=self.reduction)

    def gradient(self, calls: Calls, outputs: Array, targets: Array) -> Array:
        """dZ = dP times the Jacobian of softmax; dP = 2 (p - t), / (batch classes)"""
        probs = calls("softmax", outputs)
        dprobs = calls("mean_squared_error_gradient", probs, targets, reduction=self.reduction)
        return calls("softmax_vjp", probs, dprobs)

    def describe(self) -> dict[str, Any]:
        """Name and reduction."""
        return {"loss": "SoftmaxMeanSquaredError", "reduction": self.reduction}

    def __repr__(self) -> str:
        return f"SoftmaxMeanSquaredError({_argument(self.reduction)})"


LOSSES: dict[str, Callable[..., Loss]] = {
    loss.__name__: loss
    for loss in (CrossEntropy, NegativeLogLikelihood, MeanSquaredError, SoftmaxMeanSquaredError)
}
"""By the names that saved networks give them."""


def _checked(reduction: str) -> str:
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction={reduction!r}: expected one of {', '.join(REDUCTIONS)}")
    return reduction


def _argument(reduction: str) -> str:
    return "" if reduction == "mean" else f"reduction={reduction!r}"
