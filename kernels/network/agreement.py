"""Whether trainings that differ in nothing but their kernels went the same way.

Two sums in another order differ by a rounding. Where that puts a ReLU's input on the other side of
zero, a gradient differs by one sample's share, and every later step by more: in float32 a rate
of 0.2 turns one rounding into a tenth of the loss within ten steps. No kernel is at fault then.
So a family that leaves the others is rejected only if trainings that begin some roundings apart, on
the same kernels, do not diverge as early and about as far.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

#: the greatest relative difference of the losses of a step
LIMITS: Mapping[str, float] = {"float32": 1e-4, "float64": 1e-9}
#: each has its chance to land on the other side of the same zero
TWINS = 12
#: part of a difference that a twin must show to explain it
_EXPLAINS = 0.3

#: losses of so many steps of a family, begun some roundings apart; called with the twin's number
Twin = Callable[[str, int, int], Sequence[float]]


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
    #: of every step's loss, relative, to the first family that took the step; None of that itself
    differences: list[float | None] = field(default_factory=list)
    #: steps whose losses were judged: all, or those before rounding alone made a difference
    judged: int = 0

    @property
    def difference(self) -> float | None:
        """The greatest of the steps that were judged; None where nothing was compared."""
        known = [d for d in self.differences[: self.judged] if d is not None]
        return max(known, default=None)


def judge(families: Sequence[Family], limit: float, twin: Twin | None) -> None:
    """Fill in differences, |a - b| / max(|a|, |b|), and reject what rounding does not explain.

    Args:
        families: in the order in which they are compared with those before them.
        limit: the greatest difference that is no divergence.
        twin: trains a family once more; called only where families diverged. None: there is no
            time for that, and no family is judged beyond that step.
    """
    reference: list[float] = []
    owners: list[str] = []
    for family in families:
        known = len(reference)
        pairs = zip(family.losses, reference, strict=False)
        family.differences = [apart(loss, other) for loss, other in pairs]
        family.differences += [None] * (len(family.losses) - len(family.differences))
        reference += family.losses[known:]
        owners += [family.name] * (len(reference) - known)
        family.judged = len(family.losses)
        step = _parting(family.differences, limit)
        if family.status != "ok" or step is None:
            continue
        difference = family.differences[step] or 0.0
        losses = reference[: step + 1]
        if twin is None or _rounding_explains(difference, losses, owners[step], limit, twin):
            family.judged = step
        else:
            family.status = "rejected"
            family.reason = (
                f"the loss of step {step + 1} differs from {owners[step]}'s by {difference:.1e} "
                f"relative, the limit is {limit:.0e}, and rounding does not explain it"
            )


def roundings(number: int) -> int:
    """How far from the parameters a twin begins: 1 to 32, as far as sums of products go."""
    return int(2 ** (number % 6))


def apart(one: float, other: float) -> float:
    """|a - b| / max(|a|, |b|), and 0 of two zeros."""
    largest = max(abs(one), abs(other))
    return abs(one - other) / largest if largest else 0.0


def _parting(differences: Sequence[float | None], limit: float) -> int | None:
    """The first step beyond the limit, counted from 0."""
    beyond = (step for step, d in enumerate(differences) if d is not None and d > limit)
    return next(beyond, None)


def _rounding_explains(
    difference: float, losses: Sequence[float], name: str, limit: float, twin: Twin
) -> bool:
    """Whether a twin of this family comes as far from it by its last step here."""
    enough = max(limit, _EXPLAINS * difference)
    return any(
        apart(one, other) > enough
        for number in range(TWINS)
        for one, other in zip(losses, twin(name, number, len(losses)), strict=False)
    )
