"""Kernels that are wrong on purpose, each in one way it can go wrong."""

from wrong_kernels import (
    activations,
    given,
    inputs,
    labels,
    layers,
    layouts,
    likelihoods,
    losses,
    networks,
    probabilities,
    second,
    sizes,
    squares,
    state,
    values,
)
from wrong_kernels.entry import CATALOGUE, Wrong

__all__ = [
    "CATALOGUE",
    "Wrong",
    "activations",
    "given",
    "inputs",
    "labels",
    "layers",
    "layouts",
    "likelihoods",
    "losses",
    "networks",
    "probabilities",
    "second",
    "sizes",
    "squares",
    "state",
    "values",
]
