"""What is asked beside the problem: how kernels are called, and what measuring them may cost."""

from __future__ import annotations

from dataclasses import dataclass

#: a kernel that declares more temporaries is not called, unless more is asked for
MEMORY_BYTES = 1_000_000_000
#: a choice leaves out kernels that are expected to take so many times as long as the fastest
PRUNED_RATIO = 4.0


@dataclass(frozen=True)
class Conditions:
    """How a problem's kernels are called."""

    #: memory order of the inputs, as it was asked for: ``C``, ``F``, ``sliced`` ...
    layout: str
    #: of BLAS and numba
    threads: int
    #: of everything that is drawn
    seed: int = 0
    #: as `einbench.auto` calls them, with nothing between
    bare: bool = False
    #: and write to memory that is there already, where they can
    reuse_outputs: bool = False


@dataclass(frozen=True)
class Limits:
    """What a problem may cost: seconds in all, seconds a call, bytes of declared temporaries."""

    budget_s: float
    call_s: float
    memory_bytes: int = MEMORY_BYTES
    #: or so many calls of the fastest, where they take longer than ``budget_s``
    least_calls: int = 0
    #: the arrays lie elsewhere in each block of rounds
    blocks: int = 1
