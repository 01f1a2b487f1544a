"""Networks from layers and losses, trained on whichever kernels are named, or on the fastest."""

from einbench.network.data import batches, normalise, one_hot, split
from einbench.network.history import History
from einbench.network.initial import INITIAL, normal, uniform
from einbench.network.layers import Linear, ReLU, Sigmoid, Softmax, Tanh
from einbench.network.ledger import Ledger
from einbench.network.loading import load
from einbench.network.losses import (
    CrossEntropy,
    MeanSquaredError,
    NegativeLogLikelihood,
    SoftmaxMeanSquaredError,
)
from einbench.network.optimizer import SGD
from einbench.network.plane import two_classes
from einbench.network.sequential import Sequential
from einbench.network.training import Diverged

__all__ = [
    "INITIAL",
    "SGD",
    "CrossEntropy",
    "Diverged",
    "History",
    "Ledger",
    "Linear",
    "MeanSquaredError",
    "NegativeLogLikelihood",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "SoftmaxMeanSquaredError",
    "Tanh",
    "batches",
    "load",
    "normal",
    "normalise",
    "one_hot",
    "split",
    "two_classes",
    "uniform",
]
