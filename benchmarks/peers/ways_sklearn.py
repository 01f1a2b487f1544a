"""scikit-learn: what its classifier of multilayer perceptrons is made of, as far as it goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import sklearn
import threadpoolctl
from sklearn.neural_network import MLPClassifier
from sklearn.neural_network._base import ACTIVATIONS, DERIVATIVES, log_loss, squared_loss
from sklearn.utils.extmath import softmax

from einbench.measure.spinning import stop_spinning

from .task import Array, Offer, Task, Way

_PARAMETERS = ("w1", "b1", "w2", "b2", "w3", "b3")
Maker = Callable[[Task], Way]


class Sklearn:
    """A way for each operation that it has."""

    def __init__(self) -> None:
        # what may be left out of validation is
        sklearn.set_config(assume_finite=True, skip_parameter_validation=True)

    def offer(self, task: Task) -> Offer:
        """By its own function's name."""
        makers = _WAYS.get(task.operation.name, {})
        return Offer({name: partial(maker, task) for name, maker in makers.items()})

    def close(self) -> None:
        """Nothing is kept."""

    def facts(self) -> Mapping[str, Any]:
        """Its products are NumPy's and SciPy's."""
        pools = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
        return {"scikit-learn": sklearn.__version__, "threads": max(pools, default=1)}


def _in_place(function: Callable[..., object], task: Task) -> Way:
    """Its activations and derivatives write to their last argument, so that is copied first."""
    *others, changed = task.given
    buffer = np.full_like(changed, np.nan)

    def call() -> Array:
        np.copyto(buffer, changed)
        function(*others, buffer)
        return buffer

    return Way(call, _one)


def _one(result: Any) -> list[Array]:
    return [np.asarray(result)]


def _softmax(task: Task) -> Way:
    return Way(partial(softmax, *task.given), _one)


def _log_loss(task: Task) -> Way:
    """Classes are prepared as it does itself, once for all epochs."""
    probs, labels = task.given
    classes = _one_hot(labels, probs.shape[1])
    return Way(partial(log_loss, classes, probs), lambda loss: [task.dtype.type(loss).reshape(())])


def _squared_loss(task: Task) -> Way:
    """Half the loss, doubled off the clock."""
    outputs, targets = task.given
    return Way(
        partial(squared_loss, targets, outputs),
        lambda loss: [np.asarray(task.dtype.type(2 * loss))],
    )


def _model(task: Task) -> Any:
    """A classifier with the task's parameters; its weights are (features, units)."""
    sizes = task.sizes
    model = MLPClassifier(
        (sizes["hidden1"], sizes["hidden2"]), solver="sgd", momentum=0.0,
        nesterovs_momentum=False, alpha=0.0, batch_size=sizes["batch"], shuffle=False,
        learning_rate_init=float(task.arrays.get("rate", 0.1)),
    )  # fmt: skip
    # one row of a class of its own for each class: the first call makes the parameters
    rows = np.zeros((1, sizes["features"]), task.dtype)
    model.set_params(batch_size=1)
    model.partial_fit(rows, np.zeros(1, np.int64), classes=np.arange(sizes["classes"]))
    model.set_params(batch_size=sizes["batch"])
    _reset(model, task)
    return model


def _held(model: Any) -> list[Array]:
    pairs = zip(model.coefs_, model.intercepts_, strict=True)
    return [array for pair in pairs for array in pair]


def _reset(model: Any, task: Task) -> None:
    """In place, for the optimizer's sake."""
    for held, name in zip(_held(model), _PARAMETERS, strict=True):
        held[...] = task.arrays[name].T


def _predict_proba(task: Task) -> Way:
    return Way(
        partial(_model(task).predict_proba, task.arrays["inputs"]), _one, after=stop_spinning
    )


def _forward_pass_fast(task: Task) -> Way:
    model, inputs = _model(task), task.arrays["inputs"]
    call = partial(model._forward_pass_fast, inputs, check_input=False)
    return Way(call, _one, after=stop_spinning)


def _backprop(task: Task) -> Way:
    """Gradients of the mean; the sum is formed off the clock."""
    model, inputs = _model(task), task.arrays["inputs"]
    classes = _one_hot(task.arrays["labels"], task.sizes["classes"])
    layers = len(model.coefs_)

    def call() -> Any:
        activations: list[Any] = [inputs, *[None] * layers]
        empty: list[list[Any]] = [[None] * layers for _ in range(3)]
        return model._backprop(inputs, classes, None, activations, *empty)

    def arrays(result: Any) -> list[Array]:
        _, weights, biases = result
        batch = task.dtype.type(len(inputs))
        return [batch * g.T for pair in zip(weights, biases, strict=True) for g in pair]

    return Way(call, arrays, after=stop_spinning)


def _partial_fit(task: Task) -> Way:
    """One step in place, from where the one before led; a turn begins with the task's own.

    It keeps the logits to itself.
    """
    model, inputs, labels = _model(task), task.arrays["inputs"], task.arrays["labels"]

    def arrays(_: Any) -> list[Array]:
        return [np.asarray(task.dtype.type(model.loss_)), *(a.T.copy() for a in _held(model))]

    return Way(
        partial(model.partial_fit, inputs, labels), arrays,
        before=partial(_reset, model, task), after=stop_spinning, without=("logits",),
    )  # fmt: skip


def _one_hot(labels: Array, classes: int) -> Array:
    """As its own binarizer makes them."""
    return np.equal.outer(labels, np.arange(classes))


def _activation(name: str) -> Mapping[str, Maker]:
    return {f"inplace_{name}": partial(_in_place, ACTIVATIONS[name])}


def _derivative(name: str) -> Mapping[str, Maker]:
    return {f"inplace_{name}_derivative": partial(_in_place, DERIVATIVES[name])}


_WAYS: Mapping[str, Mapping[str, Maker]] = {
    "relu": _activation("relu"),
    "tanh": _activation("tanh"),
    "sigmoid": _activation("logistic"),
    "relu_vjp": _derivative("relu"),
    "tanh_vjp": _derivative("tanh"),
    "sigmoid_vjp": _derivative("logistic"),
    "softmax": {"softmax": _softmax, **_activation("softmax")},
    "negative_log_likelihood": {"log_loss": _log_loss},
    "mean_squared_error": {"squared_loss": _squared_loss},
    "mlp_forward": {"predict_proba": _predict_proba, "_forward_pass_fast": _forward_pass_fast},
    "mlp_gradients": {"_backprop": _backprop},
    "mlp_sgd_step": {"partial_fit": _partial_fit},
}


def library(threads: int) -> Sklearn:
    """BLAS threads are the environment's."""
    return Sklearn()
