"""The course of a training, epoch by epoch; prints as a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_COLUMNS = ("loss", "accuracy", "validation_loss", "validation_accuracy", "epoch_s")


@dataclass
class History:
    """Lists with an entry an epoch; losses are means over samples, whatever the reduction.

    ``loss`` and ``accuracy`` are those of the samples as they were stepped on, each before its
    step; the validation lists are empty where there was no validation set.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    #: seconds of training steps, without validation and without choosing and compiling kernels
    epoch_s: list[float] = field(default_factory=list)
    #: the loss of every step, as the reduction makes it
    step_losses: list[float] = field(default_factory=list)
    #: why training ended early: "target" or "interrupted"; else ""
    stopped: str = ""

    @property
    def steps(self) -> int:
        """How many steps were taken."""
        return len(self.step_losses)

    @property
    def epochs(self) -> int:
        """How many epochs were finished."""
        return len(self.loss)

    @property
    def records(self) -> list[dict[str, Any]]:
        """A dict an epoch, for JSON."""
        columns = [(name, getattr(self, name)) for name in _COLUMNS]
        return [
            {"epoch": number + 1, **{name: values[number] for name, values in columns if values}}
            for number in range(self.epochs)
        ]

    def cut(self, epochs: int, steps: int) -> None:
        """Keep the first epochs and steps only."""
        for name in _COLUMNS:
            del getattr(self, name)[epochs:]
        del self.step_losses[steps:]

    def __str__(self) -> str:
        validated = bool(self.validation_loss)
        titles = ["epoch", "loss", "accuracy"]
        titles += ["validation loss", "validation accuracy"] if validated else []
        titles.append("seconds")
        lines = ["  ".join(titles)]
        for number in range(self.epochs):
            cells = [f"{number + 1}", f"{self.loss[number]:.4f}", f"{self.accuracy[number]:.2%}"]
            if validated:
                cells.append(f"{self.validation_loss[number]:.4f}")
                cells.append(f"{self.validation_accuracy[number]:.2%}")
            cells.append(f"{self.epoch_s[number]:.3f}")
            pairs = zip(titles, cells, strict=True)
            lines.append("  ".join(cell.rjust(len(title)) for title, cell in pairs))
        ending = {"target": "the target was reached", "interrupted": "interrupted"}
        if self.stopped:
            lines.append(f"stopped after {self.steps:,} steps: {ending[self.stopped]}")
        return "\n".join(lines)
