"""torch.compile, in the ways its users compile a training step; the backend writes C++."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from .problem import Parameters, Problem
from .torch_eager import Autograd, ByHand, facts, tensor, update

functional = torch.nn.functional


class Whole:
    """Loss, gradients and update in one graph: torch.func.grad_and_value, compiled with them."""

    def __init__(self, problem: Problem, threads: int, mode: str | None = None) -> None:
        torch.set_num_threads(threads)
        self.inputs, self.labels = tensor(problem.inputs), tensor(problem.labels)
        self.held = [tensor(p) for p in problem.parameters]
        rate = problem.rate

        def step(parameters: Any, inputs: Any, labels: Any) -> Any:
            gradients, loss = torch.func.grad_and_value(mean_loss)(parameters, inputs, labels)
            torch._foreach_add_(parameters, gradients, alpha=-rate)
            return loss

        self.compiled = torch.compile(step, fullgraph=True, dynamic=False, mode=mode)

    def start(self, parameters: Parameters) -> None:
        """In place."""
        for held, given in zip(self.held, parameters, strict=True):
            held.copy_(tensor(given))

    def step(self) -> Any:
        """Gradients are functions here: autograd has nothing to record."""
        with torch.no_grad():
            return self.compiled(self.held, self.inputs, self.labels)

    def parameters(self) -> Parameters:
        """Copies."""
        return tuple(p.numpy().copy() for p in self.held)

    def facts(self) -> Mapping[str, Any]:
        """PyTorch's."""
        return facts()


def mean_loss(parameters: Any, inputs: Any, labels: Any) -> Any:
    """cross_entropy(logits, labels)."""
    w1, b1, w2, b2, w3, b3 = parameters
    hidden = functional.relu(functional.linear(inputs, w1, b1))
    hidden = functional.relu(functional.linear(hidden, w2, b2))
    return functional.cross_entropy(functional.linear(hidden, w3, b3), labels)


def autograd(problem: Problem, threads: int) -> Autograd:
    """Module and loss compiled, the backward pass with them; and the optimizer's step."""
    made = Autograd(problem, threads)
    made.loss = torch.compile(made.loss, fullgraph=True, dynamic=False)
    made.optimizer.step = torch.compile(made.optimizer.step, dynamic=False)
    return made


def whole(problem: Problem, threads: int) -> Whole:
    """One graph, the compiler's own defaults."""
    return Whole(problem, threads)


def tuned(problem: Problem, threads: int) -> Whole:
    """One graph, with matrix products that the compiler has timed against each other."""
    return Whole(problem, threads, "max-autotune-no-cudagraphs")


def by_hand(problem: Problem, threads: int) -> ByHand:
    """The closed form, one graph."""
    made = ByHand(problem, threads)
    made.update = torch.compile(update, fullgraph=True, dynamic=False)
    return made
