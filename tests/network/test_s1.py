"""S1 (shared/SEEDS.md): samples in columns, 2-10-10-2, one random sample a step."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.network.calls import Calls

N = einbench.network
Array = np.ndarray[Any, Any]
FAMILIES = ("loop", "einsum", "matmul", "numba")
RATE = 0.005

# samples are columns, and those of A need not sum to one
A = np.array([[5.0, 4], [7, 9], [3, 2]])
Y = np.array([[1, 0], [0, 0], [0, 1]])
JACOBIANS = np.array([
    [[-20, -35, -15], [-35, -42, -21], [-15, -21, -6]],
    [[-12, -36, -8], [-36, -72, -18], [-8, -18, -2]],
])  # fmt: skip
DLDZ = np.array([[4, 4], [7, 9], [3, 1]])

softmax_vjps = pytest.mark.parametrize(
    "method", [kernel.method for kernel in einbench.operation("softmax_vjp") if kernel.available]
)
families = pytest.mark.parametrize("family", FAMILIES)


def network(activation: Any = N.ReLU, **given: Any) -> Any:
    """S1's: W ~ N(0, 1 / features), biases 0."""
    layers: list[Any] = [
        N.Linear(2, 10, initial="normal"), activation(),
        N.Linear(10, 10, initial="normal"), activation(),
        N.Linear(10, 2, initial="normal"), N.Softmax(),
    ]  # fmt: skip
    loss = given.pop("loss", N.NegativeLogLikelihood())
    return N.Sequential(layers, loss, **{"kernels": "matmul", **given})


@families
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_worked_example_comes_out_of_loss_and_layer_to_the_digit(
    family: str, dtype: str
) -> None:
    calls, probs = Calls(family), A.astype(dtype)
    loss, softmax = N.NegativeLogLikelihood("sum"), N.Softmax()
    dlda = loss.gradient(calls, probs.T, Y.argmax(axis=0))
    np.testing.assert_array_equal(dlda.T, -Y.astype(dtype) / probs)
    back = softmax.backward(calls, probs.T, probs.T, dlda, True)
    assert back.parameters == []
    np.testing.assert_array_max_ulp(back.inputs.T, DLDZ.astype(dtype), maxulp=2)
    np.testing.assert_array_equal(back.inputs.T.round(5), DLDZ)


@softmax_vjps
def test_every_form_of_the_jacobian_gives_the_worked_example_through_the_layer(method: str) -> None:
    calls = Calls({"softmax_vjp": method})
    back = N.Softmax().backward(calls, A.T, A.T, np.ascontiguousarray((-Y / A).T), True)
    np.testing.assert_array_max_ulp(back.inputs.T, DLDZ.astype(float), maxulp=2)
    assert [(r.operation, r.kernel) for r in calls.ledger] == [("softmax_vjp", method)]


@pytest.mark.long
@pytest.mark.parametrize(
    "kernel", [k for k in einbench.operation("softmax_jacobian") if k.available], ids=repr
)
def test_the_jacobians_of_the_worked_example_are_those_of_every_kernel(kernel: Any) -> None:
    np.testing.assert_array_equal(kernel(A.T), JACOBIANS)


def test_one_random_sample_a_step_separates_the_two_classes() -> None:
    """The best line has 74 % of the points on their right sides."""
    points, labels = N.two_classes()
    net, reported = network(), []
    history = net.fit(
        points, labels, steps=20_000, batch=1, order="random", every=5000,
        optimizer=N.SGD(RATE), on_epoch=lambda history: reported.append(history.accuracy[-1]),
    )  # fmt: skip
    assert history.steps == 20_000
    assert len(reported) == 4
    assert reported[-1] > reported[0]
    assert history.loss[-1] < history.loss[0] / 5
    assert net.accuracy(points, labels) > 0.98
    assert net.accuracy(*N.two_classes(2000, seed=9)) > 0.98


def test_its_defaults_a_hundred_steps_print_what_they_reached() -> None:
    history = network().fit(
        *N.two_classes(), steps=100, batch=1, order="random", optimizer=N.SGD(RATE)
    )
    assert history.steps == 100
    assert len(str(history).splitlines()) == 2


def curve(net: Any, steps: int = 300) -> Array:
    points, labels = N.two_classes(dtype="float64")
    columns = np.ascontiguousarray(points.T)
    given: dict[str, Any] = {"steps": steps, "batch": 1, "order": "random", "seed": 5}
    return np.array(net.fit(columns.T, labels, optimizer=N.SGD(0.05), **given).step_losses)


@pytest.mark.long
@softmax_vjps
def test_every_form_of_the_jacobian_trains_and_all_alike(method: str, estimated: None) -> None:
    net = network(
        kernels={"softmax_vjp": method},
        dtype="float64", loss=N.NegativeLogLikelihood(joint=False),
    )  # fmt: skip
    losses = curve(net)
    assert {r.operation: r.kernel for r in net.ledger}["softmax_vjp"] == method
    np.testing.assert_allclose(losses, curve(network(dtype="float64")), rtol=1e-9)
    assert losses[-100:].mean() < losses[:100].mean()


@families
@pytest.mark.parametrize("activation", [N.ReLU, N.Tanh, N.Sigmoid])
def test_a_rate_reaches_every_layer_where_s1s_activations_stopped_the_training(
    activation: Any, family: str
) -> None:
    """Their step took no learning rate: a TypeError at the first one."""
    net = network(activation, kernels=family, dtype="float64")
    before = {name: p.copy() for name, p in net.parameters.items()}
    losses = curve(net, steps=50)
    assert np.isfinite(losses).all()
    assert all((p != before[name]).any() for name, p in net.parameters.items())


def test_samples_in_columns_are_trained_on_as_a_view() -> None:
    points, labels = N.two_classes()
    columns = np.ascontiguousarray(points.T)
    assert columns.shape == (2, 400)
    nets = [network(), network()]
    curves = [
        net.fit(x, labels, steps=200, batch=1, order="random", seed=1).step_losses
        for net, x in zip(nets, (points, columns.T), strict=True)
    ]
    assert curves[0] == curves[1]
    assert (nets[0].predict(points) == nets[1].predict(columns.T)).all()
    with pytest.raises(ValueError, match=r"samples are rows: pass x\.T"):
        nets[0].predict(columns)


@families
@pytest.mark.parametrize(("dtype", "size"), [("float64", 710.0), ("float32", 89.0)])
def test_a_network_does_not_overflow_where_s1s_exponentials_did(
    family: str, dtype: str, size: float
) -> None:
    with np.errstate(over="ignore"):
        assert np.isinf(np.exp(np.array(size, dtype)))
    for loss in (N.NegativeLogLikelihood(), N.NegativeLogLikelihood(joint=False)):
        net = N.Sequential(
            [N.Linear(1, 3), N.Softmax()], loss, kernels=family, dtype=dtype
        )  # fmt: skip
        net.parameters["0.weights"][:] = [[size], [size], [0.0]]
        assert net.forward([1.0]).tolist() == pytest.approx([0.5, 0.5, 0], abs=1e-30)
        value, [(_, _, dweights), (_, _, dbias)] = net.gradients([[1.0]], [0])
        assert value == pytest.approx(np.log(2))
        np.testing.assert_allclose(dbias, [-0.5, 0.5, 0], atol=1e-30)
        np.testing.assert_allclose(dweights[:, 0], dbias, atol=1e-30)


@families
@pytest.mark.parametrize("joint", [True, False])
def test_a_probability_of_zero_costs_a_finite_loss_and_gives_finite_gradients(
    family: str, joint: bool
) -> None:
    """S1 divides by it: -Y / Yhat is infinite, and NaN after the Jacobian."""
    loss = N.NegativeLogLikelihood("sum", joint=joint)
    net = N.Sequential([N.Linear(1, 2), N.Softmax()], loss, kernels=family, dtype="float64")
    net.parameters["0.weights"][:] = [[2000.0], [0.0]]
    assert net.forward([1.0]).tolist() == [1, 0]
    value, gradients = net.gradients([[1.0]], [1])
    assert value == 744.4400719213812
    assert all(np.isfinite(gradient).all() for _, _, gradient in gradients)
    # through the Jacobian, 0 times whatever stands in for 1 / 0 says nothing of the direction
    assert gradients[1][2].tolist() == ([1, -1] if joint else [0, 0])
    net.fit([[1.0]], [1], epochs=3, batch=1)


def test_no_jacobian_need_be_in_memory_to_go_back_through_softmax() -> None:
    """An identity in the einsum does `classes` times the work, a Jacobian takes the memory."""
    probs = np.random.default_rng(0).dirichlet(np.ones(100), 200)
    peaks = {}
    for method in ("jacobian_einsum_identity", "ufunc"):
        vjp = einbench.operation("softmax_vjp")[method]
        vjp(probs[:2], probs[:2])
        tracemalloc.start()
        vjp(probs, probs)
        peaks[method] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks["jacobian_einsum_identity"] > 100 * probs.nbytes
    assert peaks["ufunc"] < 5 * probs.nbytes
