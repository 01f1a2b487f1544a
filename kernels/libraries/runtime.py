"""Runtime: the library whose arrays a kernel takes, and how its process is set up.

Naming a library imports it nowhere: that is done in a process of its own alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.host.libraries import why_missing

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Runtime:
    """One library: conversion of arrays to its own and back (not timed), and process settings."""

    name: str
    #: required imports
    requires: tuple[str, ...] = ()
    #: modules of this package in which its kernels are registered
    modules: tuple[str, ...] = ()
    #: environment variables of its process, in addition to those that set thread counts
    environment: Mapping[str, str] = field(default_factory=dict)
    #: start(threads), called once in its process
    start: Callable[[int], object] = lambda threads: None
    #: an array of the library's own, a copy
    wrap: Callable[[Array], Any] = lambda array: array
    #: a NumPy array, from a result or from an input that may have been changed
    unwrap: Callable[[Any], Any] = lambda result: result
    #: whether ``wrap`` copies, so that a changed input shows in the copy alone
    copies: bool = True
    #: waits for an asynchronous result, inside the timing; None where calls are synchronous
    wait: Callable[[Any], Any] | None = None
    #: mode(name) is entered around a whole turn, ``inference_mode`` say
    mode: Callable[[str], AbstractContextManager[Any]] = lambda name: contextlib.nullcontext()
    #: called after every turn
    after: Callable[[], object] = lambda: None
    #: called when a problem is finished, to free memory
    close: Callable[[], object] = lambda: None
    #: versions and threads, ready for JSON
    facts: Callable[[], Mapping[str, Any]] = dict
    #: the extra that installs it, where that has another name
    extra: str = ""
    #: why it cannot run here though it is installed; empty where it can
    unable: Callable[[], str] = str

    @property
    def reason(self) -> str:
        """Why it cannot run here; empty where it can."""
        if missing := why_missing(self.requires):
            return (
                f"{missing.partition(' (')[0]} (pip install 'einbench[{self.extra or self.name}]')"
            )
        return self.unable()


def stop_blas() -> None:
    """End OpenBLAS's idle threads, which spin for 30 ms after a product."""
    from einbench.jit.spinning import stop_spinning

    stop_spinning()


def blas_threads() -> int:
    """Threads of the largest pool of this process."""
    import threadpoolctl

    return max((pool["num_threads"] for pool in threadpoolctl.threadpool_info()), default=1)


def _numpy_start(threads: int) -> None:
    from einbench.host.machine import limit_threads

    limit_threads(threads).__enter__()  # until the process ends


def _numpy_facts() -> dict[str, Any]:
    return {"numpy": np.__version__, "threads": blas_threads()}


#: kernels of this suite in a process of their own
NUMPY = Runtime("numpy", start=_numpy_start, copies=False, after=stop_blas, facts=_numpy_facts)
