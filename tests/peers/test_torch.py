"""Every operation against PyTorch: forwards as it computes them, gradients by its autograd."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.operation import Operation

Array = np.ndarray[Any, Any]
Tensor = Any

PARAMETERS = ("w1", "b1", "w2", "b2", "w3", "b3")
#: the peer's rounding and the kernel's
SLACK = 2


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """Here and not above: who runs none of these tests does not wait for it."""
    global torch, F  # noqa: PLW0603 - as an import does
    import torch
    import torch.nn.functional as F  # noqa: N812 - its usual name


def leaf(array: Array) -> Tensor:
    return torch.from_numpy(array.copy()).requires_grad_()


def numpy_of(*tensors: Tensor) -> Any:
    arrays = tuple(t.detach().numpy() for t in tensors)
    return arrays if len(arrays) > 1 else arrays[0]


def forward(function: Callable[..., Tensor]) -> Callable[..., Any]:
    """A peer from a function of tensors, which come in the operation's order."""

    def peer(**arrays: Array) -> Any:
        result = function(*(torch.from_numpy(a) for a in arrays.values()))
        return numpy_of(*(result if isinstance(result, tuple) else (result,)))

    return peer


def pulled_back(function: Callable[[Tensor], Tensor], inverse: Callable[[Tensor], Tensor]) -> Any:
    """A peer for a VJP from outputs: inputs that give them, forward, then autograd back."""

    def peer(cotangent: Array, **outputs: Array) -> Array:
        (given,) = outputs.values()
        before = inverse(torch.from_numpy(given.astype(np.float64)))
        z = before.requires_grad_()
        function(z).backward(torch.from_numpy(cotangent.astype(np.float64)))
        return z.grad.numpy().astype(given.dtype)

    return peer


def softmax_jacobian(probs: Array) -> Array:
    rows = torch.from_numpy(np.log(probs.astype(np.float64)))
    one = torch.func.jacrev(lambda z: F.softmax(z, dim=-1))
    return torch.func.vmap(one)(rows).numpy().astype(probs.dtype)


def weight_gradient(inputs: Array, dlogits: Array) -> Array:
    w = leaf(np.ones((dlogits.shape[1], inputs.shape[1]), inputs.dtype))
    F.linear(torch.from_numpy(inputs), w).backward(torch.from_numpy(dlogits))
    return w.grad.numpy()


def bias_gradient(dlogits: Array) -> Array:
    bias = leaf(np.ones(dlogits.shape[1], dlogits.dtype))
    x = torch.ones((len(dlogits), 1), dtype=bias.dtype)
    w = torch.ones((dlogits.shape[1], 1), dtype=bias.dtype)
    F.linear(x, w, bias).backward(torch.from_numpy(dlogits))
    return bias.grad.numpy()


def input_gradient(dlogits: Array, weights: Array) -> Array:
    x = leaf(np.ones((len(dlogits), weights.shape[1]), weights.dtype))
    F.linear(x, torch.from_numpy(weights)).backward(torch.from_numpy(dlogits))
    return x.grad.numpy()


def cross_entropy_gradient(logits: Array, labels: Array, reduction: str) -> Array:
    z = leaf(logits)
    F.cross_entropy(z, torch.from_numpy(labels), reduction=reduction).backward()
    return z.grad.numpy()


def layers(
    inputs: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, w3: Tensor, b3: Tensor
) -> tuple[Tensor, ...]:
    y1 = F.linear(inputs, w1, b1)
    o1 = F.relu(y1)
    y2 = F.linear(o1, w2, b2)
    o2 = F.relu(y2)
    y3 = F.linear(o2, w3, b3)
    return y1, o1, y2, o2, y3, F.softmax(y3, dim=1)


def mlp_logits_gradients(inputs: Array, labels: Array, **parameters: Array) -> Any:
    leaves = {name: leaf(array) for name, array in parameters.items()}
    y3 = layers(torch.from_numpy(inputs), **leaves)[4]
    F.cross_entropy(y3, torch.from_numpy(labels), reduction="sum").backward()
    return numpy_of(y3, *(leaves[name].grad for name in PARAMETERS))


def mlp_gradients(inputs: Array, labels: Array, **parameters: Array) -> Any:
    return mlp_logits_gradients(inputs, labels, **parameters)[1:]


def mlp_sgd_step(
    inputs: Array, labels: Array, rate: Array, reduction: str, **parameters: Array
) -> Any:
    leaves = {name: leaf(array) for name, array in parameters.items()}
    y3 = layers(torch.from_numpy(inputs), **leaves)[4]
    loss = F.cross_entropy(y3, torch.from_numpy(labels), reduction=reduction)
    loss.backward()
    torch.optim.SGD(leaves.values(), lr=float(rate)).step()
    return numpy_of(loss, y3, *(leaves[name] for name in PARAMETERS))


def cross_entropy(logits: Array, labels: Array, reduction: str) -> Array:
    loss = F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels), reduction=reduction)
    return loss.numpy()


def negative_log_likelihood(probs: Array, labels: Array, reduction: str) -> Array:
    logs = torch.from_numpy(probs).log()
    return F.nll_loss(logs, torch.from_numpy(labels), reduction=reduction).numpy()


def negative_log_likelihood_gradient(probs: Array, labels: Array, reduction: str) -> Array:
    p = leaf(probs)
    F.nll_loss(p.log(), torch.from_numpy(labels), reduction=reduction).backward()
    return p.grad.numpy()


def mean_squared_error(outputs: Array, targets: Array, reduction: str) -> Array:
    y, t = torch.from_numpy(outputs), torch.from_numpy(targets)
    return F.mse_loss(y, t, reduction=reduction).numpy()


def mean_squared_error_gradient(outputs: Array, targets: Array, reduction: str) -> Array:
    y = leaf(outputs)
    F.mse_loss(y, torch.from_numpy(targets), reduction=reduction).backward()
    return y.grad.numpy()


def peers() -> dict[str, Callable[..., Any]]:
    return {
        "linear": forward(F.linear),
        "relu": forward(F.relu),
        "tanh": forward(torch.tanh),
        "sigmoid": forward(torch.sigmoid),
        "softmax": forward(lambda logits: F.softmax(logits, dim=1)),
        "mlp_forward": forward(lambda *a: layers(*a)[-1]),
        "mlp_intermediates": forward(layers),
        "relu_vjp": pulled_back(F.relu, lambda a: torch.where(a > 0, a, -1.0)),
        "tanh_vjp": pulled_back(torch.tanh, torch.atanh),
        "sigmoid_vjp": pulled_back(torch.sigmoid, torch.logit),
        "softmax_vjp": pulled_back(lambda z: F.softmax(z, dim=1), torch.log),
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


CASES = [
    pytest.param(op, dict(zip(op.options, chosen, strict=True)), id="-".join([op.name, *chosen]))
    for op in einbench.operations.values()
    for chosen in product(*op.options.values())
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("op", "options"), CASES)
def test_every_kernel_gives_what_pytorch_gives(
    op: Operation, options: dict[str, str], dtype: str, agree_with: Callable[..., None]
) -> None:
    agree_with(op.name, dtype, peers()[op.name], options, SLACK)


def test_every_operation_is_held_against_pytorch() -> None:
    assert set(peers()) == set(einbench.operations)
