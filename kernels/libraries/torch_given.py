"""PyTorch's tensors of a problem, and memory for its outputs, as its kernels are given them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from einbench.libraries.library_kernels import Given, library_kernel
from einbench.problem import Problem

Call = Callable[[], Any]


class Tensors:
    """The tensors that PyTorch's kernels are made from; importing it is delayed until here."""

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
        """Memory for all outputs."""
        return [self.full(shape) for shape in self.given.shapes.values()]

    def full(self, shape: tuple[int, ...]) -> Any:
        """Filled with NaN: its pages are mapped before timing, and it holds no earlier result."""
        return self.torch.full(shape, float("nan"), dtype=self.dtype)

    def one_hot(self, labels: Any, classes: int) -> Any:
        """Labels one-hot in the problem's dtype, as PyTorch's losses accept them."""
        return self.torch.nn.functional.one_hot(labels, classes).to(self.dtype)


def way(
    op: str,
    method: str,
    *,
    mode: str = "inference_mode",
    applies: Callable[[Problem], bool] = lambda problem: True,
) -> Callable[[Callable[[Tensors], Call]], Callable[[Tensors], Call]]:
    """Register a function of tensors that returns the call to time, as a kernel of PyTorch."""

    def register(make: Callable[[Tensors], Call]) -> Callable[[Tensors], Call]:
        @functools.wraps(make)
        def of_given(given: Given) -> Call:
            return make(Tensors(given))

        library_kernel(op, f"torch_{method}", library="torch", mode=mode, applies=applies)(of_given)
        return make

    return register


def one_row(problem: Problem) -> bool:
    """Products with a vector."""
    return problem.batch == 1
