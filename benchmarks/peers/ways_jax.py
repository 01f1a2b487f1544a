"""JAX: each operation as one jitted function, weights also as its users have them.

``jit`` takes weights as the suite has them, (units, features); ``jit-turned`` is given them turned
off the clock, (features, units), and gives their gradients so.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .task import Array, Offer, Task, Way

#: inputs and outputs that are turned
_LAYERS = ("w1", "w2", "w3")
_WEIGHTS = frozenset(
    ("weights", "dweights", *(before + name for name in _LAYERS for before in ("", "d", "new_")))
)
Function = Callable[..., Any]


class Jax:
    """Its threads are those of XLA's pool."""

    def offer(self, task: Task) -> Offer:
        """As it is, and turned where there are weights."""
        name = task.operation.name
        ways: dict[str, Callable[[], Way]] = {}
        if name in _FUNCTIONS:
            ways["jit"] = partial(_way, _FUNCTIONS[name], task, turned=False)
            if any(weights in task.operation.inputs for weights in _WEIGHTS):
                ways["jit-turned"] = partial(_way, _FUNCTIONS[name], task, turned=True)
        return Offer(ways)

    def close(self) -> None:
        """Compiled functions hold no memory of arrays, but there are many of them."""
        jax.clear_caches()

    def facts(self) -> Mapping[str, Any]:
        """XLA's pool has as many threads as the environment says there are processors."""
        threads = os.environ.get("NPROC")
        platform = jax.devices()[0].platform
        return {"jax": jax.__version__, "threads": int(threads or 0), "platform": platform}


def _way(function: Function, task: Task, turned: bool) -> Way:
    names, outputs = list(task.operation.inputs), list(task.operation.outputs)

    def turn(known: Sequence[str], arrays: Iterable[Any]) -> list[Any]:
        return [
            a.T if turned and name in _WEIGHTS else a for name, a in zip(known, arrays, strict=True)
        ]

    def all_outputs(*given: Any) -> list[Any]:
        # weights turned twice lie as they are given: XLA multiplies by them as they lie
        result = function(*turn(names, given))
        return turn(outputs, [result] if len(outputs) == 1 else result)

    given = [jnp.array(a, dtype=_dtype(a), copy=True) for a in turn(names, task.arrays.values())]
    jax.block_until_ready(given)
    one = jax.jit(lambda *arrays: all_outputs(*arrays)[0])
    several = jax.jit(all_outputs)
    ready = jax.block_until_ready

    def call_one() -> Any:
        return one(*given).block_until_ready()

    def call_several() -> Any:
        return ready(several(*given))

    def arrays(result: Any) -> list[Array]:
        return [np.asarray(a) for a in turn(outputs, [result] if len(outputs) == 1 else result)]

    return Way(call_one if len(outputs) == 1 else call_several, arrays)


def _dtype(array: Array) -> Any:
    """Labels are 32 bits wide in JAX."""
    return array.dtype if array.dtype.kind == "f" else np.int32


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


_FUNCTIONS: Mapping[str, Function] = {
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


def library(threads: int) -> Jax:
    """Threads are the environment's, set before JAX is imported."""
    return Jax()
