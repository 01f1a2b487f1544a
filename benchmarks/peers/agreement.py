"""error(p) = |p - p*| / |p* - p0|: how far a contender's steps lead from those of the reference.

p0 are the parameters at the start, p* those after a few steps of the references of the suite's own
operations in float64, |.| the root of the summed squares of one array. A contender that does not
learn has error 1, one that forgets a row of the batch about 1 / batch, one that rounds as it should
some units of eps. Losses are compared before each step, relative to the reference.

A unit whose pre-activation is zero but for rounding may be on in one library and off in another,
both rightly, and of one such unit the gradient changes by more than of a forgotten row. So start
parameters are drawn anew until no pre-activation of any step is that close to zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import einbench
from einbench.measure.workload import Images

from .problem import NAMES, Parameters, Problem, draw

Array = npt.NDArray[Any]

#: steps that are compared, each from where the one before led
STEPS = 3
#: in units of eps of the dtype. Right contenders stay below a tenth of the first and an eighth
#: of the second; what storing rounded parameters loses is most of the first
PARAMETER_LIMIT = 1000.0
LOSS_LIMIT = 50.0
#: pre-activations stay away from zero by this, in eps of the root of their summed squared terms:
#: some times what a sum of 784 products in SIMD registers rounds by
_MARGIN = 8.0
_MOST_SEEDS = 200


@dataclass(frozen=True)
class Steps:
    """Where a few steps led."""

    losses: tuple[float, ...]  # before each step
    parameters: Parameters  # after all


@dataclass(frozen=True)
class Verdict:
    """What the comparison says; ``reason`` is empty where they agree."""

    parameter_error: float
    loss_error: float
    reason: str


@dataclass(frozen=True)
class Reference:
    """A problem, and what a right contender makes of it."""

    problem: Problem
    seed: int
    steps: Steps

    def judge(self, found: Steps) -> Verdict:
        """Whether a contender's steps are these."""
        eps = float(np.finfo(self.problem.inputs.dtype).eps)
        if strange := self._strange(found):
            return Verdict(float("inf"), float("inf"), strange[0])
        errors = {
            name: _norm(there.astype(np.float64) - right) / _norm(right - start)
            for name, there, right, start in zip(
                NAMES, found.parameters, self.steps.parameters, self.problem.parameters, strict=True
            )
        }
        losses = np.array(self.steps.losses)
        off = np.abs(np.array(found.losses) - losses) / losses
        reasons = [
            f"{name} is {error:.2g} of its way from where the reference leads after "
            f"{len(losses)} steps, allowed {PARAMETER_LIMIT * eps:.2g}"
            for name, error in sorted(errors.items(), key=lambda e: (e[1] < np.inf, -e[1]))
            if not error <= PARAMETER_LIMIT * eps
        ]
        reasons += [
            f"the loss before step {n + 1} is {found.losses[n]:.9g}, "
            f"the reference's {losses[n]:.9g}"
            for n in range(len(losses))
            if not off[n] <= LOSS_LIMIT * eps
        ]
        return Verdict(_worst(list(errors.values())), _worst(off), "; ".join(reasons[:2]))

    def _strange(self, found: Steps) -> list[str]:
        """What cannot be compared at all."""
        if len(found.losses) != len(self.steps.losses):
            return [f"{len(found.losses)} losses, expected {len(self.steps.losses)}"]
        if len(found.parameters) != len(NAMES):
            return [f"{len(found.parameters)} parameters, expected {len(NAMES)}"]
        return [
            f"{name} is {a.dtype} {a.shape}, expected {start.dtype} {start.shape}"
            for name, a, start in zip(NAMES, found.parameters, self.problem.parameters, strict=True)
            if (a.dtype, a.shape) != (start.dtype, start.shape)
        ]


def reference(images: Images, batch: int, dtype: str = "float32") -> Reference:
    """A problem of that size on which all right contenders agree, and the steps from it.

    Raises:
        ValueError: there are fewer images, or the batch is too large to keep all pre-activations
            away from zero.
    """
    for seed in range(_MOST_SEEDS):
        problem = draw(images, batch, dtype, seed)
        steps = _steps(problem, _MARGIN * float(np.finfo(dtype).eps))
        if steps is not None:
            return Reference(problem, seed, steps)
    raise ValueError(
        f"batch {batch}: of {_MOST_SEEDS} draws each has a pre-activation that rounding may take "
        "to either side of zero; use a smaller batch"
    )


def _steps(problem: Problem, margin: float) -> Steps | None:
    """The references' steps; None where a pre-activation comes too close to zero."""
    gradients, loss, intermediates = (
        einbench.operation(name).reference
        for name in ("mlp_gradients", "cross_entropy", "mlp_intermediates")
    )
    inputs = problem.inputs.astype(np.float64)
    parameters: Sequence[Array] = [p.astype(np.float64) for p in problem.parameters]
    losses = []
    for _ in range(STEPS):
        w1, b1, w2, b2, *_ = parameters
        y1, o1, y2, _, logits, _ = intermediates(inputs, *parameters)
        if min(_away(y1, inputs, w1, b1), _away(y2, o1, w2, b2)) < margin:
            return None
        losses.append(float(loss(logits, problem.labels, reduction="mean")))
        summed = gradients(inputs, *parameters, problem.labels)
        factor = problem.rate / problem.batch
        parameters = [p - factor * g for p, g in zip(parameters, summed, strict=True)]
    return Steps(tuple(losses), tuple(parameters))


def _away(sums: Array, inputs: Array, weights: Array, bias: Array) -> float:
    """The least |y| over the root of its summed squared terms."""
    squares = np.square(inputs) @ np.square(weights).T + np.square(bias)
    return float((np.abs(sums) / np.sqrt(squares)).min())


def _worst(errors: Array | list[float]) -> float:
    """The greatest; infinity where one is no number."""
    greatest = float(np.max(errors))
    return float("inf") if np.isnan(greatest) else greatest


def _norm(array: Array) -> float:
    return float(np.sqrt(np.square(array).sum()))
