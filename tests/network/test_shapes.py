"""What does not fit together is refused when the network is made, named layer by layer."""

from __future__ import annotations

import re
from typing import Any

import pytest

import einbench

N = einbench.network


def test_a_layer_that_takes_another_width_is_named_with_the_one_before() -> None:
    message = "layer 2 Linear(64, 10) takes 64 features, layer 0 Linear(784, 128) gives 128"
    with pytest.raises(ValueError, match=re.escape(message)):
        N.Sequential([N.Linear(784, 128), N.ReLU(), N.Linear(64, 10)])


def test_every_layer_of_a_chain_is_looked_at() -> None:
    layers = [N.Linear(4, 3), N.ReLU(), N.Linear(3, 5), N.Tanh(), N.Linear(4, 2)]
    with pytest.raises(ValueError, match=r"layer 4 Linear\(4, 2\).*layer 2 Linear\(3, 5\) gives 5"):
        N.Sequential(layers)


@pytest.mark.parametrize(
    ("layers", "loss", "words"),
    [
        ([], None, "needs layers"),
        ([N.ReLU()], None, "needs a Linear layer"),
        ([N.Linear(3, 2), N.Softmax()], N.CrossEntropy(), "leave the last Softmax"),
        ([N.Linear(3, 2), N.Softmax()], N.SoftmaxMeanSquaredError(), "leave the last Softmax"),
        ([N.Linear(3, 2)], N.NegativeLogLikelihood(), "put Softmax"),
    ],
)
def test_what_cannot_be_a_network_is_refused(layers: Any, loss: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        N.Sequential(layers, loss)


@pytest.mark.parametrize("layer", [N.ReLU, "relu", 5, None])
def test_what_is_no_layer_is_refused(layer: Any) -> None:
    with pytest.raises(TypeError, match=r"layer 1 .* is no layer"):
        N.Sequential([N.Linear(3, 2), layer])


def test_a_loss_that_was_not_made_is_refused() -> None:
    with pytest.raises(TypeError, match="is no loss"):
        N.Sequential([N.Linear(3, 2)], N.CrossEntropy)


def test_one_layer_cannot_stand_in_two_places() -> None:
    square = N.Linear(3, 3)
    with pytest.raises(ValueError, match="there twice"):
        N.Sequential([square, N.ReLU(), square])


def test_a_layer_of_one_network_cannot_be_taken_by_another() -> None:
    taken = N.Linear(3, 2)
    first = N.Sequential([taken])
    before = first.parameters["0.weights"].copy()
    with pytest.raises(ValueError, match="belongs to a network already"):
        N.Sequential([taken])
    assert (first.parameters["0.weights"] == before).all()


@pytest.mark.parametrize("size", [0, -1, 2.0, True, "3"])
def test_sizes_are_whole_numbers_from_one(size: Any) -> None:
    with pytest.raises(ValueError, match="expected a whole number from 1"):
        N.Linear(size, 2)
    with pytest.raises(ValueError, match="expected a whole number from 1"):
        N.Linear(2, size)


def test_other_settings_are_refused_when_they_are_given() -> None:
    with pytest.raises(ValueError, match="reduction='median'"):
        N.CrossEntropy("median")
    with pytest.raises(ValueError, match="float16"):
        N.Sequential([N.Linear(3, 2)], dtype="float16")
    with pytest.raises(ValueError, match=r"rate=-0\.1"):
        N.SGD(-0.1)
    with pytest.raises(ValueError, match="rate=nan"):
        N.SGD(float("nan"))
    with pytest.raises(ValueError, match=r"momentum=1\.0"):
        N.SGD(0.1, momentum=1.0)


def test_a_network_shows_what_it_is_made_of() -> None:
    net = N.Sequential([N.Linear(3, 4), N.Tanh(), N.Linear(4, 2, bias=False)], kernels="matmul")
    assert repr(net) == (
        "Sequential([Linear(3, 4), Tanh(), Linear(4, 2, bias=False)], loss=CrossEntropy(), "
        "kernels='matmul', dtype='float32')"
    )
    assert list(net.parameters) == ["0.weights", "0.bias", "2.weights"]
    assert (net.features, net.outputs) == (3, 2)
