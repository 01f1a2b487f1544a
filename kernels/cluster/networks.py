"""What a network does with dask arrays: `Sequential` hands over to this where samples are such.

``forward``, ``probabilities`` and ``predict`` give lazy arrays; all else is computed when called.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Any

import dask
import numpy as np
import numpy.typing as npt

from einbench.chunked import is_chunked
from einbench.cluster.samples import checked_samples
from einbench.cluster.share import Sums, outputs_of
from einbench.cluster.totals import Data, Summing, data, share_of, summing
from einbench.network import Sequential
from einbench.network.feed import places
from einbench.network.optimizer import Steps
from einbench.network.plan import Plan
from einbench.network.step import Advance, Step
from einbench.network.training import Judge

Array = npt.NDArray[Any]


def forward(net: Sequential, x: Any) -> Any:
    """A lazy array (samples, outputs), with the parameters as they are now."""
    return _lazy(net, x, "forward", "mlp_intermediates")


def probabilities(net: Sequential, x: Any) -> Any:
    """The same of the probabilities."""
    return _lazy(net, x, "probabilities", "mlp_forward")


def predict(net: Sequential, x: Any) -> Any:
    """A lazy array of int64, (samples,)."""
    return _lazy(net, x, "predict", "mlp_forward")


def evaluate(net: Sequential, x: Any, y: Any) -> tuple[float, float]:
    """(loss, accuracy), means over the samples."""
    return judge(net, x, x, y)()


def loss_value(net: Sequential, x: Any, y: Any) -> float:
    """The loss, as the reduction makes it."""
    found, count = _all(net, data(net, x, y), "loss")
    return found.loss / count if net.loss.reduction == "mean" else found.loss


def gradients(net: Sequential, x: Any, y: Any) -> tuple[float, list[tuple[int, str, Array]]]:
    """The loss, and its gradient by every parameter."""
    found, count = _all(net, data(net, x, y), "gradients")
    divisor = count if net.loss.reduction == "mean" else 1
    names = [(n, name) for n, layer in enumerate(net.layers) for name in layer.names]
    each = [
        (number, name, gradient / gradient.dtype.type(divisor))
        for (number, name), gradient in zip(names, found.gradients, strict=True)
    ]
    return found.loss / divisor, each


def judge(net: Sequential, trained_on: Any, x: Any, y: Any) -> Judge:
    """What gives loss and accuracy of these samples with the parameters as they are then.

    NumPy's bytes are pixels where those that the network is trained on are.
    """
    if is_chunked(x):
        return _Judge(net, data(net, x, y))
    if is_chunked(trained_on) and trained_on.dtype == np.uint8:
        x = np.asarray(x)
        if x.dtype == np.uint8:
            x = np.divide(x, net.dtype.type(255))
    return partial(net.judge, *net.checked(x, y))


def source(net: Sequential, x: Any, y: Any) -> Distributed:
    """The samples of a training."""
    return Distributed(net, data(net, x, y))


@dataclass
class _Judge:
    """Loss and accuracy of one set of samples, as often as asked."""

    net: Sequential
    samples: Data
    _summing: Summing | None = None

    def __call__(self) -> tuple[float, float]:
        self._summing = self._summing or summing(self.net, "loss")
        found, count = _all(self.net, self.samples, "loss", self._summing)
        right = found.right / count if self.net.outputs > 1 else float("nan")
        return found.loss / count, right


@dataclass
class Distributed:
    """Samples in blocks of dask arrays; the workers sum, and the step is taken in this process."""

    net: Sequential
    samples: Data
    _summing: Summing | None = None

    @property
    def count(self) -> int:
        """Rows."""
        return self.samples.count

    def digest(self) -> str:
        """The arrays' names: of files they go by path, size and time, and nothing is read."""
        return " ".join(self.samples.names)

    def batches(self, plan: Plan, rng: np.random.Generator, skip: int) -> Iterator[slice | Array]:
        """Which rows each step has: those that it would have in this process."""
        return places(self.count, plan.batch, plan.order, rng, skip)

    def stepping(self, descent: Steps) -> Advance:
        """A step waits for the sums of its rows; the kernels are those of the first step."""
        net, mean = self.net, self.net.loss.reduction == "mean"
        sums = self._summing = self._summing or summing(net, "gradients")

        def advance(rows: Any, current: Sequence[Array], spare: Sequence[Array]) -> Step:
            found = sums.of(self.samples, rows, current)
            net.ledger.add(found.ledger)
            count = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
            loss = found.loss / count if mean else found.loss
            if isfinite(loss):
                own = [np.require(gradient, requirements="W") for gradient in found.gradients]
                descent.step(current, own, 1 / count if mean else 1.0, spare)
            return Step(loss, found.right, count, spare)

        return advance


def _all(
    net: Sequential, samples: Data, what: str, sums: Summing | None = None
) -> tuple[Sums, int]:
    """The sums over all rows with the parameters as they are, and how many rows there are."""
    found = (sums or summing(net, what)).of(
        samples, slice(0, samples.count), list(net.parameters.values())
    )
    net.ledger.add(found.ledger)
    return found, samples.count


def _lazy(net: Sequential, x: Any, what: str, operation: str) -> Any:
    rows = checked_samples(net, x)
    token = uuid.uuid4().hex
    parameters = dask.delayed(
        [parameter.copy() for parameter in net.parameters.values()],
        name=f"parameters-{token}", traverse=False,
    )  # fmt: skip
    single = what == "predict"
    dtype = np.dtype(np.int64) if single else net.dtype
    result = rows.map_blocks(
        outputs_of,
        share=share_of(net, what),
        parameters=parameters,
        what=what,
        name=f"{operation if net.whole else f'network_{what}'}-{token}",
        chunks=rows.chunks[:1] if single else (rows.chunks[0], (net.outputs,)),
        drop_axis=1 if single else None,
        dtype=dtype,
        meta=np.empty((0,) if single else (0, 0), dtype),
    )
    return result[0] if x.ndim == 1 else result
