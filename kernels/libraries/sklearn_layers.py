"""scikit-learn: activations, derivatives and losses that its multilayer perceptrons are made of."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from einbench.libraries.library_kernels import Given, Way, library_kernel
from einbench.libraries.runtime import Array


def one_hot(labels: Array, classes: int) -> Array:
    """As its own binarizer makes them."""
    return np.equal.outer(labels, np.arange(classes))


def in_place(given: Given, table: str, name: str) -> Callable[[], Any]:
    """They write to their last argument, so that is copied first."""
    from sklearn.neural_network import _base

    function = getattr(_base, table)[name]
    *others, changed = given.inputs
    buffer = np.full_like(changed, np.nan)

    def call() -> Array:
        np.copyto(buffer, changed)
        function(*others, buffer)
        return buffer

    return call


for _op, _name in (("relu", "relu"), ("tanh", "tanh"), ("sigmoid", "logistic")):
    library_kernel(_op, f"sklearn_inplace_{_name}", library="sklearn")(
        partial(in_place, table="ACTIVATIONS", name=_name)
    )
    library_kernel(f"{_op}_vjp", f"sklearn_inplace_{_name}_derivative", library="sklearn")(
        partial(in_place, table="DERIVATIVES", name=_name)
    )
library_kernel("softmax", "sklearn_inplace_softmax", library="sklearn")(
    partial(in_place, table="ACTIVATIONS", name="softmax")
)


@library_kernel("softmax", "sklearn_softmax", library="sklearn")
def softmax(given: Given) -> Callable[[], Any]:
    """Of its extended mathematics."""
    from sklearn.utils.extmath import softmax

    return partial(softmax, *given.inputs)


@library_kernel("negative_log_likelihood", "sklearn_log_loss", library="sklearn")
def likelihood(given: Given) -> Way:
    """Classes are prepared as it does itself, once for all epochs."""
    from sklearn.neural_network._base import log_loss

    probs, labels = given.inputs
    classes, dtype = one_hot(labels, probs.shape[1]), given.problem.dtype
    return Way(partial(log_loss, classes, probs), lambda loss: [np.asarray(dtype.type(loss))])


@library_kernel("mean_squared_error", "sklearn_squared_loss", library="sklearn")
def squared_error(given: Given) -> Way:
    """Half the loss, doubled off the clock."""
    from sklearn.neural_network._base import squared_loss

    outputs, targets = given.inputs
    dtype = given.problem.dtype
    return Way(
        partial(squared_loss, targets, outputs), lambda loss: [np.asarray(dtype.type(2 * loss))]
    )
