"""How a problem's kernels are called, and what measuring them may cost."""

from __future__ import annotations

from dataclasses import dataclass

from einbench.contexts import PROGRAM

#: a kernel that declares more temporaries is not guessed to be the fastest
MEMORY_BYTES = 1_000_000_000
#: a choice leaves out kernels that are expected to take so many times as long as the fastest
PRUNED_RATIO = 4.0


@dataclass(frozen=True)
class Conditions:
    """How a problem's kernels are called."""

    #: requested memory order of the inputs: ``C``, ``F``, ``sliced`` ...
    layout: str
    #: of BLAS and numba
    threads: int
    #: of everything that is drawn
    seed: int = 0
    #: as `einbench.auto` calls them: without `Kernel.__call__` and its checks
    bare: bool = False
    #: and write to preallocated outputs, where they can
    reuse_outputs: bool = False
    #: what they are ranked in: see `einbench.contexts`
    context: str = PROGRAM


@dataclass(frozen=True)
class Limits:
    """What a problem may cost: seconds in all, seconds a call, bytes of declared temporaries."""

    budget_s: float
    call_s: float
    #: None: as much as `einbench.check.room` has for them
    memory_bytes: int | None = None
    #: the budget is at least as long as so many calls of the fastest kernel
    least_calls: int = 0
    #: blocks of rounds, each with the inputs at another random placement
    blocks: int = 1
