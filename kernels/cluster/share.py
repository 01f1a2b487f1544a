"""What a task does for a network: loss and gradients of some rows, summed, or their outputs.

Rows go through the network a tile at a time. Of bytes a tile is all that is ever there in the
network's dtype, and the kernels that compute it were named before the first task was sent: one that
is run again, anywhere, gives the same bits.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from einbench.arguments import Bound
from einbench.cluster.frozen import Frozen, serving
from einbench.cluster.tiles import ROWS, scale
from einbench.cluster.worker import prepare
from einbench.host.memory import aligned
from einbench.kernel import Kernel
from einbench.network import Sequential
from einbench.network.calls import Calls
from einbench.network.inputs import converted
from einbench.network.ledger import Ledger
from einbench.network.targets import as_labels, as_rows, count_right
from einbench.operation import Operation

Array = npt.NDArray[Any]
_NOTHING = np.empty(0)


class Sums(NamedTuple):
    """Of some rows together; the gradients are empty where none are requested."""

    loss: float
    right: int
    gradients: list[Array]
    #: where the time went
    ledger: Ledger


@dataclass(frozen=True)
class Share:
    """A network without its parameters, and the kernels that compute it."""

    net: Sequential
    #: what `named` gives of an operation -> its kernel
    kernels: Mapping[Any, Frozen]

    def with_parameters(self, parameters: Sequence[Array]) -> Sequential:
        """A network of its own for one task."""
        net = copy.copy(self.net)
        following = iter(parameters)
        net.layers = tuple(_with(layer, following) for layer in net.layers)
        net.calls = Calls(net.kernels, self._kernel)
        return net

    def _kernel(self, op: Operation, bound: Bound) -> Kernel | None:
        frozen = self.kernels.get(named(op, bound))
        return frozen and serving(op, frozen, bound.arrays, bound.options)


def bare(net: Sequential) -> Sequential:
    """The network without parameters, to be sent."""
    other = copy.copy(net)
    nothing = iter([_NOTHING] * len(net.parameters))
    other.layers = tuple(_with(layer, nothing) for layer in net.layers)
    other.calls = Calls(net.kernels)
    return other


def _with(layer: Any, parameters: Iterator[Array]) -> Any:
    layer = copy.copy(layer)
    for name in layer.names:
        setattr(layer, name, next(parameters))
    return layer


def named(op: Operation, bound: Bound) -> tuple[Any, ...]:
    """What a kernel is chosen for: the operation, its options, and sizes but that of the rows."""
    sizes = ((axis, size) for axis, size in bound.sizes.items() if axis != op.leading)
    return op.name, *bound.options.items(), *sizes


def gradient_sums(
    share: Share, parameters: Sequence[Array], inputs: Any, targets: Any, rows: Any, start: int
) -> Sums:
    """Loss and gradients of the rows, summed over them.

    Args:
        share: the network.
        parameters: in its order.
        inputs: a block of samples.
        targets: of the whole block; or ``(targets,)`` of these rows, checked already.
        rows: a slice, or numbers counted from the block's first row.
        start: the number of the block's first row among all that there are.
    """
    with prepare(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        net = share.with_parameters(parameters)
        stepper, mean, single = net.stepper, net.loss.reduction == "mean", net.outputs == 1
        total, right = 0.0, 0
        gradients: list[Array] = []
        for x, t in _tiles(net, inputs, targets, rows, start):
            loss, outputs, found, factor = stepper(net.calls, x, t)
            weight = len(x) if mean else 1
            total += float(loss) * weight
            right += 0 if single else count_right(outputs, t)
            for gradient in found if factor * weight != 1 else ():
                gradient *= factor * weight
            if not gradients:
                gradients = list(found)
                continue
            for gradient, more in zip(gradients, found, strict=True):
                gradient += more
    return Sums(total, right, gradients, net.ledger)


def loss_sums(
    share: Share, parameters: Sequence[Array], inputs: Any, targets: Any, rows: Any, start: int
) -> Sums:
    """The loss of the rows, summed over them; arguments as `gradient_sums` has them."""
    with prepare(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        net = share.with_parameters(parameters)
        total, right = 0.0, 0
        for x, t in _tiles(net, inputs, targets, rows, start):
            some, some_right = net.totals(x, t)
            total += some
            right += some_right
    return Sums(total, right, [], net.ledger)


def added(*parts: Sums) -> Sums:
    """One after the other, in new memory."""
    first, *others = parts
    gradients = [gradient.copy() for gradient in first.gradients]
    ledger = Ledger()
    for part in others:
        for gradient, more in zip(gradients, part.gradients, strict=True):
            gradient += more
    for part in parts:
        ledger.add(part.ledger)
    return Sums(
        sum(part.loss for part in parts), sum(part.right for part in parts), gradients, ledger
    )


def outputs_of(
    inputs: Array, share: Share, parameters: Sequence[Array], what: str, block_info: Any = None
) -> Array:
    """``forward``, ``probabilities`` or ``predict`` of a whole block of samples."""
    start = int(block_info[0]["array-location"][0][0])
    with prepare():
        net = share.with_parameters(parameters)
        compute, memory = getattr(net, what), _memory(inputs, net)
        parts = [
            compute(_in_dtype(inputs[first : first + ROWS], net, memory, start + first))
            for first in range(0, max(len(inputs), 1), ROWS)
        ]
    return np.concatenate(parts)


def _tiles(
    net: Sequential, inputs: Any, targets: Any, rows: Any, start: int
) -> Iterator[tuple[Array, Array]]:
    """Samples and targets in the network's dtype, checked."""
    # of a file an array that is mapped, of which the rows alone are read
    inputs = np.asarray(inputs)
    whole = not isinstance(targets, tuple)
    targets = np.asarray(targets if whole else targets[0])
    count = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
    memory = _memory(inputs, net)
    for first in range(0, count, ROWS):
        last = min(first + ROWS, count)
        if isinstance(rows, slice):
            here: Any = slice(rows.start + first, rows.start + last)
            x = _in_dtype(inputs[here], net, memory, start + here.start)
        else:
            here = rows[first:last]
            x = _in_dtype(inputs[here], net, memory, here.astype(np.int64) + start)
        if not whole:
            yield x, _as_given(net, targets[first:last])
            continue
        numbers = start + (here.start if isinstance(rows, slice) else here.astype(np.int64))
        yield x, _checked(net, targets[here], numbers)


def _memory(inputs: Array, net: Sequential) -> Array | None:
    """For a tile of pixels, used again for the next."""
    if inputs.dtype != np.uint8:
        return None
    return aligned((min(ROWS, len(inputs)), net.features), net.dtype)


def _in_dtype(values: Array, net: Sequential, memory: Array | None, numbers: int | Array) -> Array:
    """Finite numbers in C order; bytes are pixels."""
    if memory is not None:
        return scale(values, memory[: len(values)])
    return np.ascontiguousarray(
        converted(values, net.dtype, "x", number=lambda place: _number(numbers, place))
    )


def _as_given(net: Sequential, targets: Array) -> Array:
    return targets.astype(np.int64 if net.loss.labels else net.dtype, copy=False)


def _checked(net: Sequential, targets: Array, numbers: int | Array) -> Array:
    def number(place: int) -> int:
        return _number(numbers, place)

    if net.loss.labels:
        return as_labels(targets, len(targets), net.outputs, number=number)
    return as_rows(targets, len(targets), net.outputs, net.dtype, number=number)


def _number(numbers: int | Array, place: int) -> int:
    """Of a row among all that there are."""
    return numbers + place if isinstance(numbers, int) else int(numbers[place])
