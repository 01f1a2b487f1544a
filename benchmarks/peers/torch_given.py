"""A task's inputs as tensors, and memory for its outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from .task import Task
from .torch_eager import tensor

Calls = Mapping[str, Callable[[], Any]]


class Given:
    """What ways of PyTorch are made of."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.name = task.operation.name
        self.sizes = task.sizes
        self.batch = self.sizes["batch"]
        self.tensors = [tensor(a) for a in task.given]
        self.dtype = getattr(torch, task.dtype.name)

    def out(self, output: str | None = None) -> Any:
        """Memory for an output, the first where none is named; no result of an earlier call."""
        shapes = self.task.shapes
        return self.full(shapes[output or next(iter(shapes))])

    def outs(self) -> list[Any]:
        """For all of them."""
        return [self.full(shape) for shape in self.task.shapes.values()]

    def full(self, shape: tuple[int, ...]) -> Any:
        """Its pages are there by the time it is used."""
        return torch.full(shape, float("nan"), dtype=self.dtype)

    def one_hot(self, labels: Any, classes: int) -> Any:
        """Classes of labels in the dtype of the task: prepared off the clock."""
        return torch.nn.functional.one_hot(labels, classes).to(self.dtype)
