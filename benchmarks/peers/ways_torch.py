"""PyTorch: eager ways, and its compiler's.

All eager ways run in inference_mode, which is entered around a turn and not at every call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from .task import Array, Offer, Task, Way
from .torch_compiled_ways import compiled
from .torch_given import Calls, Given
from .torch_network_ways import NETWORKS, autograd
from .torch_single_ways import SINGLES

_EAGER = {**SINGLES, **NETWORKS}


class Torch:
    """Its own pool of threads, not the environment's."""

    def __init__(self, threads: int) -> None:
        torch.set_num_threads(threads)

    def offer(self, task: Task) -> Offer:
        """Eager ways, those with autograd, and compiled ones."""
        given = Given(task)
        name = task.operation.name
        eager: Calls = {}
        if name in _EAGER:
            with torch.inference_mode():
                eager = _EAGER[name](given)
        ways: dict[str, Callable[[], Way]] = {
            way: partial(_way, task, call, torch.inference_mode) for way, call in eager.items()
        }
        for way, call in autograd(given).items():
            ways[way] = partial(_way, task, call, torch.enable_grad)
        for way, call in compiled(given).items():
            ways[way] = partial(_way, task, call, torch.no_grad)
        return Offer(ways)

    def close(self) -> None:
        """A function is compiled a few times at most, says its compiler: so it starts over."""
        torch._dynamo.reset()

    def facts(self) -> Mapping[str, Any]:
        """Version, and threads of the pool that operators run on."""
        return {"torch": torch.__version__, "threads": torch.get_num_threads()}


def _way(task: Task, call: Callable[[], Any], around: Callable[[], Any]) -> Way:
    single = len(task.operation.outputs) == 1

    def arrays(result: Any) -> Sequence[Array]:
        outputs = [result] if single else result
        return [np.asarray(tensor.detach().numpy()) for tensor in outputs]

    return Way(call, arrays, around)


def library(threads: int) -> Torch:
    """Started with so many."""
    return Torch(threads)
