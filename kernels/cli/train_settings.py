"""The settings of a training in one object, and what each of its options may be."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass
from typing import Any

import click

from einbench.names import normalise, unknown

#: families that --compare trains where none is named, the one others are compared with first
FAMILIES = ("loop", "einsum", "matmul", "numba", "auto")
#: loss -> (class in einbench.network, whether it takes probabilities, so that a softmax ends it)
LOSSES = {
    "cross_entropy": ("CrossEntropy", False),
    "negative_log_likelihood": ("NegativeLogLikelihood", True),
    "mean_squared_error": ("MeanSquaredError", False),
    "softmax_mean_squared_error": ("SoftmaxMeanSquaredError", False),
}
INITIALS = ("he", "xavier", "normal", "uniform")
#: how a method is given for one operation: ``linear=einsum``
_OF_ONE = "="


@dataclass(frozen=True)
class Settings:
    """Every choice that decides what a training computes; ``kernels`` only how fast."""

    epochs: int
    batch: int
    kernels: tuple[str, ...]
    hidden: tuple[int, ...]
    rate: float
    momentum: float
    loss: str
    initial: str
    dtype: str
    seed: int
    samples: int | None
    target: float | None
    threads: int | None
    data: str | None
    load: str | None

    def document(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return {**asdict(self), "kernels": list(self.kernels), "hidden": list(self.hidden)}

    @property
    def network_kernels(self) -> str | dict[str, str]:
        """As ``Sequential(kernels=...)`` takes it.

        Raises:
            ValueError: several families for one training, or an operation named twice.
        """
        if not any(_OF_ONE in part for part in self.kernels):
            if len(self.kernels) == 1:
                return self.kernels[0]
            raise ValueError(
                f"--kernels {','.join(self.kernels)}: one training takes one family; name one, "
                "give each operation its own (linear=einsum,relu=numba), or add --compare"
            )
        chosen: dict[str, str] = {}
        for part in self.kernels:
            name, equals, method = (piece.strip() for piece in part.partition(_OF_ONE))
            if not equals or not name or not method:
                raise ValueError(
                    f"--kernels: {part!r} among methods of single operations; "
                    "write operation=method, linear=einsum say"
                )
            if normalise(name) in chosen:
                raise ValueError(f"--kernels: {name!r} is given two methods; give it one")
            chosen[normalise(name)] = normalise(method)
        return chosen


def hidden_units(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    """``128,128`` as numbers; ``none`` is a network without hidden layers."""
    from einbench.cli.parameters import whole

    if value.strip().lower() == "none":
        return ()
    return tuple(whole(1, "128,128 or none")(part.strip()) for part in value.split(","))


def one_of(kind: str, *choices: str) -> Any:
    """A callback for a name in the suite's own form, answered with the nearest there are."""

    def chosen(context: click.Context, parameter: click.Parameter, value: str) -> str:
        name = normalise(value) if value.strip() else value
        if name not in choices:
            raise click.BadParameter(unknown(kind, value, choices))
        return name

    return chosen


def momentum(value: Any) -> float:
    """A number from 0 up to, but not including, 1."""
    with contextlib.suppress(ValueError):
        if 0 <= float(value) < 1:
            return float(value)
    raise click.BadParameter(f"{value!r} is no number from 0 to below 1; write 0 or 0.9")


def fraction(value: Any) -> float:
    """``0.975`` or ``97.5%``."""
    text = str(value).strip()
    with contextlib.suppress(ValueError):
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        if 0 < number <= 1:
            return number
    raise click.BadParameter(f"{value!r} is no accuracy above 0 and up to 1; write 0.975 or 97.5%")
