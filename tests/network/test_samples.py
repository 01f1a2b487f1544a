"""Samples and targets in every form that people have them in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import einbench

N = einbench.network
Array = np.ndarray[Any, Any]
COUNT, FEATURES, CLASSES = 50, 4, 3


def network(**given: Any) -> Any:
    layers = [N.Linear(FEATURES, 8), N.Tanh(), N.Linear(8, CLASSES)]
    return N.Sequential(layers, **{"kernels": "matmul", "dtype": "float64", **given})


@pytest.fixture
def data() -> tuple[Array, Array]:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((COUNT, FEATURES))
    return x, x[:, :CLASSES].argmax(axis=1)


def test_samples_in_columns_are_passed_transposed(data: tuple[Array, Array]) -> None:
    x, y = data
    columns = np.ascontiguousarray(x.T)
    for order in ("shuffled", "given", "random"):
        net, other = network(), network()
        one = net.fit(columns.T, y, batch=8, order=order, validation=(columns.T, y))
        two = other.fit(x, y, batch=8, order=order, validation=(x, y))
        np.testing.assert_allclose(one.step_losses, two.step_losses, rtol=1e-12)
    assert (net.predict(columns.T) == net.predict(x)).all()
    with pytest.raises(ValueError, match=r"samples are rows: pass x\.T"):
        net.fit(columns, y)


def test_one_sample_needs_no_row_axis(data: tuple[Array, Array]) -> None:
    x, y = data
    net = network()
    assert net.forward(x[0]).shape == (CLASSES,)
    np.testing.assert_allclose(net.forward(x[0]), net.forward(x)[0], rtol=1e-12)
    np.testing.assert_allclose(net.probabilities(x[0]).sum(), 1)
    assert net.predict(x[0]) == net.predict(x)[0]
    assert np.ndim(net.predict(x[0])) == 0
    assert net.accuracy(x[0], net.predict(x[0])) == 1
    assert net.loss_value(x[0], y[0]) == pytest.approx(net.loss_value(x[:1], y[:1]))
    assert net.loss_value(x[0], np.eye(CLASSES)[y[0]]) == net.loss_value(x[0], y[0])
    history = net.fit(x[0], y[0], batch=1, epochs=3)
    assert history.loss[0] > history.loss[1] > history.loss[2]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["uint8", "int64", "float32", "float64", "bool"])
def test_numbers_of_any_kind_are_converted_and_left_alone(dtype: str, kind: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (20, FEATURES)).astype(kind)
    before, y = x.copy(), rng.integers(0, CLASSES, 20).astype("uint8")
    net, other = network(dtype=dtype), network(dtype=dtype)
    one = net.fit(x, y, batch=5, order="given")
    two = other.fit(x.astype(dtype), y.astype("int64"), batch=5, order="given")
    assert one.step_losses == two.step_losses
    assert net.forward(x).dtype == dtype
    assert (x == before).all()


def test_nothing_that_was_given_is_written_to(data: tuple[Array, Array]) -> None:
    x, y = data
    x.setflags(write=False)
    y.setflags(write=False)
    for order in ("shuffled", "given", "random"):
        network().fit(x, y, batch=8, order=order, validation=(x, y))


def test_one_hot_rows_train_as_labels_do(data: tuple[Array, Array]) -> None:
    x, y = data
    for loss in (N.CrossEntropy(), N.MeanSquaredError(), N.SoftmaxMeanSquaredError()):
        nets = [network(loss=loss) for _ in range(4)]
        kinds = (y, np.eye(CLASSES)[y], np.eye(CLASSES, dtype=bool)[y], np.eye(CLASSES)[:, y].T)
        curves = [
            net.fit(x, kind, epochs=2, batch=8, optimizer=N.SGD(0.3)).step_losses
            for net, kind in zip(nets, kinds, strict=True)
        ]
        assert curves[0] == curves[1] == curves[2] == curves[3]
        assert nets[0].accuracy(x, kinds[1]) == nets[0].accuracy(x, y)


def test_a_class_without_a_sample_is_no_matter(data: tuple[Array, Array]) -> None:
    x, y = data
    kept = y != 1
    network().fit(x[kept], y[kept], batch=8)
    network().fit(x[kept], np.eye(CLASSES)[y[kept]], batch=8)


def test_numbers_are_fitted_by_squares(data: tuple[Array, Array]) -> None:
    x, _ = data
    y = x @ np.array([1.0, -2.0, 0.5, 0.0]) + 3
    net = N.Sequential([N.Linear(FEATURES, 1)], N.MeanSquaredError(), kernels="matmul")
    history = net.fit(x, y, epochs=200, batch=10, optimizer=N.SGD(0.05))
    assert history.loss[-1] < 1e-6
    assert np.isnan(history.accuracy).all()
    np.testing.assert_allclose(net.parameters["0.weights"][0], [1, -2, 0.5, 0], atol=1e-3)
    with pytest.raises(ValueError, match="single output has no accuracy"):
        net.fit(x, y, batch=8, target=0.9)


def test_more_rows_than_a_block_are_answered_alike(data: tuple[Array, Array]) -> None:
    x, y = (np.tile(a, (50, 1))[: 50 * COUNT - 3] for a in (data[0], data[1][:, None]))
    net = network()
    one_by_one = np.concatenate([net.forward(x[i : i + 7]) for i in range(0, len(x), 7)])
    np.testing.assert_allclose(net.forward(x), one_by_one, rtol=1e-12)
    assert net.forward(x[:0]).shape == (0, CLASSES)
    expected = float((one_by_one.argmax(axis=1) == y[:, 0]).mean())
    assert net.accuracy(x, y[:, 0]) == expected
