"""Operations as functions of arrays, for JAX's compiler; imported in JAX's process alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

Function = Callable[..., Any]


def _labels_removed(probs: Any, labels: Any) -> Any:
    return probs.at[jnp.arange(len(labels)), labels].add(-1)


def _layers(inputs: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any) -> tuple[Any, ...]:
    y1 = inputs @ w1.T + b1
    o1 = jax.nn.relu(y1)
    y2 = o1 @ w2.T + b2
    o2 = jax.nn.relu(y2)
    y3 = o2 @ w3.T + b3
    return y1, o1, y2, o2, y3, jax.nn.softmax(y3, axis=1)


def _losses(logits: Any, labels: Any) -> Any:
    log_probs = jax.nn.log_softmax(logits, axis=1)
    return -jnp.take_along_axis(log_probs, labels[:, None], axis=1)


def _summed(parameters: Sequence[Any], inputs: Any, labels: Any) -> tuple[Any, Any]:
    logits = _layers(inputs, *parameters)[4]
    return _losses(logits, labels).sum(), logits


def _mlp_logits_gradients(inputs: Any, *rest: Any) -> list[Any]:
    *parameters, labels = rest
    gradients, logits = jax.grad(_summed, has_aux=True)(parameters, inputs, labels)
    return [logits, *gradients]


def _mlp_sgd_step(inputs: Any, *rest: Any) -> list[Any]:
    *parameters, labels, rate = rest
    (loss, logits), gradients = jax.value_and_grad(_summed, has_aux=True)(
        parameters, inputs, labels
    )
    batch = len(labels)
    stepped = [p - (rate / batch) * g for p, g in zip(parameters, gradients, strict=True)]
    return [loss / batch, logits, *stepped]


def _jacobian(probs: Any) -> Any:
    identity = jnp.eye(probs.shape[1], dtype=probs.dtype)
    return probs[:, :, None] * (identity - probs[:, None, :])


def _negative_log_likelihood(probs: Any, labels: Any) -> Any:
    chosen = jnp.take_along_axis(probs, labels[:, None], axis=1)
    return -jnp.log(jnp.maximum(chosen, jnp.finfo(probs.dtype).tiny)).mean()


def _negative_log_likelihood_gradient(probs: Any, labels: Any) -> Any:
    batch, classes = probs.shape
    least = jnp.finfo(probs.dtype).tiny
    here = labels[:, None] == jnp.arange(classes)
    return jnp.where(here, -1 / (jnp.maximum(probs, least) * batch), 0)


FUNCTIONS: Mapping[str, Function] = {
    "linear": lambda x, w, b: x @ w.T + b,
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "relu_vjp": lambda a, g: jnp.where(a > 0, g, 0),
    "tanh_vjp": lambda a, g: g * (1 - a * a),
    "sigmoid_vjp": lambda a, g: g * a * (1 - a),
    "softmax": lambda z: jax.nn.softmax(z, axis=1),
    "mlp_forward": lambda *given: _layers(*given)[5],
    "mlp_intermediates": _layers,
    "softmax_jacobian": _jacobian,
    "softmax_vjp": lambda p, g: p * (g - (p * g).sum(axis=1, keepdims=True)),
    "weight_gradient": lambda x, d: d.T @ x,
    "bias_gradient": lambda d: d.sum(axis=0),
    "input_gradient": lambda d, w: d @ w,
    "cross_entropy": lambda z, labels: _losses(z, labels).mean(),
    "cross_entropy_gradient": lambda z, labels: (
        _labels_removed(jax.nn.softmax(z, axis=1), labels) / len(labels)
    ),
    "negative_log_likelihood": _negative_log_likelihood,
    "negative_log_likelihood_gradient": _negative_log_likelihood_gradient,
    "mean_squared_error": lambda y, t: jnp.square(y - t).mean(),
    "mean_squared_error_gradient": lambda y, t: (y - t) * (2 / y.size),
    "mlp_logits_gradients": _mlp_logits_gradients,
    "mlp_gradients": lambda *given: _mlp_logits_gradients(*given)[1:],
    "mlp_sgd_step": _mlp_sgd_step,
}
