"""Every gradient against complex steps through a small forward pass written here.

The slope of an analytic f at x is imag(f(x + i h)) / h: nothing is subtracted, so h may be so
small that nothing is lost. Where the platform has a wider longdouble, the steps are taken in it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.kernel import Kernel
from einbench.operation import Operation

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]

STEP = 2.0**-200
SIZES = {"features": 5, "units": 4, "hidden1": 6, "hidden2": 4, "classes": 3}
PARAMETERS = ("w1", "b1", "w2", "b2", "w3", "b3")


def slope(function: Callable[[Array], Any], point: Array) -> Array:
    """d function / d point of a scalar function, one complex step an entry."""
    slopes = np.empty(point.shape, np.longdouble)
    for index in np.ndindex(point.shape):
        moved = point.astype(np.clongdouble)
        moved[index] += 1j * STEP
        slopes[index] = function(moved).imag / STEP
    return slopes


def relu(z: Array) -> Array:
    return np.where(z.real > 0, z, 0)


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def softmax(z: Array) -> Array:
    powers = np.exp(z - z.real.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def linear(inputs: Array, weights: Array, bias: Array | float = 0) -> Array:
    return inputs @ weights.T + bias


def losses(logits: Array, labels: Array) -> Array:
    largest = logits.real.max(axis=1, keepdims=True)
    lse = np.log(np.exp(logits - largest).sum(axis=1)) + largest[:, 0]
    return lse - logits[np.arange(len(labels)), labels]


def network_loss(a: Arrays) -> Any:
    hidden = relu(linear(a["inputs"], a["w1"], a["b1"]))
    hidden = relu(linear(hidden, a["w2"], a["b2"]))
    return losses(linear(hidden, a["w3"], a["b3"]), a["labels"]).sum()


def relu_vjp(a: Arrays) -> Array:
    before = np.where(a["outputs"] > 0, a["outputs"], -1)
    return slope(lambda z: (a["cotangent"] * relu(z)).sum(), before)


def tanh_vjp(a: Arrays) -> Array:
    return slope(lambda z: (a["cotangent"] * np.tanh(z)).sum(), np.arctanh(a["outputs"]))


def sigmoid_vjp(a: Arrays) -> Array:
    before = np.log(a["outputs"] / (1 - a["outputs"]))
    return slope(lambda z: (a["cotangent"] * sigmoid(z)).sum(), before)


def softmax_jacobian(a: Arrays) -> Array:
    batch, classes = a["probs"].shape
    jacobian = np.empty((batch, classes, classes), np.longdouble)
    for j in range(classes):
        moved = np.log(a["probs"]).astype(np.clongdouble)
        moved[:, j] += 1j * STEP
        jacobian[:, :, j] = softmax(moved).imag / STEP
    return jacobian


def softmax_vjp(a: Arrays) -> Array:
    return slope(lambda z: (a["cotangent"] * softmax(z)).sum(), np.log(a["probs"]))


def weight_gradient(a: Arrays) -> Array:
    units, features = a["dlogits"].shape[1], a["inputs"].shape[1]
    anywhere = np.full((units, features), 0.3)  # linear: the slope is the same at any weights
    return slope(lambda w: (a["dlogits"] * linear(a["inputs"], w)).sum(), anywhere)


def bias_gradient(a: Arrays) -> Array:
    zero = np.zeros(a["dlogits"].shape[1])
    return slope(lambda bias: (a["dlogits"] * bias).sum(), zero)


def input_gradient(a: Arrays) -> Array:
    anywhere = np.full((len(a["dlogits"]), a["weights"].shape[1]), 0.3)
    return slope(lambda x: (a["dlogits"] * linear(x, a["weights"])).sum(), anywhere)


def cross_entropy_gradient(a: Arrays, reduction: str) -> Array:
    total = slope(lambda z: losses(z, a["labels"]).sum(), a["logits"])
    return total / len(a["labels"]) if reduction == "mean" else total


def negative_log_likelihood_gradient(a: Arrays, reduction: str) -> Array:
    def loss(probs: Array) -> Any:
        return -np.log(probs[np.arange(len(probs)), a["labels"]]).sum()

    total = slope(loss, a["probs"])
    return total / len(a["labels"]) if reduction == "mean" else total


def mean_squared_error_gradient(a: Arrays, reduction: str) -> Array:
    total = slope(lambda y: ((y - a["targets"]) ** 2).sum(), a["outputs"])
    return total / a["outputs"].size if reduction == "mean" else total


def mlp_gradients(a: Arrays) -> tuple[Array, ...]:
    return tuple(
        slope(lambda p, name=name: network_loss({**a, name: p}), a[name]) for name in PARAMETERS
    )


def mlp_logits_gradients(a: Arrays) -> tuple[Array, ...]:
    y1 = np.maximum(linear(a["inputs"], a["w1"], a["b1"]), 0)
    y2 = np.maximum(linear(y1, a["w2"], a["b2"]), 0)
    return linear(y2, a["w3"], a["b3"]), *mlp_gradients(a)


TRUTHS: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in (
        relu_vjp, tanh_vjp, sigmoid_vjp, softmax_jacobian, softmax_vjp, weight_gradient,
        bias_gradient, input_gradient, cross_entropy_gradient,
        negative_log_likelihood_gradient, mean_squared_error_gradient, mlp_gradients,
        mlp_logits_gradients,
    )
}  # fmt: skip


def is_gradient(op: Operation) -> bool:
    return op.name.endswith(("_vjp", "_jacobian", "_gradient", "_gradients"))


GRADIENTS = [
    pytest.param(
        kernel, dict(zip(op.options, chosen, strict=True)), id="-".join([str(kernel), *chosen])
    )
    for op in einbench.operations.values() if is_gradient(op)
    for kernel in op
    for chosen in product(*op.options.values())
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("kernel", "options"), GRADIENTS)
def test_every_gradient_is_the_slope_of_its_forward_pass(
    kernel: Kernel, options: dict[str, str], dtype: str, agree: Callable[..., None]
) -> None:
    op = kernel.operation
    sizes = {axis: SIZES[axis] for axis in op.sizes}
    arrays = op.draw(4, dtype, seed=3, **sizes)
    wide = {n: a.astype(np.longdouble) if a.dtype.kind == "f" else a for n, a in arrays.items()}
    agree(kernel, arrays.values(), TRUTHS[op.name](wide, **options), **options)


def test_every_gradient_of_the_registry_has_a_forward_pass_here() -> None:
    assert {op.name for op in einbench.operations.values() if is_gradient(op)} == set(TRUTHS)


def test_a_complex_step_gives_the_slope_it_should() -> None:
    point = np.array([[0.5, -2.0]], np.longdouble)
    np.testing.assert_allclose(
        slope(lambda z: (z**3).sum(), point).astype(float), [[0.75, 12.0]], rtol=1e-15
    )
