"""Sums over rows of dask arrays: a task for some rows each, and a tree that adds them up.

The tree depends on the rows and their blocks alone. So do the tasks, and each gives the same bits
again: a worker that dies costs time, and how many there are changes nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import dask
import numpy as np
import numpy.typing as npt
from dask.base import get_scheduler
from dask.task_spec import DataNode, Task, TaskRef

from einbench.choose import policy
from einbench.cluster.blocks import Blocks, Part, blocks_of
from einbench.cluster.choosing import chosen
from einbench.cluster.connect import connected, current_client
from einbench.cluster.frozen import Frozen, freeze
from einbench.cluster.graph import tree
from einbench.cluster.samples import checked_samples, checked_targets
from einbench.cluster.share import Share, Sums, added, bare, gradient_sums, loss_sums
from einbench.cluster.tiles import ROWS
from einbench.cluster.waiting import through_deaths
from einbench.network import Sequential

Array = npt.NDArray[Any]
_TASKS: dict[str, Callable[..., Sums]] = {"gradients": gradient_sums, "loss": loss_sums}


@dataclass(frozen=True)
class Data:
    """Samples and targets, as tasks take them."""

    inputs: Blocks
    #: blocks, or all of them in this process
    targets: Blocks | Array
    #: what tells them from others: names that Dask makes of what is in them, or of files
    names: tuple[str, str]

    @property
    def count(self) -> int:
        """Rows."""
        return int(self.inputs.starts[-1])


def data(net: Sequential, x: Any, y: Any) -> Data:
    """Checked, and taken apart.

    Raises:
        TypeError, ValueError: as `checked_samples` and `checked_targets`.
    """
    rows = checked_samples(net, x)
    targets = checked_targets(net, y, rows)
    if isinstance(targets, np.ndarray):
        name = dask.base.tokenize(targets)
        if net.loss.labels:
            targets = targets.astype(np.min_scalar_type(net.outputs))
        return Data(blocks_of(rows), targets, (rows.name, name))
    return Data(blocks_of(rows), blocks_of(targets), (rows.name, targets.name))


@dataclass(frozen=True)
class Summing:
    """How sums of some rows are computed: the network as it is sent, and what for."""

    share: Share
    #: ``gradients``, with the loss, or ``loss``
    what: str
    #: how the dashboard calls its tasks
    name: str

    def of(self, samples: Data, rows: slice | Array, parameters: Sequence[Array]) -> Sums:
        """Over these rows, with these parameters; waits for them."""
        return computed(partial(self._graph, samples, rows, parameters))

    def _graph(
        self, samples: Data, rows: slice | Array, parameters: Sequence[Array]
    ) -> tuple[dict[Any, Any], Any]:
        """A graph and its last key."""
        token = uuid.uuid4().hex
        given = f"parameters-{token}"
        graph: dict[Any, Any] = {given: DataNode(given, list(parameters))}
        keys: list[Any] = []
        for number, part in enumerate(samples.inputs.parts(rows)):
            key = (f"{self.name}-{token}", number)
            graph.update(samples.inputs.graphs[part.block])
            inputs, start = samples.inputs.arguments[part.block], samples.inputs.starts[part.block]
            targets = self._targets(samples, part, graph)
            graph[key] = Task(
                key, _TASKS[self.what], self.share, TaskRef(given), inputs, targets, part.rows,
                int(start),
            )  # fmt: skip
            keys.append(key)
        if len(keys) == 1:
            return graph, keys[0]
        for each in tree(keys, lambda level, n, last: (f"{self.name}-sum-{token}", level, n)):
            graph[each.key] = Task(each.key, added, *map(TaskRef, each.parts))
        return graph, each.key

    @staticmethod
    def _targets(samples: Data, part: Part, graph: dict[Any, Any]) -> Any:
        """What a task is given of them: a block, or those of its rows."""
        if isinstance(samples.targets, Blocks):
            graph.update(samples.targets.graphs[part.block])
            return samples.targets.arguments[part.block]
        start = int(samples.inputs.starts[part.block])
        if isinstance(part.rows, slice):
            mine = samples.targets[start + part.rows.start : start + part.rows.stop]
        else:
            mine = samples.targets[part.rows.astype(np.int64) + start]
        return DataNode(None, (mine,))


def summing(net: Sequential, what: str) -> Summing:
    """With the kernels that are the fastest for it, which are chosen now, in one task."""
    whole = {"gradients": "mlp_logits_gradients", "loss": "mlp_intermediates"}[what]
    name = whole if net.whole else f"network_{what}"
    return Summing(share_of(net, what), what, name)


def share_of(net: Sequential, what: str) -> Share:
    """The network as it is sent, with the kernels that compute this."""
    if client := current_client():
        connected(client)  # its workers have to have this package
    sent = bare(net)
    if isinstance(net.kernels, str) and net.kernels != "auto":
        return Share(sent, {})
    shapes = [parameter.shape for parameter in net.parameters.values()]
    label = f"network {what}"
    kinds = freeze(label, chosen, sent, shapes, what, ROWS, policy.now()).choices
    keys = {key for _, found in kinds for key in found}
    return Share(
        sent, {key: Frozen(tuple((kind, f.get(key, "")) for kind, f in kinds)) for key in keys}
    )


def computed(make: Callable[[], tuple[dict[Any, Any], Any]]) -> Any:
    """The key of a graph, by the client that is there, or by threads of this process.

    Args:
        make: gives both, with other keys whenever it is called.
    """
    client = current_client()
    if client is None:
        return (get_scheduler() or dask.threaded.get)(*make())

    def submit() -> Any:
        # of what changes with every step there is no better way to send it
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GiB"}):
            return client.get(*make(), sync=False)

    return through_deaths(submit)
