"""scikit-learn: MLPClassifier.partial_fit, which is one SGD step where the batch is the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sklearn
import threadpoolctl
from sklearn.neural_network import MLPClassifier

from .problem import Parameters, Problem


class PartialFit:
    """Plain SGD: no momentum, no penalty, no shuffling; inputs are known to be finite."""

    def __init__(self, problem: Problem) -> None:
        # what may be left out of validation is
        sklearn.set_config(assume_finite=True, skip_parameter_validation=True)
        self.inputs, self.labels = problem.inputs, problem.labels
        _, hidden1, hidden2, classes = problem.widths
        self.model = MLPClassifier(
            (hidden1, hidden2), solver="sgd", momentum=0.0, nesterovs_momentum=False, alpha=0.0,
            learning_rate_init=problem.rate, batch_size=problem.batch, shuffle=False,
        )  # fmt: skip
        # the first call makes the parameters, of which the optimizer keeps hold
        self.model.partial_fit(self.inputs, self.labels, classes=np.arange(classes))

    def start(self, parameters: Parameters) -> None:
        """In place, for the optimizer's sake."""
        for held, given in zip(self._held(), parameters, strict=True):
            held[...] = given.T

    def step(self) -> Any:
        """One call."""
        self.model.partial_fit(self.inputs, self.labels)
        return self.model.loss_

    def parameters(self) -> Parameters:
        """Its weights are (features, units)."""
        return tuple(p.T.copy() for p in self._held())

    def facts(self) -> Mapping[str, Any]:
        """Its products are NumPy's and SciPy's."""
        pools = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
        return {"scikit-learn": sklearn.__version__, "threads": max(pools, default=1)}

    def _held(self) -> list[Any]:
        """w1, b1, w2, ..."""
        pairs = zip(self.model.coefs_, self.model.intercepts_, strict=True)
        return [array for pair in pairs for array in pair]


def partial_fit(problem: Problem, threads: int) -> PartialFit:
    """BLAS threads are the environment's."""
    return PartialFit(problem)
