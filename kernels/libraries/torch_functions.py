"""Operations as functions of tensors, for PyTorch's compiler; imported in its process alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

functional = torch.nn.functional
Function = Callable[..., Any]


def _layers(inputs: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any) -> tuple[Any, ...]:
    linear = functional.linear
    y1 = linear(inputs, w1, b1)
    o1 = functional.relu(y1)
    y2 = linear(o1, w2, b2)
    o2 = functional.relu(y2)
    y3 = linear(o2, w3, b3)
    return y1, o1, y2, o2, y3, torch.softmax(y3, 1)


def _d3(probs: Any, labels: Any) -> Any:
    return probs - functional.one_hot(labels, probs.shape[1])


def _mlp_logits_gradients(inputs: Any, *rest: Any) -> tuple[Any, ...]:
    *parameters, labels = rest
    _, o1, _, o2, logits, probs = _layers(inputs, *parameters)
    w2, w3 = parameters[2], parameters[4]
    d3 = _d3(probs, labels)
    d2 = torch.mm(d3, w3) * (o2 > 0)
    d1 = torch.mm(d2, w2) * (o1 > 0)
    pairs = ((d1, inputs), (d2, o1), (d3, o2))
    return logits, *(g for d, o in pairs for g in (torch.mm(d.t(), o), d.sum(0)))


def _mlp_sgd_step(inputs: Any, *rest: Any) -> tuple[Any, ...]:
    *parameters, labels, rate = rest
    logits, *gradients = _mlp_logits_gradients(inputs, *parameters, labels)
    factor = rate / len(labels)
    stepped = (p - factor * g for p, g in zip(parameters, gradients, strict=True))
    return functional.cross_entropy(logits, labels), logits, *stepped


def step_by_autograd(inputs: Any, *rest: Any) -> tuple[Any, ...]:
    """A training step whose gradients are PyTorch's, loss and update in one graph with them."""
    *parameters, labels, rate = rest

    def loss(held: list[Any]) -> Any:
        logits = _layers(inputs, *held)[4]
        return functional.cross_entropy(logits, labels), logits

    gradients, (mean, logits) = torch.func.grad_and_value(loss, has_aux=True)(parameters)
    stepped = (p - rate * g for p, g in zip(parameters, gradients, strict=True))
    return mean, logits, *stepped


def _softmax_jacobian(probs: Any) -> Any:
    identity = torch.eye(probs.shape[1], dtype=probs.dtype)
    return probs[:, :, None] * (identity - probs[:, None, :])


def _picked(probs: Any, labels: Any) -> Any:
    return probs.gather(1, labels[:, None]).clamp_min(torch.finfo(probs.dtype).tiny)


def _negative_log_likelihood_gradient(probs: Any, labels: Any) -> Any:
    here = functional.one_hot(labels, probs.shape[1]).to(torch.bool)
    least = torch.finfo(probs.dtype).tiny
    return torch.where(here, -1 / (probs.clamp_min(least) * len(probs)), 0.0)


FUNCTIONS: Mapping[str, Function] = {
    "linear": functional.linear,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu_vjp": lambda a, g: torch.where(a > 0, g, 0.0),
    "tanh_vjp": lambda a, g: g * (1 - a * a),
    "sigmoid_vjp": lambda a, g: g * a * (1 - a),
    "softmax": lambda z: torch.softmax(z, 1),
    "mlp_forward": lambda *given: _layers(*given)[5],
    "mlp_intermediates": _layers,
    "softmax_jacobian": _softmax_jacobian,
    "softmax_vjp": lambda p, g: p * (g - (p * g).sum(1, keepdim=True)),
    "weight_gradient": lambda x, d: torch.mm(d.t(), x),
    "bias_gradient": lambda d: d.sum(0),
    "input_gradient": torch.mm,
    "cross_entropy": functional.cross_entropy,
    "cross_entropy_gradient": lambda z, labels: _d3(torch.softmax(z, 1), labels) / len(labels),
    "negative_log_likelihood": lambda p, labels: -_picked(p, labels).log().mean(),
    "negative_log_likelihood_gradient": _negative_log_likelihood_gradient,
    "mean_squared_error": functional.mse_loss,
    "mean_squared_error_gradient": lambda y, t: (y - t) * (2 / y.numel()),
    "mlp_logits_gradients": _mlp_logits_gradients,
    "mlp_gradients": lambda *given: _mlp_logits_gradients(*given)[1:],
    "mlp_sgd_step": _mlp_sgd_step,
}
