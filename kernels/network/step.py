"""One step of a training: loss, how many are right, and the parameters to go on from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from einbench.network.calls import Calls
from einbench.network.chain import Pass
from einbench.network.checkpoint import digest
from einbench.network.feed import feed
from einbench.network.optimizer import Steps
from einbench.network.plan import Plan
from einbench.network.targets import count_right
from einbench.network.whole import Whole

Array = npt.NDArray[Any]


class Step(NamedTuple):
    """What a step gives; the parameters that it began from are as they were.

    Where the loss is no finite number nothing was written, and there are no parameters to go on
    from.
    """

    loss: Any
    #: how many of the samples are right, of a single output none, and how many there are
    right: int
    size: int
    #: the new ones: in the spare arrays, or new memory
    parameters: Sequence[Array]


#: loss, outputs and gradients of (inputs, targets)
Gradients = Callable[[Calls, Array, Array], Pass]
#: (samples, parameters of the network now, arrays that may be written to) -> Step
Advance = Callable[[Any, Sequence[Array], Sequence[Array]], Step]


def stepping(gradients_of: Gradients, calls: Calls, descent: Steps, single: bool) -> Advance:
    """How a network steps: in one call where one kernel is a whole step, else in two."""
    whole = gradients_of
    if not isinstance(whole, Whole) or descent.plain_rate is None:

        def apart(samples: Any, current: Sequence[Array], spare: Sequence[Array]) -> Step:
            inputs, targets = samples
            loss, outputs, gradients, factor = gradients_of(calls, inputs, targets)
            # after a loss that is no number the spare ones are the last good ones
            if isfinite(loss):
                descent.step(current, gradients, factor, spare)
            right = 0 if single else count_right(outputs, targets)
            return Step(loss, right, len(inputs), spare)

        return apart
    rates: dict[float, Array] = {}

    def at_once(samples: Any, current: Sequence[Array], spare: Sequence[Array]) -> Step:
        inputs, targets = samples
        rate = descent.plain_rate
        array = rates.get(rate)  # type: ignore[arg-type]  # a rate that is plain stays so
        if array is None:
            rates.clear()
            array = rates[rate] = np.array(rate, current[0].dtype)  # type: ignore[index]  # as above
        loss, outputs, following = whole.step(calls, inputs, targets, array)
        right = 0 if single else count_right(outputs, targets)
        return Step(loss, right, len(inputs), following)

    return at_once


class Source(Protocol):
    """The samples of a training, wherever they are, and how a step is taken on some of them."""

    @property
    def count(self) -> int:
        """How many there are."""

    def digest(self) -> str:
        """What tells them from others."""

    def batches(self, plan: Plan, rng: np.random.Generator, skip: int) -> Iterator[Any]:
        """Samples of one step after the other without end; the first ``skip`` are left out."""

    def stepping(self, descent: Steps) -> Advance:
        """How the network steps on what `batches` gives."""


@dataclass(frozen=True)
class InMemory:
    """Samples that are arrays of this process."""

    inputs: Array
    targets: Array
    gradients_of: Gradients
    calls: Calls
    single: bool

    @property
    def count(self) -> int:
        """Rows."""
        return len(self.inputs)

    def digest(self) -> str:
        """Of all their bytes."""
        return digest(self.inputs, self.targets)

    def batches(self, plan: Plan, rng: np.random.Generator, skip: int) -> Iterator[Any]:
        """Arrays that are valid until the next."""
        return feed(self.inputs, self.targets, plan.batch, plan.order, rng, skip)

    def stepping(self, descent: Steps) -> Advance:
        """In this process."""
        return stepping(self.gradients_of, self.calls, descent, self.single)
