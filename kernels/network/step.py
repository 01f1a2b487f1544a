"""One step of a training: loss, outputs, and the parameters to go on from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from einbench.network.calls import Calls
from einbench.network.chain import Pass
from einbench.network.optimizer import Steps
from einbench.network.whole import Whole

Array = npt.NDArray[Any]


class Step(NamedTuple):
    """What a step gives; the parameters that it began from are as they were.

    Where the loss is no finite number nothing was written, and there are no parameters to go on
    from.
    """

    loss: Array
    #: of the last layer, or logits where those come cheaper
    outputs: Array
    #: the new ones: in the spare arrays, or new memory
    parameters: Sequence[Array]


#: loss, outputs and gradients of (inputs, targets)
Gradients = Callable[[Calls, Array, Array], Pass]
#: (inputs, targets, parameters of the network now, arrays that may be written to) -> Step
Advance = Callable[[Array, Array, Sequence[Array], Sequence[Array]], Step]


def stepping(gradients_of: Gradients, calls: Calls, descent: Steps) -> Advance:
    """How a network steps: in one call where one kernel is a whole step, else in two."""
    whole = gradients_of
    if not isinstance(whole, Whole) or descent.plain_rate is None:

        def apart(
            inputs: Array, targets: Array, current: Sequence[Array], spare: Sequence[Array]
        ) -> Step:
            loss, outputs, gradients, factor = gradients_of(calls, inputs, targets)
            # after a loss that is no number the spare ones are the last good ones
            if isfinite(loss):
                descent.step(current, gradients, factor, spare)
            return Step(loss, outputs, spare)

        return apart
    rates: dict[float, Array] = {}

    def at_once(
        inputs: Array, targets: Array, current: Sequence[Array], spare: Sequence[Array]
    ) -> Step:
        rate = descent.plain_rate
        array = rates.get(rate)  # type: ignore[arg-type]  # a rate that is plain stays so
        if array is None:
            rates.clear()
            array = rates[rate] = np.array(rate, current[0].dtype)  # type: ignore[index]  # as above
        return Step(*whole.step(calls, inputs, targets, array))

    return at_once
