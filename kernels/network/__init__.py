"""Networks from layers and losses, trained on whichever kernels are named, or on the fastest."""

from kernels.network.data import batches, normalise, one_hot, split
from kernels.network.history import History
from kernels.network.initial import INITIAL, normal, uniform
from kernels.network.layers import Linear, ReLU, Sigmoid, Softmax, Tanh
from kernels.network.ledger import Ledger
from kernels.network.losses import (
    CrossEntropy,
    MeanSquaredError,
    NegativeLogLikelihood,
    SoftmaxMeanSquaredError,
)
from kernels.network.optimizer import SGD
from kernels.network.plane import two_classes
from kernels.network.sequential import Sequential
from kernels.network.storage import load
from kernels.network.training import Diverged

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
