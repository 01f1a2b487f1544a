"""The steps of a training, and what is kept when they end before their time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from einbench.host.memory import aligned
from einbench.network.calls import Calls
from einbench.network.checkpoint import Checkpoint
from einbench.network.history import History
from einbench.network.interrupts import between_steps
from einbench.network.layers import Layer
from einbench.network.losses import Loss
from einbench.network.optimizer import Optimizer, Steps
from einbench.network.plan import Plan
from einbench.network.step import Source

Array = npt.NDArray[Any]
OnStep = Callable[[int, float], object]
OnEpoch = Callable[[History], object]
#: (loss, accuracy) on the validation set, with the parameters as they are
Judge = Callable[[], tuple[float, float]]


class Diverged(ValueError):  # noqa: N818 - what is the matter, as users read it
    """The loss is no finite number; the network has the last parameters that gave one."""

    def __init__(self, message: str, step: int, epoch: int, rate: float, history: History) -> None:
        super().__init__(message)
        self.step, self.epoch, self.rate, self.history = step, epoch, rate, history

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.step, self.epoch, self.rate, self.history)


class _Kept(NamedTuple):
    """The state that an interrupted training is restored to."""

    parameters: list[Array]
    epochs: int
    steps: int


class _Parameters:
    """Two sets of parameters: a step writes the other set and leaves the current one.

    So the parameters whose loss was finite are never lost, without a copy of them a step.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._places = [(layer, name) for layer in layers for name in layer.names]
        self.own: Sequence[Array] = [getattr(layer, name) for layer, name in self._places]
        self.current: Sequence[Array] = self.own
        self.other: Sequence[Array] = [aligned(p.shape, p.dtype) for p in self.own]

    def adopt(self, following: Sequence[Array]) -> None:
        """Go on from these; the ones before are the other set."""
        self.current, self.other = following, self.current
        self._install()

    def swap(self) -> None:
        """The other set is the network's from now on."""
        self.adopt(self.other)

    def finish(self) -> None:
        """The network has its own arrays again, with the current values."""
        if self.current is not self.own:
            for mine, now in zip(self.own, self.current, strict=True):
                np.copyto(mine, now)
            self.current, self.other = self.own, self.current
        self._install()

    def restore(self, values: list[Array]) -> None:
        """Other values."""
        for mine, value in zip(self.current, values, strict=True):
            np.copyto(mine, value)

    def copies(self) -> list[Array]:
        """Of the current set."""
        return [p.copy() for p in self.current]

    def finite(self) -> bool:
        """Whether all of the current set are finite."""
        return all(bool(np.isfinite(p).all()) for p in self.current)

    def _install(self) -> None:
        for (layer, name), array in zip(self._places, self.current, strict=True):
            setattr(layer, name, array)


@dataclass
class Training:
    """One training of some layers: what it is made of, and how far it is."""

    layers: Sequence[Layer]
    loss: Loss
    calls: Calls
    source: Source
    judge: Judge | None
    plan: Plan
    optimizer: Optimizer
    rng: np.random.Generator
    on_step: OnStep | None = None
    on_epoch: OnEpoch | None = None
    #: kept after every epoch
    checkpoint: Checkpoint | None = None
    #: what is there already is gone on from
    resume: bool = False
    history: History = field(default_factory=History)

    def __post_init__(self) -> None:
        #: called where nothing is half done: a Ctrl-C that came meanwhile is raised here
        self.deliver: Callable[[], None] = lambda: None
        self.parameters = _Parameters(self.layers)
        self.kept = _Kept(self.parameters.copies(), 0, 0)

    def train(self) -> History:
        """All steps of the plan, or as many as there are reasons to take."""
        self.calls.renew()
        try:
            # the loss is watched: a warning beside it would say less
            with (
                np.errstate(over="ignore", invalid="ignore", divide="ignore"),
                between_steps() as self.deliver,
            ):
                self._run()
        except KeyboardInterrupt:
            self._go_back()
            if self.plan.on_interrupt == "raise":
                raise
        finally:
            self.parameters.finish()
        return self.history

    def _run(self) -> None:
        """Epochs until the steps are taken or the target is reached."""
        plan = self.plan
        descent = self.optimizer.begin(self.parameters.current)
        velocities = getattr(descent, "velocities", ())
        self._take_over(velocities)
        history = self.history
        self._stop_at_target()
        if history.stopped:
            return
        batches = self.source.batches(plan, self.rng, history.steps)
        for first in range(history.steps + 1, plan.steps + 1, plan.every):
            last = min(first + plan.every - 1, plan.steps)
            loss, accuracy, seconds_s = self._epoch(first, last, batches, descent)
            judged = self._judge(last)
            history.accuracy.append(accuracy)
            history.epoch_s.append(seconds_s)
            if judged is not None:
                history.validation_loss.append(judged[0])
                history.validation_accuracy.append(judged[1])
            history.loss.append(loss)
            self.kept = _Kept(self.parameters.copies(), history.epochs, last)
            if self.checkpoint is not None:
                self.checkpoint.write(asdict(history), self.parameters.current, velocities)
            self._stop_at_target()
            if self.on_epoch is not None:
                self.on_epoch(history)
            if history.stopped:
                return

    def _take_over(self, velocities: Sequence[Array]) -> None:
        """What the checkpoint has, where there is one."""
        state = self.checkpoint.state() if self.checkpoint is not None and self.resume else None
        if state is None or self.checkpoint is None:
            return
        try:
            self.history = History(**state)
        except TypeError:
            raise self.checkpoint.damaged() from None
        self.checkpoint.fill(self.parameters.current, velocities)
        self.kept = _Kept(self.parameters.copies(), self.history.epochs, self.history.steps)

    def _stop_at_target(self) -> None:
        """Say so where the last epoch reached it."""
        reached = self.history.validation_accuracy or self.history.accuracy
        if self.plan.target is not None and reached and reached[-1] >= self.plan.target:
            self.history.stopped = "target"

    def _epoch(
        self, first: int, last: int, batches: Iterator[Any], descent: Steps
    ) -> tuple[float, float, float]:
        """Steps from first to last: mean loss and accuracy of their samples, and seconds."""
        parameters, calls, on_step = self.parameters, self.calls, self.on_step
        deliver = self.deliver
        step_losses = self.history.step_losses
        advance = self.source.stepping(descent)
        mean, single = self.loss.reduction == "mean", self.plan.single
        total, right, count = 0.0, 0, 0
        prepared_s, start_s = calls.ledger.preparing_s, perf_counter()
        for step in range(first, last + 1):
            loss, some_right, size, following = advance(
                next(batches), parameters.current, parameters.other
            )
            value = float(loss)
            if not isfinite(value):
                if step > 1:
                    parameters.swap()
                raise self._diverged(f"the loss became {value}", step)
            total += value * size if mean else value
            count += size
            right += some_right
            parameters.adopt(following)
            step_losses.append(value)
            if on_step is not None:
                on_step(step, value)
            deliver()
        seconds_s = perf_counter() - start_s - (calls.ledger.preparing_s - prepared_s)
        return total / count, float("nan") if single else right / count, seconds_s

    def _judge(self, step: int) -> tuple[float, float] | None:
        """Loss and accuracy on the validation set, after making sure that there are any."""
        found = "" if self.parameters.finite() else "a parameter is no finite number after the step"
        judged = None
        if not found and self.judge is not None:
            judged = self.judge()
            if not isfinite(judged[0]):
                found = f"the validation loss became {judged[0]}"
        if found:
            self.parameters.swap()
            raise self._diverged(found, step)
        return judged

    def _diverged(self, what: str, step: int) -> Diverged:
        losses = self.history.step_losses
        epoch = (step - 1) // self.plan.every + 1
        kept = f"those that gave {losses[-1]:.6g} at step {len(losses)}" if losses else "as given"
        rate = self.optimizer.rate
        message = (
            f"{what} at step {step:,} (epoch {epoch}) with rate {rate:g}; the parameters kept are "
            f"{kept}; try a smaller rate"
        )
        return Diverged(message, step, epoch, rate, self.history)

    def _go_back(self) -> None:
        """Parameters and history of the last whole epoch."""
        self.parameters.restore(self.kept.parameters)
        self.history.cut(self.kept.epochs, self.kept.steps)
        self.history.stopped = "interrupted"
