"""Every layer and every loss, forward and back, against formulas and finite differences."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import einbench

N = einbench.network
Array = np.ndarray[Any, Any]

BATCH, FEATURES, HIDDEN, CLASSES = 7, 4, 5, 3
ACTIVATIONS = {"ReLU": N.ReLU, "Tanh": N.Tanh, "Sigmoid": N.Sigmoid, "Softmax": N.Softmax}
FORWARD = {
    "ReLU": lambda z: np.maximum(z, 0),
    "Tanh": np.tanh,
    "Sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "Softmax": lambda z: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True),
}
ENDS: dict[str, tuple[type, tuple[Any, ...]]] = {
    "cross-entropy": (N.CrossEntropy, ()),
    "likelihood": (N.NegativeLogLikelihood, (N.Softmax,)),
    "squares": (N.MeanSquaredError, ()),
    "softmax squares": (N.SoftmaxMeanSquaredError, ()),
}


@pytest.fixture
def x() -> Array:
    return np.random.default_rng(1).standard_normal((BATCH, FEATURES))


@pytest.fixture
def labels() -> Array:
    return np.random.default_rng(2).integers(0, CLASSES, BATCH)


def slopes(net: Any, x: Array, y: Array, step: float = 1e-5) -> list[Array]:
    """dL/dp of every parameter, (L(p + h) - L(p - h)) / 2h."""
    found = []
    for parameter in net.parameters.values():
        slope = np.empty_like(parameter)
        for place in np.ndindex(parameter.shape):
            before = parameter[place]
            losses = []
            for moved in (before + step, before - step):
                parameter[place] = moved
                losses.append(net.loss_value(x, y))
            parameter[place] = before
            slope[place] = (losses[0] - losses[1]) / (2 * step)
        found.append(slope)
    return found


def agree(net: Any, x: Array, y: Array) -> None:
    loss, gradients = net.gradients(x, y)
    assert loss == pytest.approx(net.loss_value(x, y), rel=1e-13)
    assert [f"{number}.{name}" for number, name, _ in gradients] == list(net.parameters)
    for (_, _, gradient), slope in zip(gradients, slopes(net, x, y), strict=True):
        np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("family", ["loop", "einsum", "matmul", "numba"])
@pytest.mark.parametrize(
    ("activation", "end", "reduction"), list(product(ACTIVATIONS, ENDS, ["mean", "sum"]))
)
def test_gradients_are_slopes_of_the_loss(
    x: Array, labels: Array, activation: str, end: str, reduction: str, family: str
) -> None:
    loss, last = ENDS[end]
    layers = [N.Linear(FEATURES, HIDDEN), ACTIVATIONS[activation](), N.Linear(HIDDEN, CLASSES)]
    net = N.Sequential(
        [*layers, *(layer() for layer in last)], loss(reduction), kernels=family, dtype="float64"
    )
    agree(net, x, labels)


def test_a_likelihood_taken_apart_has_the_gradients_of_the_joint_one(
    x: Array, labels: Array
) -> None:
    nets = [
        N.Sequential(
            [N.Linear(FEATURES, CLASSES), N.Softmax()],
            N.NegativeLogLikelihood(joint=joint), kernels="matmul", dtype="float64",
        )
        for joint in (True, False)
    ]  # fmt: skip
    joint, apart = (net.gradients(x, labels) for net in nets)
    assert joint[0] == apart[0]
    for (_, _, one), (_, _, other) in zip(joint[1], apart[1], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)
    agree(nets[1], x, labels)


def test_the_joint_gradient_is_right_where_a_probability_is_zero() -> None:
    net = N.Sequential(
        [N.Linear(1, 2), N.Softmax()], N.NegativeLogLikelihood(), kernels="matmul", dtype="float64"
    )
    net.parameters["0.weights"][:] = [[2000.0], [0.0]]
    loss, [(_, _, dweights), (_, _, dbias)] = net.gradients([[1.0]], [1])
    assert loss == 744.4400719213812
    np.testing.assert_array_equal(dbias, [1, -1])
    np.testing.assert_array_equal(dweights, [[1], [-1]])


def test_a_likelihood_after_sigmoid_is_not_joint(x: Array, labels: Array) -> None:
    layers = [N.Linear(FEATURES, CLASSES), N.Sigmoid()]
    agree(
        N.Sequential(layers, N.NegativeLogLikelihood(), kernels="matmul", dtype="float64"),
        x,
        labels,
    )


def test_squares_of_numbers_that_are_no_classes(x: Array) -> None:
    rng = np.random.default_rng(3)
    layers = [N.Tanh(), N.Linear(FEATURES, 2, bias=False)]
    net = N.Sequential(layers, N.MeanSquaredError(), kernels="einsum", dtype="float64")
    agree(net, x, rng.standard_normal((BATCH, 2)))
    one = N.Sequential([N.Linear(FEATURES, 1)], N.MeanSquaredError(), kernels="matmul")
    y = rng.standard_normal(BATCH)
    expected = np.square(one.forward(x)[:, 0] - y.astype("float32")).mean()
    assert one.loss_value(x, y) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("softmax", [False, True])
@pytest.mark.parametrize("family", ["loop", "einsum", "matmul", "numba"])
def test_the_whole_network_has_the_gradients_of_its_layers(
    x: Array, labels: Array, reduction: str, softmax: bool, family: str
) -> None:
    loss = N.NegativeLogLikelihood if softmax else N.CrossEntropy

    def make(whole: bool) -> Any:
        layers = [
            # with biases of zero, units that are all off would put the next ones on the kink
            N.Linear(FEATURES, HIDDEN, initial="uniform"), N.ReLU(),
            N.Linear(HIDDEN, HIDDEN, initial="uniform"), N.ReLU(), N.Linear(HIDDEN, CLASSES),
            *([N.Softmax()] if softmax else []),
        ]  # fmt: skip
        return N.Sequential(layers, loss(reduction), kernels=family, dtype="float64", whole=whole)

    net, layered = make(True), make(False)
    assert net.whole is not None
    assert layered.whole is None
    agree(net, x, labels)
    one, other = net.gradients(x, labels), layered.gradients(x, labels)
    assert one[0] == pytest.approx(other[0], rel=1e-13)
    for (_, _, mine), (_, _, theirs) in zip(one[1], other[1], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(net.probabilities(x), layered.probabilities(x), rtol=1e-12)
    assert "mlp_logits_gradients" in {record.operation for record in net.ledger}


@pytest.mark.parametrize(
    "layers",
    [
        [N.Linear(4, 5), N.ReLU(), N.Linear(5, 3)],
        [N.Linear(4, 5), N.ReLU(), N.Linear(5, 5), N.Tanh(), N.Linear(5, 3)],
        [N.Linear(4, 5), N.ReLU(), N.Linear(5, 5, bias=False), N.ReLU(), N.Linear(5, 3)],
        [N.Linear(4, 5), N.ReLU(), N.Linear(5, 5), N.ReLU(), N.Linear(5, 3), N.ReLU()],
        [N.ReLU(), N.Linear(4, 5), N.ReLU(), N.Linear(5, 5), N.ReLU()],
    ],
)
def test_networks_of_another_shape_go_layer_by_layer(layers: Any) -> None:
    assert N.Sequential(layers).whole is None


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_forward_is_the_formula(x: Array, name: str) -> None:
    layers = [N.Linear(FEATURES, HIDDEN), ACTIVATIONS[name](), N.Linear(HIDDEN, CLASSES)]
    net = N.Sequential(layers, kernels="matmul", dtype="float64")
    w1, b1, w2, b2 = net.parameters.values()
    b1 += 0.3
    expected = FORWARD[name](x @ w1.T + b1) @ w2.T + b2
    np.testing.assert_allclose(net.forward(x), expected, rtol=1e-12)
    np.testing.assert_allclose(net.probabilities(x), FORWARD["Softmax"](expected), rtol=1e-12)
    assert (net.predict(x) == expected.argmax(axis=1)).all()


def test_gradients_change_nothing(x: Array, labels: Array) -> None:
    net = N.Sequential([N.Linear(FEATURES, CLASSES)], kernels="matmul", dtype="float64")
    before = [p.copy() for p in net.parameters.values()]
    net.gradients(x, labels)
    assert all((p == b).all() for p, b in zip(net.parameters.values(), before, strict=True))
