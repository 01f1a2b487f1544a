"""Data and settings that do not fit are refused before anything is touched, each by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import einbench

N = einbench.network
Array = np.ndarray[Any, Any]
X = np.random.default_rng(0).standard_normal((20, 4))
Y = np.arange(20) % 3
NAN, INFINITE, HUGE = X.copy(), X.copy(), X.copy()
NAN[7, 2], INFINITE[0, 3], HUGE[19, 0] = np.nan, -np.inf, 1e300
HOT = np.eye(3)[Y]


def changed(rows: Array, place: int, row: list[float]) -> Array:
    rows = rows.copy()
    rows[place] = row
    return rows


@pytest.fixture
def net() -> Iterator[Any]:
    made = N.Sequential([N.Linear(4, 3)], kernels="matmul")
    before = [p.copy() for p in made.parameters.values()]
    yield made
    after = made.parameters.values()
    assert all((p == b).all() for p, b in zip(after, before, strict=True)), "it was trained"


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (NAN, "x is nan at row 7, column 2, not a finite number"),
        (INFINITE, "x is -inf at row 0, column 3, not a finite number"),
        (HUGE, "x is 1e+300 at row 19, column 0, too large for float32"),
        (X.reshape(20, 2, 2), "x has 3 dimensions, shape (20, 2, 2); expected (samples, 4)"),
        (X.reshape(20, 2, 2), "flatten each sample with x.reshape(len(x), -1)"),
        (X[:, :3], "x has shape (20, 3); expected (samples, 4)"),
        (X.T, "samples are rows: pass x.T"),
        (X[0, :3], "x has shape (3,); expected (samples, 4)"),
        (3.0, "x has 0 dimensions"),
        (X[:0], "x has no samples"),
        (X[:19], "y has 20 labels where x has 19 samples"),
    ],
)
def test_samples_that_cannot_be_used(net: Any, x: Any, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as problem:
        net.fit(x, Y)
    assert "\n" not in str(problem.value)


def test_a_nan_is_found_wherever_it_comes_in(net: Any) -> None:
    place = "nan at row 7, column 2"
    for call in (net.forward, net.predict, net.probabilities):
        with pytest.raises(ValueError, match=place):
            call(NAN)
    for call in (net.accuracy, net.loss_value, net.gradients):
        with pytest.raises(ValueError, match=place):
            call(NAN, Y)
    with pytest.raises(ValueError, match=f"validation: x is {place}"):
        net.fit(X, Y, validation=(NAN, Y))
    with pytest.raises(ValueError, match="nan at position 2"):
        net.predict(NAN[7])


@pytest.mark.parametrize(
    "x", [X.astype(complex), X.astype(str), X.astype("float16"), X.astype(object), [[1, 2], [3]]]
)
def test_what_is_no_number_is_refused(net: Any, x: Any) -> None:
    with pytest.raises(TypeError, match="x is"):
        net.fit(x, Y)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (
            np.where(Y == 2, 3, Y),
            "label 3 at position 2 is out of range; the network has 3 classes",
        ),
        (Y - 1, "label -1 at position 0 is out of range"),
        (Y[:19], "y has 19 labels where x has 20 samples"),
        (HOT.T, "samples are rows: pass y.T"),
        (HOT[:, :2], "y has shape (20, 2); expected (20,) labels or (20, 3) rows"),
        (changed(HOT, 4, [0, 0, 0]), "row 4 of y is not one-hot: its sum is 0.0"),
        (changed(HOT, 5, [1, 1, 0]), "row 5 of y is not one-hot: its sum is 2.0"),
        (changed(HOT, 6, [0.5, 0.5, 0]), "row 6 of y is not one-hot"),
        (changed(HOT, 6, [2, -1, 0]), "row 6 of y is not one-hot"),
        (changed(HOT, 6, [np.nan, 1, 0]), "row 6 of y is not one-hot"),
    ],
)
def test_labels_that_cannot_be_used(net: Any, y: Array, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        net.fit(X, y)


def test_labels_are_integers(net: Any) -> None:
    with pytest.raises(TypeError, match="labels must be integers, got float64"):
        net.fit(X, Y.astype(float))
    with pytest.raises(TypeError, match="y is of"):
        net.fit(X, Y.astype(str))


def test_targets_of_squares_are_finite_numbers() -> None:
    squares = N.Sequential([N.Linear(4, 3)], N.MeanSquaredError(), kernels="matmul")
    with pytest.raises(ValueError, match="y is nan at row 3, column 1"):
        squares.fit(X, changed(HOT, 3, [0, np.nan, 0]))
    with pytest.raises(ValueError, match="label 5 at position 0 is out of range"):
        squares.fit(X, Y + 5)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"epochs": 0}, "epochs=0: expected a whole number from 1"),
        ({"epochs": -1}, "epochs=-1"),
        ({"epochs": 1.5}, "epochs=1.5"),
        ({"epochs": True}, "epochs=True"),
        ({"steps": 0}, "steps=0"),
        ({"epochs": 1, "steps": 1}, "give one of them"),
        ({"batch": 21}, "batch=21 is larger than the data, 20 samples; expected at most 20"),
        ({"batch": 0}, "batch=0"),
        ({"order": "shufled"}, "no order 'shufled'; did you mean shuffled?"),
        ({"target": 97.5}, "target=97.5: expected an accuracy above 0, at most 1"),
        ({"target": 0}, "target=0"),
        ({"every": 5}, "every=5 is for training by steps"),
        ({"steps": 5, "every": 0}, "every=0"),
        ({"on_interrupt": "ignore"}, "on_interrupt='ignore'"),
    ],
)
def test_settings_that_cannot_be_used(net: Any, given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        net.fit(X, Y, **{"batch": 5, **given})


def test_the_usual_batch_is_larger_than_twenty_samples(net: Any) -> None:
    with pytest.raises(ValueError, match="batch=128 is larger than the data"):
        net.fit(X, Y)


def test_a_validation_set_is_a_pair(net: Any) -> None:
    with pytest.raises(TypeError, match="validation must be a pair"):
        net.fit(X, Y, validation=X)
    with pytest.raises(ValueError, match="validation: y has 20 labels where x has 5"):
        net.fit(X, Y, validation=(X[:5], Y))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"optimizer": "sgd"}, "optimizer='sgd': expected an optimizer"),
        ({"optimizer": N.SGD}, "expected an optimizer, as SGD"),
        ({"on_step": 3}, "on_step=3: expected a function"),
        ({"on_epoch": "x"}, "on_epoch='x': expected a function"),
        ({"target": "a"}, "target='a': expected an accuracy"),
        ({"seed": "a"}, "seed='a': expected a whole number"),
        ({"seed": -1}, "seed=-1: expected a whole number"),
    ],
)
def test_what_is_called_while_training_is_looked_at_before(settings, words) -> None:
    net = N.Sequential([N.Linear(3, 2)], kernels="matmul")
    with pytest.raises((TypeError, ValueError), match=re.escape(words)):
        net.fit(np.ones((4, 3)), [0, 1, 0, 1], batch=2, **settings)


def test_a_layer_alone_is_no_list_of_layers() -> None:
    with pytest.raises(TypeError, match="expected a list of layers"):
        N.Sequential(N.Linear(2, 3))
