"""Every operation against JAX: forwards as it computes them, gradients by grad, vjp, jacobian."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.operation import Operation

Array = np.ndarray[Any, Any]

PARAMETERS = ("w1", "b1", "w2", "b2", "w3", "b3")
#: XLA's vector exp and tanh are off by a few units themselves
SLACK = 3


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """Here and not above: who runs none of these tests does not wait for it."""
    global jax, jnp  # noqa: PLW0603 - as an import does
    import jax
    import jax.numpy as jnp


@pytest.fixture(scope="module", autouse=True)
def _double_precision(_imported: None) -> Iterator[None]:
    """JAX computes everything in float32 unless configured otherwise."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def linear(inputs: Any, weights: Any, bias: Any = 0) -> Any:
    return inputs @ weights.T + bias


def losses(logits: Any, labels: Any) -> Any:
    log_probs = jax.nn.log_softmax(logits, axis=1)
    return -jnp.take_along_axis(log_probs, labels[:, None], axis=1)[:, 0]


def cross_entropy(logits: Any, labels: Any, reduction: str) -> Any:
    return getattr(losses(logits, labels), reduction)()


def layers(inputs: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any) -> tuple[Any, ...]:
    y1 = linear(inputs, w1, b1)
    o1 = jax.nn.relu(y1)
    y2 = linear(o1, w2, b2)
    o2 = jax.nn.relu(y2)
    y3 = linear(o2, w3, b3)
    return y1, o1, y2, o2, y3, jax.nn.softmax(y3, axis=1)


def pulled_back(function: Callable[[Any], Any], inverse: Callable[[Any], Any]) -> Any:
    """A peer for a VJP from outputs: inputs that give them, forward, then jax.vjp back."""

    def peer(cotangent: Array, **outputs: Array) -> Array:
        (given,) = outputs.values()
        _, vjp = jax.vjp(function, inverse(jnp.asarray(given, jnp.float64)))
        (pulled,) = vjp(jnp.asarray(cotangent, jnp.float64))
        return np.asarray(pulled).astype(given.dtype)

    return peer


def softmax_jacobian(probs: Array) -> Array:
    rows = jnp.log(jnp.asarray(probs, jnp.float64))
    return np.asarray(jax.vmap(jax.jacobian(jax.nn.softmax))(rows)).astype(probs.dtype)


def weight_gradient(inputs: Array, dlogits: Array) -> Any:
    anywhere = jnp.ones((dlogits.shape[1], inputs.shape[1]), inputs.dtype)
    return jax.grad(lambda w: (linear(inputs, w) * dlogits).sum())(anywhere)


def bias_gradient(dlogits: Array) -> Any:
    anywhere = jnp.ones(dlogits.shape[1], dlogits.dtype)
    return jax.grad(lambda bias: ((jnp.zeros_like(dlogits) + bias) * dlogits).sum())(anywhere)


def input_gradient(dlogits: Array, weights: Array) -> Any:
    anywhere = jnp.ones((len(dlogits), weights.shape[1]), weights.dtype)
    return jax.grad(lambda x: (linear(x, weights) * dlogits).sum())(anywhere)


def cross_entropy_gradient(logits: Array, labels: Array, reduction: str) -> Any:
    return jax.grad(cross_entropy)(jnp.asarray(logits), labels, reduction)


def negative_log_likelihood(probs: Any, labels: Any, reduction: str) -> Any:
    logs = jnp.log(jnp.asarray(probs))
    return getattr(-jnp.take_along_axis(logs, labels[:, None], axis=1), reduction)()


def negative_log_likelihood_gradient(probs: Array, labels: Array, reduction: str) -> Any:
    return jax.grad(negative_log_likelihood)(jnp.asarray(probs), labels, reduction)


def mean_squared_error(outputs: Any, targets: Any, reduction: str) -> Any:
    return getattr((jnp.asarray(outputs) - targets) ** 2, reduction)()


def mean_squared_error_gradient(outputs: Array, targets: Array, reduction: str) -> Any:
    return jax.grad(mean_squared_error)(jnp.asarray(outputs), targets, reduction)


def mlp_gradients(inputs: Array, labels: Array, **parameters: Array) -> Any:
    def loss(p: dict[str, Any]) -> Any:
        return losses(layers(inputs, **p)[4], labels).sum()

    gradients = jax.grad(loss)({name: jnp.asarray(a) for name, a in parameters.items()})
    return tuple(gradients[name] for name in PARAMETERS)


def mlp_logits_gradients(inputs: Array, labels: Array, **parameters: Array) -> Any:
    logits = layers(jnp.asarray(inputs), **parameters)[4]
    return logits, *mlp_gradients(inputs, labels, **parameters)


def mlp_sgd_step(
    inputs: Array, labels: Array, rate: Array, reduction: str, **parameters: Array
) -> Any:
    def loss(p: dict[str, Any]) -> Any:
        logits = layers(jnp.asarray(inputs), **p)[4]
        return cross_entropy(logits, labels, reduction), logits

    given = {name: jnp.asarray(a) for name, a in parameters.items()}
    (value, logits), gradients = jax.value_and_grad(loss, has_aux=True)(given)
    return value, logits, *(given[name] - rate * gradients[name] for name in PARAMETERS)


def forward(function: Callable[..., Any]) -> Callable[..., Any]:
    """A peer that is given JAX arrays, in the operation's order."""
    return lambda **arrays: function(*(jnp.asarray(a) for a in arrays.values()))


def peers() -> dict[str, Callable[..., Any]]:
    return {
        "linear": forward(linear),
        "relu": forward(jax.nn.relu),
        "tanh": forward(jnp.tanh),
        "sigmoid": forward(jax.nn.sigmoid),
        "softmax": forward(lambda logits: jax.nn.softmax(logits, axis=1)),
        "mlp_forward": forward(lambda *a: layers(*a)[-1]),
        "mlp_intermediates": forward(layers),
        "relu_vjp": pulled_back(jax.nn.relu, lambda a: jnp.where(a > 0, a, -1.0)),
        "tanh_vjp": pulled_back(jnp.tanh, jnp.arctanh),
        "sigmoid_vjp": pulled_back(jax.nn.sigmoid, lambda s: jnp.log(s / (1 - s))),
        "softmax_vjp": pulled_back(lambda z: jax.nn.softmax(z, axis=1), jnp.log),
        "softmax_jacobian": softmax_jacobian,
        "weight_gradient": weight_gradient,
        "bias_gradient": bias_gradient,
        "input_gradient": input_gradient,
        "cross_entropy": cross_entropy,
        "cross_entropy_gradient": cross_entropy_gradient,
        "negative_log_likelihood": negative_log_likelihood,
        "negative_log_likelihood_gradient": negative_log_likelihood_gradient,
        "mean_squared_error": mean_squared_error,
        "mean_squared_error_gradient": mean_squared_error_gradient,
        "mlp_logits_gradients": mlp_logits_gradients,
        "mlp_gradients": mlp_gradients,
        "mlp_sgd_step": mlp_sgd_step,
    }


#: compiled in a moment; `make test-peers` has the others as well
QUICK = ("linear", "relu", "softmax_vjp", "bias_gradient", "cross_entropy")
CASES = [
    pytest.param(
        op,
        dict(zip(op.options, chosen, strict=True)),
        id="-".join([op.name, *chosen]),
        marks=() if op.name in QUICK else pytest.mark.long,
    )
    for op in einbench.operations.values()
    for chosen in product(*op.options.values())
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("op", "options"), CASES)
def test_every_kernel_gives_what_jax_gives(
    op: Operation, options: dict[str, str], dtype: str, agree_with: Callable[..., None]
) -> None:
    agree_with(op.name, dtype, peers()[op.name], options, SLACK)


def test_every_operation_is_held_against_jax() -> None:
    assert set(peers()) == set(einbench.operations)
