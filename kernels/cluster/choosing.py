"""Which kernels compute a network in a cluster: decided once, before the first task is sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.arguments import Bound
from einbench.choose.deciding import decide
from einbench.choose.environment import threads
from einbench.choose.policy import Policy
from einbench.choose.serving import serve
from einbench.cluster.share import Share, named
from einbench.cluster.worker import prepare
from einbench.kernel import Kernel
from einbench.network import Sequential
from einbench.network.calls import Calls
from einbench.operation import Operation

Array = npt.NDArray[Any]


def chosen(
    net: Sequential, shapes: Sequence[tuple[int, ...]], what: str, rows: int, how: Policy
) -> dict[tuple[Any, ...], str]:
    """The fastest kernels of this machine, on one thread, for so many rows: a task.

    Args:
        net: without parameters.
        shapes: of its parameters, in order.
        what: is computed: ``gradients``, or what a network has a method for.
        rows: of a tile.
        how: to choose: as it holds where the training was begun.
    """
    found: dict[tuple[Any, ...], str] = {}

    def choose(op: Operation, bound: Bound) -> Kernel:
        def begin(kernel: Kernel) -> Kernel:
            kernel.entry(bound.arrays, bound.options)
            return kernel

        kernel, _ = serve(
            decide(op, bound, threads(), context=how.context, choice=how.choice), begin
        )
        found[named(op, bound)] = kernel.method
        return kernel

    rng = np.random.default_rng(0)
    parameters = [0.1 * rng.standard_normal(shape).astype(net.dtype) for shape in shapes]
    with prepare():
        net = Share(net, {}).with_parameters(parameters)
        net.calls = Calls(net.kernels, choose)
        x = rng.random((rows, net.features)).astype(net.dtype)
        labels = rng.integers(0, net.outputs, rows)
        y = labels if net.loss.labels else np.eye(net.outputs, dtype=net.dtype)[labels]
        _COMPUTED[what](net, x, y)
    return found


_COMPUTED: dict[str, Callable[[Sequential, Array, Array], object]] = {
    "gradients": lambda net, x, y: net.stepper(net.calls, x, y),
    "loss": lambda net, x, y: net.totals(x, y),
    "forward": lambda net, x, _: net.forward(x),
    "probabilities": lambda net, x, _: net.probabilities(x),
    "predict": lambda net, x, _: net.predict(x),
}
