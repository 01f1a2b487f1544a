"""A kernel without timing any: stub to be replaced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kernels.choose.environment import Environment
from kernels.choose.signature import Signature
from kernels.choose.wisdom import Wisdom
from kernels.registry import Kernel, Operation


class Estimate(NamedTuple):
    """A guess: the kernel, what calls of each would take, and how sure that is."""

    kernel: Kernel
    #: method -> seconds per call
    predicted_s: dict[str, float]
    #: probability that the kernel takes at most 10 % longer than the fastest candidate
    sure: float
    #: what the guess stands on, in words: "fitted to 12 remembered timings"
    basis: str


def estimate(
    op: Operation,
    asked: Signature,
    here: Environment,
    memory: Wisdom,
    usable: Sequence[str],
) -> Estimate:
    """argmin over usable kernels of predicted seconds."""
    raise NotImplementedError
