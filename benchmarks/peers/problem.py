"""What every contender is given: real images, start parameters, and a rate.

A training step of 784-128-128-10 is, for parameters p in their order w1, b1, w2, b2, w3, b3,

    L = mean_b cross_entropy(logits(X, p)[b], labels[b]);  p <- p - rate dL/dp

It travels to the processes of the contenders as a file: all of them have the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import einbench
from einbench.measure.workload import Images, sizes_for, workload
from einbench.problem import Problem as Asked

Array = npt.NDArray[Any]
Parameters = tuple[Array, ...]

#: in the order of every contender's answer; weights are (units, features)
NAMES = ("w1", "b1", "w2", "b2", "w3", "b3")
RATE = 0.1


@dataclass(frozen=True)
class Problem:
    """One batch, and where training starts from; all arrays read-only."""

    inputs: Array  # (batch, features)
    labels: Array  # (batch,) int64
    parameters: Parameters
    rate: float

    @property
    def batch(self) -> int:
        """Rows of it."""
        return len(self.labels)

    @property
    def widths(self) -> tuple[int, int, int, int]:
        """Features, both hidden layers, classes."""
        w1, _, w2, _, w3, _ = self.parameters
        return w1.shape[1], w1.shape[0], w2.shape[0], w3.shape[0]

    def save(self, path: Path) -> None:
        """As a file of arrays."""
        named: dict[str, Any] = dict(zip(NAMES, self.parameters, strict=True))
        np.savez(path, inputs=self.inputs, labels=self.labels, rate=self.rate, **named)

    @classmethod
    def load(cls, path: str | Path) -> Problem:
        """From `save`'s file."""
        with np.load(path, allow_pickle=False) as file:
            parameters = tuple(read_only(file[name]) for name in NAMES)
            inputs, labels = read_only(file["inputs"]), read_only(file["labels"])
            return cls(inputs, labels, parameters, float(file["rate"]))


def draw(images: Images, batch: int, dtype: str, seed: int) -> Problem:
    """The first images of the set, and drawn parameters."""
    op = einbench.operation("mlp_gradients")
    sizes = sizes_for(op, images, {})
    arrays = workload(Asked.at(op, batch, dtype, sizes), images, seed).arrays
    parameters = tuple(arrays[name] for name in NAMES)
    return Problem(arrays["inputs"], arrays["labels"], parameters, RATE)


def read_only(array: Array) -> Array:
    """The array itself, not to be written to."""
    array.flags.writeable = False
    return array
