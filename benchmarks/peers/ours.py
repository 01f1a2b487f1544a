"""The suite itself: Sequential's own steps, as `fit` takes them, and `fit` itself."""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from einbench import network
from einbench.choose import environment
from einbench.network.step import stepping

from .problem import Parameters, Problem


class Stepper:
    """Steps as `fit` takes them, in one call where a kernel is a whole step."""

    def __init__(self, problem: Problem, family: str) -> None:
        features, hidden1, hidden2, classes = problem.widths
        self.net = network.Sequential(
            [
                network.Linear(features, hidden1), network.ReLU(),
                network.Linear(hidden1, hidden2), network.ReLU(),
                network.Linear(hidden2, classes),
            ],
            loss=network.CrossEntropy(), kernels=family, dtype=problem.inputs.dtype,
        )  # fmt: skip
        self.inputs, self.labels = self.net.checked(problem.inputs, problem.labels)
        self.optimizer = network.SGD(problem.rate)
        self.held = list(self.net.parameters.values())
        self.advance = stepping(self.net.stepper, self.net.calls, self.optimizer.begin(self.held))
        self.calls = self.net.calls
        self.places = [(layer, name) for layer in self.net.layers for name in layer.names]
        self.spare = [p.copy() for p in self.held]

    def start(self, parameters: Parameters) -> None:
        """In place."""
        for held, given in zip(self.held, parameters, strict=True):
            held[...] = given
        self._go_on_from(self.held)

    def step(self) -> Any:
        """As `fit` does it: the network goes on from the new parameters."""
        loss, _, following = self.advance(self.inputs, self.labels, self.held, self.spare)
        self.spare = self.held
        self._go_on_from(following)
        return loss

    def _go_on_from(self, parameters: Any) -> None:
        self.held = list(parameters)
        for (layer, name), array in zip(self.places, parameters, strict=True):
            setattr(layer, name, array)

    def parameters(self) -> Parameters:
        """Copies."""
        return tuple(p.copy() for p in self.net.parameters.values())

    def facts(self) -> Mapping[str, Any]:
        """Threads of BLAS or numba, whichever are more, and which kernels it has called."""
        return {
            "threads": max(environment.threads()),
            "kernels": {r.operation: r.kernel for r in self.calls.ledger if r.calls},
        }


class Fit(Stepper):
    """`fit` from step to step: it also feeds batches, counts who is right, and watches the loss."""

    def step(self) -> Any:
        """A training of one step."""
        return self._fit(1).step_losses[-1]

    def timed(self, untimed: int, steps: int) -> list[float]:
        """Seconds from the end of one step to the end of the next."""
        ends_s: list[float] = []
        self._fit(untimed + steps, lambda *_: ends_s.append(time.perf_counter()))
        return [after - before for before, after in pairwise(ends_s)][-steps:]

    def _fit(self, steps: int, on_step: Any = None) -> Any:
        return self.net.fit(
            self.inputs, self.labels, steps=steps, every=steps, batch=None,
            optimizer=self.optimizer, on_step=on_step,
        )  # fmt: skip


def auto(problem: Problem, threads: int) -> Stepper:
    """The fastest kernels; threads are the environment's, for every family."""
    return Stepper(problem, "auto")


def fit(problem: Problem, threads: int) -> Fit:
    """The fastest kernels."""
    return Fit(problem, "auto")


def einsum(problem: Problem, threads: int) -> Stepper:
    """einsum, for all that has it."""
    return Stepper(problem, "einsum")


def matmul(problem: Problem, threads: int) -> Stepper:
    """Matrix products."""
    return Stepper(problem, "matmul")


def numba(problem: Problem, threads: int) -> Stepper:
    """Compiled loops."""
    return Stepper(problem, "numba")
