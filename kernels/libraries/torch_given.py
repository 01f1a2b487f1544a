"""PyTorch's tensors of a problem, and memory for its outputs, as its contestants are given them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from einbench.libraries.contestants import Given, contestant
from einbench.problem import Problem

Call = Callable[[], Any]


class Tensors:
    """What ways of PyTorch are made of; the library is imported here and nowhere before."""

    def __init__(self, given: Given) -> None:
        import torch

        self.torch: Any = torch
        self.given = given
        self.sizes = given.sizes
        self.batch = given.batch
        self.tensors = list(given.inputs)
        self.dtype = getattr(torch, given.problem.dtype.name)

    def out(self) -> Any:
        """Memory for the first output."""
        return self.full(next(iter(self.given.shapes.values())))

    def outs(self) -> list[Any]:
        """For all of them."""
        return [self.full(shape) for shape in self.given.shapes.values()]

    def full(self, shape: tuple[int, ...]) -> Any:
        """Its pages are there by the time it is used, and no result of an earlier call is."""
        return self.torch.full(shape, float("nan"), dtype=self.dtype)

    def one_hot(self, labels: Any, classes: int) -> Any:
        """Classes of labels in the dtype of the problem: its own losses take them so."""
        return self.torch.nn.functional.one_hot(labels, classes).to(self.dtype)


def way(
    op: str,
    method: str,
    *,
    mode: str = "inference_mode",
    applies: Callable[[Problem], bool] = lambda problem: True,
) -> Callable[[Callable[[Tensors], Call]], Callable[[Tensors], Call]]:
    """Register a function of tensors that returns what is called: a way of PyTorch."""

    def register(make: Callable[[Tensors], Call]) -> Callable[[Tensors], Call]:
        @functools.wraps(make)
        def of_given(given: Given) -> Call:
            return make(Tensors(given))

        contestant(op, f"torch_{method}", library="torch", mode=mode, applies=applies)(of_given)
        return make

    return register


def one_row(problem: Problem) -> bool:
    """Products with a vector."""
    return problem.batch == 1
