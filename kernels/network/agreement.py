"""Whether trainings that differ only in their kernels agree to within amplified rounding.

Sums in another order differ by roundings. Where that changes the sign of a ReLU's input, a gradient
differs by one sample's contribution, and later steps by more: in float32 a rate of 0.2 amplifies
one rounding to a tenth of the loss within ten steps, without any fault of a kernel. So a family
that diverges from the others is rejected only if trainings on the same kernels, from parameters
perturbed by some roundings, do not diverge as early and about as far.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

#: the greatest relative difference of the losses of a step
LIMITS: Mapping[str, float] = {"float32": 1e-4, "float64": 1e-9}
#: perturbed trainings: enough that one of them changes the sign of the same ReLU input
PERTURBED_RUNS = 12
#: fraction of a difference that a perturbed training must reach to explain it
_EXPLAINS = 0.3

#: (family, number of the perturbation, steps) -> losses of the perturbed training
PerturbedRun = Callable[[str, int, int], Sequence[float]]


@dataclass
class Family:
    """One family's training: ``status`` is ok, skipped, rejected or failed."""

    name: str
    status: str = "ok"
    reason: str = ""
    #: of every step, in order
    losses: list[float] = field(default_factory=list)
    #: seconds of every timed step
    samples_s: list[float] = field(default_factory=list)
    #: seconds a step was expected to take
    predicted_s: float | None = None
    #: steps that there was time for
    wanted: int = 0
    #: the kernel that computed each operation
    used: dict[str, str] = field(default_factory=dict)
    #: relative difference of every step's loss to the first family that took it; None for itself
    differences: list[float | None] = field(default_factory=list)
    #: steps whose losses were judged: all, or those before rounding alone made a difference
    judged: int = 0

    @property
    def difference(self) -> float | None:
        """The greatest of the steps that were judged; None where nothing was compared."""
        known = [d for d in self.differences[: self.judged] if d is not None]
        return max(known, default=None)


def judge(families: Sequence[Family], limit: float, perturbed: PerturbedRun | None) -> None:
    """Fill in differences, |a - b| / max(|a|, |b|), and reject what rounding does not explain.

    Args:
        families: in the order in which they are compared with those before them.
        limit: the greatest difference that is no divergence.
        perturbed: trains a family from perturbed parameters; called only where families diverged.
            None: there is no time for that, and no family is judged beyond that step.
    """
    reference: list[float] = []
    owners: list[str] = []
    for family in families:
        known = len(reference)
        pairs = zip(family.losses, reference, strict=False)
        family.differences = [relative_difference(loss, other) for loss, other in pairs]
        family.differences += [None] * (len(family.losses) - len(family.differences))
        reference += family.losses[known:]
        owners += [family.name] * (len(reference) - known)
        family.judged = len(family.losses)
        step = _first_beyond(family.differences, limit)
        if family.status != "ok" or step is None:
            continue
        difference = family.differences[step] or 0.0
        losses = reference[: step + 1]
        if perturbed is None or _rounding_explains(
            difference, losses, owners[step], limit, perturbed
        ):
            family.judged = step
        else:
            family.status = "rejected"
            family.reason = (
                f"the loss of step {step + 1} differs from {owners[step]}'s by {difference:.1e} "
                f"relative, the limit is {limit:.0e}, and rounding does not explain it"
            )


def roundings(number: int) -> int:
    """Size of the perturbation in units of rounding: 1 to 32, as errors of sums of products."""
    return int(2 ** (number % 6))


def relative_difference(one: float, other: float) -> float:
    """|a - b| / max(|a|, |b|), and 0 of two zeros."""
    largest = max(abs(one), abs(other))
    return abs(one - other) / largest if largest else 0.0


def _first_beyond(differences: Sequence[float | None], limit: float) -> int | None:
    """The first step beyond the limit, counted from 0."""
    beyond = (step for step, d in enumerate(differences) if d is not None and d > limit)
    return next(beyond, None)


def _rounding_explains(
    difference: float, losses: Sequence[float], name: str, limit: float, perturbed: PerturbedRun
) -> bool:
    """Whether a perturbed training of this family diverges as far by the last step here."""
    enough = max(limit, _EXPLAINS * difference)
    return any(
        relative_difference(one, other) > enough
        for number in range(PERTURBED_RUNS)
        for one, other in zip(losses, perturbed(name, number, len(losses)), strict=False)
    )
