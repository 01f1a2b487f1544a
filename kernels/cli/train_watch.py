"""Timing of a training's updates, and its progress bar."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from einbench.network import History

#: seconds between two drawings of the bar: each takes some milliseconds
_REFRESH_S = 0.2
#: steps whose mean loss the bar shows: that of a single batch jumps about
_SMOOTHED = 50


@dataclass
class Timed:
    """An optimizer that times its steps; `begin` returns itself."""

    optimizer: Any
    calls: int = 0
    seconds_s: float = 0.0
    descent: Any = None

    @property
    def rate(self) -> float:
        """The learning rate."""
        return float(self.optimizer.rate)

    @property
    def momentum(self) -> float:
        """The optimizer's own."""
        return float(self.optimizer.momentum)

    @property
    def velocities(self) -> Sequence[Any]:
        """The optimizer's state."""
        state: Sequence[Any] = self.descent.velocities
        return state

    @property
    def plain_rate(self) -> float | None:
        """The optimizer's own; a kernel that performs the whole step is timed by the ledger."""
        rate: float | None = self.descent.plain_rate
        return rate

    def begin(self, parameters: Sequence[Any]) -> Timed:
        """Start a training."""
        self.descent = self.optimizer.begin(parameters)
        return self

    def step(self, *arguments: Any, **named: Any) -> None:
        """The optimizer's own step, timed."""
        start_s = time.perf_counter()
        self.descent.step(*arguments, **named)
        self.seconds_s += time.perf_counter() - start_s
        self.calls += 1


@dataclass
class Watch:
    """Reports the progress of the training to the bar, at a limited rate."""

    report: Callable[[float, str], None]
    steps: int
    epochs: int
    accuracy: str = ""
    epoch: int = 1
    losses: deque[float] = field(default_factory=lambda: deque(maxlen=_SMOOTHED))
    next_s: float = 0.0
    spent_s: float = 0.0

    def on_step(self, step: int, loss: float) -> None:
        """Draw the bar where it is time to."""
        start_s = time.perf_counter()
        self.losses.append(loss)
        if start_s >= self.next_s:
            mean = sum(self.losses) / len(self.losses)
            label = f"{self.epoch}/{self.epochs} loss {mean:.3f}{self.accuracy}"
            self.report(step / self.steps, label)
            self.next_s = time.perf_counter() + _REFRESH_S
        self.spent_s += time.perf_counter() - start_s

    def on_epoch(self, history: History) -> None:
        """Show what was reached."""
        self.accuracy = f" test {100 * history.validation_accuracy[-1]:.1f}%"
        self.epoch, self.next_s = history.epochs + 1, 0.0
