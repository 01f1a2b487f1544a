"""How much is measured: ``EINBENCH_PROFILE=quick|regular|thorough``, quick where it is not set.

asv starts a process per cell (operation, kernel, batch, dtype) and round, so a profile is first
of all a choice of cells. The caps are wall times of one commit in one environment on two cores,
checks and compilation included, building the environment not. They hold on any machine: where
the time is used up, the cells that are left get no time.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

VARIABLE = "EINBENCH_PROFILE"
DEFAULT = "quick"


@dataclass(frozen=True)
class Profile:
    """What is measured and for how long."""

    name: str
    #: most minutes for one commit in one environment on two cores; None: no promise
    cap_minutes: float | None
    batches: tuple[int, ...]
    dtypes: tuple[str, ...]
    #: whether ``peakmem_kernel`` is measured: one more process a cell
    peak_memory: bool
    #: seconds of timing in the comparison that checks the kernels and predicts their times;
    #: a cell whose call would take more than a twentieth of it, or than 1 s, is skipped
    budget_s: float
    #: processes that time a cell: times differ between processes
    rounds: int
    #: seconds of samples, of one sample and of warm-up in each of them
    cell_s: float
    sample_s: float
    warmup_s: float
    #: after so many seconds the comparison counts as failed
    examine_timeout_s: float


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "quick", 3, (1, 128), ("float32",), peak_memory=False, budget_s=3.0, rounds=2,
            cell_s=0.05, sample_s=0.004, warmup_s=0.02, examine_timeout_s=300.0,
        ),
        Profile(
            "regular", 30, (1, 32, 128, 1000, 10_000, 60_000), ("float32",), peak_memory=True,
            budget_s=40.0, rounds=2, cell_s=0.2, sample_s=0.01, warmup_s=0.05,
            examine_timeout_s=1200.0,
        ),
        Profile(
            "thorough", None, (1, 32, 128, 1000, 10_000, 60_000), ("float32", "float64"),
            peak_memory=True, budget_s=240.0, rounds=4, cell_s=0.5, sample_s=0.01, warmup_s=0.1,
            examine_timeout_s=7200.0,
        ),
    )
}  # fmt: skip


def chosen(environment: Mapping[str, str] = os.environ) -> Profile:
    """The profile that the environment names.

    Raises:
        ValueError: no profile is called so; the message lists those there are.
    """
    name = environment.get(VARIABLE) or DEFAULT
    if name not in PROFILES:
        raise ValueError(f"{VARIABLE}={name}: no such profile; choose {', '.join(PROFILES)}")
    return PROFILES[name]
