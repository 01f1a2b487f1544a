"""PyTorch without its compiler: a module trained by autograd and SGD, and the formula by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from .problem import Parameters, Problem


class Autograd:
    """zero_grad, cross_entropy of nn.Sequential, backward, optim.SGD: as everybody writes it."""

    def __init__(self, problem: Problem, threads: int) -> None:
        torch.set_num_threads(threads)
        features, hidden1, hidden2, classes = problem.widths
        self.model = torch.nn.Sequential(
            torch.nn.Linear(features, hidden1), torch.nn.ReLU(),
            torch.nn.Linear(hidden1, hidden2), torch.nn.ReLU(),
            torch.nn.Linear(hidden2, classes),
        ).to(tensor(problem.inputs).dtype)  # fmt: skip
        self.inputs, self.labels = tensor(problem.inputs), tensor(problem.labels)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=problem.rate)
        self.loss = self._loss

    def _loss(self) -> Any:
        return torch.nn.functional.cross_entropy(self.model(self.inputs), self.labels)

    def start(self, parameters: Parameters) -> None:
        """In place: the optimizer keeps its hold on them."""
        with torch.no_grad():
            for held, given in zip(self.model.parameters(), parameters, strict=True):
                held.copy_(tensor(given))

    def step(self) -> Any:
        """Autograd's gradients are new tensors every time, which costs less than to zero old."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss()
        loss.backward()
        self.optimizer.step()
        return loss

    def parameters(self) -> Parameters:
        """Copies."""
        return tuple(p.detach().numpy().copy() for p in self.model.parameters())

    def facts(self) -> Mapping[str, Any]:
        """PyTorch's."""
        return facts()


class ByHand:
    """The closed form in inference_mode: no graph, products added onto parameters in place."""

    def __init__(self, problem: Problem, threads: int) -> None:
        torch.set_num_threads(threads)
        self.inputs = tensor(problem.inputs)
        self.classes = torch.nn.functional.one_hot(tensor(problem.labels)).to(self.inputs.dtype)
        self.factor = -problem.rate / problem.batch
        self.share = -1.0 / problem.batch
        self.held = [tensor(p) for p in problem.parameters]
        self.update = update

    def start(self, parameters: Parameters) -> None:
        """In place."""
        with torch.inference_mode():
            for held, given in zip(self.held, parameters, strict=True):
                held.copy_(tensor(given))

    def step(self) -> Any:
        """See `update`."""
        with torch.inference_mode():
            return self.update(self.inputs, self.classes, self.held, self.factor, self.share)

    def parameters(self) -> Parameters:
        """Copies."""
        return tuple(p.numpy().copy() for p in self.held)

    def facts(self) -> Mapping[str, Any]:
        """PyTorch's."""
        return facts()


def update(inputs: Any, classes: Any, parameters: Any, factor: float, share: float) -> Any:
    """d3 = softmax(logits) - onehot, d2 = (d3 W3) [o2 > 0], ...; W += factor d^T o, as one GEMM.

    The mean's 1 / batch is part of the factor, so that it costs no pass of its own.
    """
    w1, b1, w2, b2, w3, b3 = parameters
    o1 = torch.addmm(b1, inputs, w1.t()).relu_()
    o2 = torch.addmm(b2, o1, w2.t()).relu_()
    log_probs = torch.log_softmax(torch.addmm(b3, o2, w3.t()), 1)
    loss = torch.dot(log_probs.view(-1), classes.view(-1)).mul_(share)
    d3 = log_probs.exp_().sub_(classes)
    d2 = torch.mm(d3, w3).mul_(o2 > 0)
    d1 = torch.mm(d2, w2).mul_(o1 > 0)
    for d, o, weights, bias in ((d1, inputs, w1, b1), (d2, o1, w2, b2), (d3, o2, w3, b3)):
        weights.addmm_(d.t(), o, alpha=factor)
        bias.add_(d.sum(0), alpha=factor)
    return loss


def tensor(array: Any) -> Any:
    """A copy: PyTorch warns of arrays that it may not write to."""
    return torch.tensor(np.asarray(array))


def facts() -> dict[str, Any]:
    """Version, and threads of the pool that operators run on."""
    return {"torch": torch.__version__, "threads": torch.get_num_threads()}


def autograd(problem: Problem, threads: int) -> Autograd:
    """The module and its optimizer."""
    return Autograd(problem, threads)


def by_hand(problem: Problem, threads: int) -> ByHand:
    """The formula."""
    return ByHand(problem, threads)
