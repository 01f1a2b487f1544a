"""Kernels of plugins, checked in a process of their own before a program's process calls them.

One that ends its process, hangs, or changes what others stand on is left out of every choice, and
the program goes on. What is not seen: what it does only at other sizes, or after many calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from einbench.blame import COULD_NOT
from einbench.check.judging import Verdict
from einbench.check.verdicts import check_small
from einbench.host.cores import usable_threads
from einbench.kernel import Kernel
from einbench.measure.remote import in_workers, remote, stays
from einbench.measure.transfer import Refused
from einbench.measure.workers import Workers

#: what was found in this process, but for what is not known
_FOUND: dict[tuple[Kernel, str], Apart] = {}


class Apart(NamedTuple):
    """What came of a kernel there, and its status where it did something to its process."""

    verdict: Verdict
    status: str = ""


def check_apart(kernels: Iterable[Kernel], dtype: str) -> dict[str, Apart]:
    """By method, of those that are plugins' and can run here: on small hostile draws."""
    theirs = [kernel for kernel in kernels if kernel.available and not stays(kernel, None)]
    fresh = [kernel for kernel in theirs if (kernel, dtype) not in _FOUND]
    found = {(kernel, dtype): _FOUND[kernel, dtype] for kernel in theirs if kernel not in fresh}
    if fresh:
        with Workers(usable_threads()) as workers:
            for kernel, there in zip(fresh, in_workers(fresh, workers, isolate=None), strict=True):
                found[kernel, dtype] = one = _checked(kernel, there, dtype)
                if one.verdict.status != "unchecked":
                    _FOUND[kernel, dtype] = one
    return {kernel.method: one for (kernel, _), one in found.items()}


def _checked(kernel: Kernel, there: Kernel, dtype: str) -> Apart:
    body = remote(there)
    assert body is not None  # noqa: S101 - it does not stay here
    try:
        body.ready()
    except Refused as problem:
        reason = f"{COULD_NOT}{problem}"
        return Apart(Verdict(kernel, False, np.nan, np.nan, reason, dtype=dtype))
    (verdict,) = check_small(kernel.operation, [there], np.dtype(dtype), seed=0)
    verdict = replace(verdict, kernel=kernel)
    if body.fate is None:
        return Apart(verdict)
    return Apart(replace(verdict, passed=False, reason=str(body.fate)), body.fate.status)
