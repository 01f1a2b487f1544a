"""scikit-learn: its multilayer perceptron classifier, where it has the operation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from einbench.libraries.library_kernels import Given, Way, library_kernel
from einbench.libraries.runtime import Array
from einbench.libraries.sklearn_layers import one_hot

_PARAMETERS = ("w1", "b1", "w2", "b2", "w3", "b3")


def _named(given: Given) -> dict[str, Any]:
    return dict(zip(given.operation.inputs, given.inputs, strict=True))


def _model(given: Given) -> Any:
    """A classifier with the problem's parameters; its weights are (features, units)."""
    from sklearn.neural_network import MLPClassifier

    sizes = given.sizes
    model = MLPClassifier(
        (sizes["hidden1"], sizes["hidden2"]), solver="sgd", momentum=0.0,
        nesterovs_momentum=False, alpha=0.0, batch_size=sizes["batch"], shuffle=False,
        learning_rate_init=float(_named(given).get("rate", 0.1)),
    )  # fmt: skip
    # one row of a class of its own for each class: the first call makes the parameters
    rows = np.zeros((1, sizes["features"]), given.dtype)
    model.set_params(batch_size=1)
    model.partial_fit(rows, np.zeros(1, np.int64), classes=np.arange(sizes["classes"]))
    model.set_params(batch_size=sizes["batch"])
    _reset(model, given)
    return model


def _held(model: Any) -> list[Array]:
    pairs = zip(model.coefs_, model.intercepts_, strict=True)
    return [array for pair in pairs for array in pair]


def _reset(model: Any, given: Given) -> None:
    """In place, for the optimizer's sake."""
    named = _named(given)
    for held, name in zip(_held(model), _PARAMETERS, strict=True):
        held[...] = named[name].T


@library_kernel("mlp_forward", "sklearn_predict_proba", library="sklearn")
def predict_proba(given: Given) -> Callable[[], Any]:
    """As its users call it."""
    return partial(_model(given).predict_proba, given.inputs[0])


@library_kernel("mlp_forward", "sklearn_forward_pass_fast", library="sklearn")
def forward_pass_fast(given: Given) -> Callable[[], Any]:
    """Without looking at its input."""
    return partial(_model(given)._forward_pass_fast, given.inputs[0], check_input=False)


@library_kernel("mlp_gradients", "sklearn_backprop", library="sklearn")
def backprop(given: Given) -> Way:
    """Gradients of the mean; the sum is formed off the clock."""
    model, inputs = _model(given), given.inputs[0]
    classes = one_hot(_named(given)["labels"], given.sizes["classes"])
    layers = len(model.coefs_)

    def call() -> Any:
        activations: list[Any] = [inputs, *[None] * layers]
        empty: list[list[Any]] = [[None] * layers for _ in range(3)]
        return model._backprop(inputs, classes, None, activations, *empty)

    def arrays(result: Any) -> list[Array]:
        _, weights, biases = result
        batch = given.problem.dtype.type(len(inputs))
        return [batch * g.T for pair in zip(weights, biases, strict=True) for g in pair]

    return Way(call, arrays)


@library_kernel("mlp_sgd_step", "sklearn_partial_fit", library="sklearn", without=("logits",))
def partial_fit(given: Given) -> Way:
    """One step in place, from where the one before led; a turn begins with the problem's own.

    It keeps the logits to itself.
    """
    model, named = _model(given), _named(given)

    def arrays(_: Any) -> list[Array]:
        loss = np.asarray(given.problem.dtype.type(model.loss_))
        return [loss, *(a.T.copy() for a in _held(model))]

    call = partial(model.partial_fit, named["inputs"], named["labels"])
    return Way(call, arrays, before=partial(_reset, model, given))
