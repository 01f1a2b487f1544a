"""Kernels that are wrong on purpose, each in one way it can go wrong."""

from wrong_kernels import (
    activations,
    given,
    layers,
    likelihoods,
    losses,
    networks,
    probabilities,
    squares,
)
from wrong_kernels.entry import CATALOGUE, Wrong

__all__ = [
    "CATALOGUE",
    "Wrong",
    "activations",
    "given",
    "layers",
    "likelihoods",
    "losses",
    "networks",
    "probabilities",
    "squares",
]
